/* rowwise.c: normalisation, gathering, pooling and their like: everything that is bound by memory, not by arithmetic.
 */
#include "backend/cpu/device.h"

#include <math.h>
#include <stdlib.h>

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
    mm_threads_run(d->head.pool, (int)mm_ceil_div(rows, per), body, &j);
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

/* Layer norm and RMS norm. */
static void channels_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_norm_op *op = j->op;
    const float *x = mm_cpu_at(&op->x), *gain = vector_of(op->gain), *bias = vector_of(op->bias);
    float *y = mm_cpu_at(&op->y);
    for (int64_t r = i * j->per; r < task_end(j, i); r++)
        j->k->norm_row(y + r * op->y.ld, x + r * op->x.ld, op->channels, gain, bias, op->eps, op->act,
                       op->kind == MM_NORM_RMS);
}

/* Group norm over time, item by item: each block of rows gives its columns' means and squared deviations, which are
 * put together (Chan, Golub & LeVeque 1979), then each block is shifted and scaled. So the rows are read twice, from
 * one end to the other: an item has tens of thousands, more than a cache holds. */
enum { SPREAD_ROWS = 128 };

typedef struct {
    const mm_norm_op *op;
    const mm_kernels *k;
    int64_t r0, rows, width;          /* of the item; channels in whole vectors */
    float *mean, *gain, *bias, *part; /* [width] each; part: [blocks][2][width] */
} group_job;

static int64_t block_rows(const group_job *j, int i)
{
    const int64_t left = j->rows - (int64_t)i * SPREAD_ROWS;
    return left < SPREAD_ROWS ? left : SPREAD_ROWS;
}

static void spread_task(void *ctx, int i, int worker)
{
    (void)worker;
    const group_job *j = ctx;
    const mm_mat *x = &j->op->x;
    float *part = j->part + 2 * j->width * i;
    j->k->column_spread(mm_cpu_at(x) + (j->r0 + (int64_t)i * SPREAD_ROWS) * x->ld, x->ld, block_rows(j, i),
                        j->op->channels, part, part + j->width);
}

static void shift_task(void *ctx, int i, int worker)
{
    (void)worker;
    const group_job *j = ctx;
    const mm_norm_op *op = j->op;
    const int64_t r0 = j->r0 + (int64_t)i * SPREAD_ROWS;
    for (int64_t r = r0; r < r0 + block_rows(j, i); r++)
        j->k->shift_row(mm_cpu_at(&op->y) + r * op->y.ld, mm_cpu_at(&op->x) + r * op->x.ld, op->channels, j->mean,
                        j->gain, j->bias, op->act);
}

/* The blocks' parts → mean and gain. */
static void join_parts(const group_job *j, int blocks)
{
    const float *gain = vector_of(j->op->gain);
    memset(j->mean, 0, (size_t)j->width * sizeof *j->mean);
    memset(j->gain, 0, (size_t)j->width * sizeof *j->gain);
    for (int i = 0; i < blocks; i++) {
        const float *mean = j->part + 2 * j->width * i, share = (float)block_rows(j, i) / (float)j->rows;
        for (int64_t c = 0; c < j->op->channels; c++)
            j->mean[c] += mean[c] * share;
    }
    for (int i = 0; i < blocks; i++) {
        const float *mean = j->part + 2 * j->width * i, *spread = mean + j->width, rows = (float)block_rows(j, i);
        for (int64_t c = 0; c < j->op->channels; c++)
            j->gain[c] += spread[c] + (mean[c] - j->mean[c]) * (mean[c] - j->mean[c]) * rows;
    }
    for (int64_t c = 0; c < j->op->channels; c++)
        j->gain[c] = gain[c] / sqrtf(j->gain[c] / (float)j->rows + j->op->eps);
}

