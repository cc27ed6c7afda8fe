#include "tape/node.h"
#include "tensor/tensor.h"

#include <stdlib.h>

mm_status mm_tape_new(mm_tape **out, mm_threads *pool, bool training, mm_err *e)
{
    mm_tape *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    t->pool = pool;
    t->training = training;
    *out = t;
    return MM_OK;
}

void mm_tape_free(mm_tape *t)
{
    if (!t)
        return;
    mm_arena_free(&t->arena);
    free(t);
}

void mm_tape_reset(mm_tape *t)
{
    mm_arena_reset(&t->arena);
    t->newest = NULL;
    t->failed = (mm_err){0};
}

mm_status mm_tape_error(const mm_tape *t, mm_err *e)
{
    if (e && !mm_tape_ok(t))
        *e = t->failed;
    return t->failed.status;
}

void mm_tape_bf16(mm_tape *t, bool on)
{
    t->bf16 = on;
}

int64_t mm_rows(const mm_node *x)
{
    return x->rows;
}

int64_t mm_cols(const mm_node *x)
{
    return x->cols;
}

const float *mm_value(const mm_node *x)
{
    return x->value;
}

void *mm_tape_alloc(mm_tape *t, size_t count, size_t size)
{
    void *p = mm_arena_zalloc(&t->arena, count, size);
    if (!p)
        mm_fail_memory(&t->failed);
    return p;
}

void *mm_tape_scratch(mm_tape *t, size_t bytes)
{
    return mm_tape_alloc(t, 1, bytes);
}

static mm_node *node_new(mm_tape *t, int64_t rows, int64_t cols)
{
    static mm_node none; /* for operations when memory is out: empty, so that nothing is read or written */
    mm_node *x = mm_tape_alloc(t, 1, sizeof *x);
    if (!x)
        return &none;
    *x = (mm_node){.rows = rows, .cols = cols, .older = t->newest};
    x->value = mm_arena_alloc(&t->arena, (size_t)(rows * cols) * sizeof(float));
    if (!x->value) {
        mm_fail_memory(&t->failed);
        return &none;
    }
    return t->newest = x;
}

mm_node *mm_node_of(mm_tape *t, int64_t rows, int64_t cols, void (*back)(mm_tape *, mm_node *), mm_node *a, mm_node *b)
{
    mm_node *x = node_new(t, rows, cols);
    if (!mm_tape_ok(t))
        return x;
    x->back = back;
    x->s.in[0] = a;
    x->s.in[1] = b;
    x->flows = (a && a->flows) || (b && b->flows);
    return x;
}

float *mm_grad_of(mm_tape *t, mm_node *x)
{
    if (x->flows && !x->grad)
        x->grad = mm_tape_alloc(t, (size_t)(x->rows * x->cols), sizeof(float));
    return x->grad;
}

void mm_tape_misuse(mm_tape *t, const char *op, const mm_node *a, const mm_node *b)
{
    if (mm_tape_ok(t))
        mm_fail(&t->failed, MM_FATAL, "%s: [%lld,%lld] does not go with [%lld,%lld]", op, (long long)a->rows,
                (long long)a->cols, (long long)(b ? b->rows : 0), (long long)(b ? b->cols : 0));
}

const float *mm_operand(mm_tape *t, const float *x, int64_t n)
{
    if (!t->bf16)
        return x;
    float *r = mm_tape_alloc(t, (size_t)n, sizeof *r);
    for (int64_t i = 0; r && i < n; i++)
        r[i] = mm_bf16_to_f32(mm_f32_to_bf16(x[i]));
    return r ? r : x;
}

void mm_transpose(float *restrict y, const float *restrict x, int64_t rows, int64_t cols)
{
    enum { BLOCK = 16 }; /* one cache line of either side */
    for (int64_t i0 = 0; i0 < rows; i0 += BLOCK)
        for (int64_t j0 = 0; j0 < cols; j0 += BLOCK)
            for (int64_t i = i0; i < rows && i < i0 + BLOCK; i++)
                for (int64_t j = j0; j < cols && j < j0 + BLOCK; j++)
                    y[j * rows + i] = x[i * cols + j];
}

const float *mm_transposed(mm_tape *t, const float *x, int64_t rows, int64_t cols)
{
    float *y = mm_tape_alloc(t, (size_t)(rows * cols), sizeof *y);
    if (!y)
        return x;
    mm_transpose(y, x, rows, cols);
    return y;
}

mm_node *mm_t_input(mm_tape *t, int64_t rows, int64_t cols, const float *data)
{
    mm_node *x = node_new(t, rows, cols);
    if (mm_tape_ok(t) && rows > 0 && cols > 0)
        memcpy(x->value, data, (size_t)(rows * cols) * sizeof *data);
    return x;
}

mm_node *mm_t_use(mm_tape *t, mm_param *p)
{
    mm_node *x = mm_tape_alloc(t, 1, sizeof *x);
    if (!x)
        return node_new(t, 0, 0);
    *x = (mm_node){.rows = p->rows, .cols = p->cols, .value = p->value, .older = t->newest};
    if (t->training) {
        x->flows = true;
        x->grad = p->grad;
    }
    return t->newest = x;
}

void mm_backward(mm_tape *t, mm_node *loss, float seed)
{
    if (!mm_tape_ok(t) || !loss->flows)
        return;
    float *g = mm_grad_of(t, loss);
    if (!g)
        return;
    g[0] += seed;
    for (mm_node *x = t->newest; x && mm_tape_ok(t); x = x->older)
        if (x->back && x->flows && x->grad)
            x->back(t, x);
}
