/* rowwise.c: normalisation, gathering and pooling: everything that is bound by memory, not by arithmetic. */
#include "backend/cpu/device.h"

#include <math.h>

/* Floats that one task should have at least: below that, handing out costs more than it saves. */
enum { TASK_FLOATS = 1 << 14 };

typedef struct {
    const void *op;
    const mm_kernels *k;
    int64_t rows, per; /* rows, rows of a task */
} row_job;

/* Hands out rows 0 .. rows-1 of `width` floats in tasks of TASK_FLOATS. */
static void each_rows(mm_cpu_dev *d, const void *op, int64_t rows, int64_t width,
                      void (*body)(void *ctx, int i, int worker))
{
    int64_t per = width >= TASK_FLOATS ? 1 : mm_ceil_div(TASK_FLOATS, width > 0 ? width : 1);
    per = mm_ceil_div(rows, INT32_MAX) > per ? mm_ceil_div(rows, INT32_MAX) : per;
    row_job j = {op, d->k, rows, per};
    mm_pool_run(d->head.pool, (int)mm_ceil_div(rows, per), body, &j);
}

static int64_t task_end(const row_job *j, int i)
{
    int64_t end = (i + 1) * j->per;
    return end < j->rows ? end : j->rows;
}

static const float *vector_of(const mm_weight *w)
{
    return w ? ((const mm_cpu_weight *)w)->vector : NULL;
}

/* ---- normalisation ---- */

static void layer_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_norm_op *op = j->op;
    const float *x = mm_cpu_at(&op->x), *gain = vector_of(op->gain), *bias = vector_of(op->bias);
    float *y = mm_cpu_at(&op->y);
    for (int64_t r = i * j->per; r < task_end(j, i); r++)
        j->k->norm_row(y + r * op->y.ld, x + r * op->x.ld, op->channels, gain, bias, op->eps, op->act);
}

/* Task i: vector i % strips of channels of item i / strips. */
static void group_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_norm_op *op = j->op;
    const int64_t strips = mm_ceil_div(op->channels, j->k->vl), item = i / strips, c = i % strips * j->k->vl;
    const int64_t r0 = op->cu[item], rows = op->cu[item + 1] - r0, left = op->channels - c;
    if (rows > 0)
        j->k->norm_cols(mm_cpu_at(&op->y) + r0 * op->y.ld + c, op->y.ld, mm_cpu_at(&op->x) + r0 * op->x.ld + c,
                        op->x.ld, rows, left < j->k->vl ? (int)left : j->k->vl, vector_of(op->gain) + c,
                        op->bias ? vector_of(op->bias) + c : NULL, op->eps, op->act);
}

mm_status mm_cpu_norm(mm_dev *dev, const mm_norm_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    if (op->kind == MM_NORM_LAYER) {
        each_rows(d, op, op->rows, op->channels, layer_task);
        return MM_OK;
    }
    int64_t tasks = op->n * mm_ceil_div(op->channels, d->k->vl);
    if (tasks > INT32_MAX)
        return mm_fail(e, MM_FATAL, "group norm over too many channels at once");
    mm_pool_run(d->head.pool, (int)tasks, group_task, &(row_job){.op = op, .k = d->k});
    return MM_OK;
}

/* ---- gathering ---- */

static void add_converted(const mm_kernels *k, float *y, const char *x, mm_type t, int64_t n)
{
    float piece[256];
    const size_t size = mm_type_size(t);
    for (int64_t i = 0; i < n; i += 256) {
        int64_t m = n - i < 256 ? n - i : 256;
        mm_to_f32(piece, x + (size_t)i * size, t, m);
        k->add(y + i, piece, m);
    }
}

/* The row with number `id` of the table, or of the matrix x. */
static const char *source_row(const mm_gather_op *op, int32_t id, mm_type *t)
{
    *t = MM_F32;
    if (!op->table)
        return (const char *)(mm_cpu_at(&op->x) + id * op->x.ld);
    const mm_tensor *table = &((const mm_cpu_weight *)op->table)->part[0];
    *t = table->s.type;
    return (const char *)table->data + (size_t)(id * op->width) * mm_type_size(*t);
}

static void gather_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_gather_op *op = j->op;
    for (int64_t r = i * j->per; r < task_end(j, i); r++) {
        float *y = mm_cpu_at(&op->y) + r * op->y.ld;
        mm_type t;
        if (op->ids[r] < 0) {
            if (!op->add)
                memset(y, 0, (size_t)op->width * sizeof *y);
            continue;
        }
        const char *x = source_row(op, op->ids[r], &t);
        if (op->add)
            add_converted(j->k, y, x, t, op->width);
        else
            mm_to_f32(y, x, t, op->width);
    }
}

mm_status mm_cpu_gather(mm_dev *dev, const mm_gather_op *op, mm_err *e)
{
    (void)e;
    each_rows((mm_cpu_dev *)dev, op, op->rows, op->width, gather_task);
    return MM_OK;
}

/* ---- pooling ---- */

static void pool_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_pool_op *op = j->op;
    const int64_t rows = op->hi[i] - op->lo[i];
    float *y = mm_cpu_at(&op->y) + i * op->y.ld;
    memset(y, 0, (size_t)op->width * sizeof *y);
    if (rows <= 0)
        return;
    const float *x = mm_cpu_at(&op->x);
    for (int64_t r = op->lo[i]; r < op->hi[i]; r++)
        j->k->add(y, x + r * op->x.ld, op->width);
    float f = 1.0f / (float)rows;
    if (op->l2) {
        float norm = sqrtf(j->k->square_sum(y, op->width)); /* the division by rows cancels */
        f = norm > 0 ? 1.0f / norm : 0.0f;
    }
    j->k->scale(y, y, op->width, f);
}

mm_status mm_cpu_pool_rows(mm_dev *dev, const mm_pool_op *op, mm_err *e)
{
    (void)e;
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    mm_pool_run(d->head.pool, op->n, pool_task, &(row_job){.op = op, .k = d->k});
    return MM_OK;
}