static mm_status group_norm(mm_cpu_dev *d, const mm_norm_op *op, mm_err *e)
{
    int64_t most = 0;
    for (int i = 0; i < op->n; i++)
        most = op->cu[i + 1] - op->cu[i] > most ? op->cu[i + 1] - op->cu[i] : most;
    if (mm_ceil_div(most, SPREAD_ROWS) > INT32_MAX)
        return mm_fail(e, MM_FATAL, "group norm over too many rows at once");
    group_job j = {.op = op, .k = d->k, .width = mm_cpu_piece(op->channels)};
    float *memory = mm_cpu_floats((3 + 2 * mm_ceil_div(most, SPREAD_ROWS)) * j.width);
    if (!memory)
        return mm_fail_memory(e);
    j.mean = memory;
    j.gain = memory + j.width;
    j.bias = memory + 2 * j.width;
    j.part = memory + 3 * j.width;
    memset(j.bias, 0, (size_t)j.width * sizeof *memory);
    if (op->bias)
        memcpy(j.bias, vector_of(op->bias), (size_t)op->channels * sizeof *memory);
    for (int i = 0; i < op->n; i++) {
        j.r0 = op->cu[i];
        j.rows = op->cu[i + 1] - op->cu[i];
        const int blocks = (int)mm_ceil_div(j.rows, SPREAD_ROWS);
        mm_threads_run(d->head.pool, blocks, spread_task, &j);
        join_parts(&j, blocks);
        mm_threads_run(d->head.pool, blocks, shift_task, &j);
    }
    free(memory);
    return MM_OK;
}

mm_status mm_cpu_norm(mm_dev *dev, const mm_norm_op *op, mm_err *e)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    if (op->kind == MM_NORM_GROUP_TIME)
        return group_norm(d, op, e);
    each_rows(d, op, op->rows, op->channels, channels_task);
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

/* ---- scattering ---- */

static void scatter_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_scatter_op *op = j->op;
    for (int64_t r = i * j->per; r < task_end(j, i); r++)
        if (op->ids[r] >= 0)
            memcpy(mm_cpu_at(&op->y) + op->ids[r] * op->y.ld, mm_cpu_at(&op->x) + r * op->x.ld,
                   (size_t)op->width * sizeof(float));
}

mm_status mm_cpu_scatter(mm_dev *dev, const mm_scatter_op *op, mm_err *e)
{
    (void)e;
    each_rows((mm_cpu_dev *)dev, op, op->rows, op->width, scatter_task);
    return MM_OK;
}

/* ---- pooling ---- */

static void pool_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_pool_rows_op *op = j->op;
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

mm_status mm_cpu_pool_rows(mm_dev *dev, const mm_pool_rows_op *op, mm_err *e)
{
    (void)e;
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    mm_threads_run(d->head.pool, op->n, pool_task, &(row_job){.op = op, .k = d->k});
    return MM_OK;
}

/* ---- rotary positions, gated units ---- */

static void rotate_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_rotate_op *op = j->op;
    const int rest = op->head - 2 * op->pairs;
    for (int64_t r = i * j->per; r < task_end(j, i); r++) {
        const float *cosine = mm_cpu_at(&op->table) + op->ids[r] * op->table.ld;
        for (int h = 0; h < op->heads; h++) {
            const float *x = mm_cpu_at(&op->x) + r * op->x.ld + (int64_t)h * op->head;
            float *y = mm_cpu_at(&op->y) + r * op->y.ld + (int64_t)h * op->head;
            j->k->rotate(y, x, cosine, cosine + op->pairs, op->pairs, op->interleaved);
            if (y != x && rest)
                memcpy(y + 2 * op->pairs, x + 2 * op->pairs, (size_t)rest * sizeof *y);
        }
    }
}

mm_status mm_cpu_rotate(mm_dev *dev, const mm_rotate_op *op, mm_err *e)
{
    (void)e;
    each_rows((mm_cpu_dev *)dev, op, op->rows, (int64_t)op->heads * op->head, rotate_task);
    return MM_OK;
}

static void glu_task(void *ctx, int i, int worker)
{
    (void)worker;
    const row_job *j = ctx;
    const mm_glu_op *op = j->op;
    for (int64_t r = i * j->per; r < task_end(j, i); r++)
        j->k->glu(mm_cpu_at(&op->y) + r * op->y.ld, mm_cpu_at(&op->a) + r * op->a.ld, mm_cpu_at(&op->b) + r * op->b.ld,
                  op->width, op->act);
}

mm_status mm_cpu_glu(mm_dev *dev, const mm_glu_op *op, mm_err *e)
{
    (void)e;
    each_rows((mm_cpu_dev *)dev, op, op->rows, op->width, glu_task);
    return MM_OK;
}
