/* ops.c: every descriptor is checked, so that a device may believe what it is handed; then the device is asked. */
#include "backend/vtable.h"

#include <math.h>

#define REQUIRE(condition, ...)                                                                                        \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return mm_fail(e, MM_FATAL, __VA_ARGS__);                                                                  \
    } while (0)

/* ---- what several of them ask ---- */

/* rows × width numbers at m lie inside m's buffer. */
static bool fits(const mm_mat *m, int64_t rows, int64_t width)
{
    width = m->half ? (width + 1) / 2 : width;
    if (!m->buf || rows < 0 || width < 0 || (rows > 1 && m->ld < width))
        return false;
    if (rows == 0 || width == 0)
        return true;
    int64_t last;
    return !__builtin_mul_overflow(rows - 1, m->ld, &last) && !__builtin_add_overflow(last, width, &last) &&
           mm_dbuf_holds(m->buf, m->off, last);
}

static bool is(const mm_weight *w, mm_weight_kind kind, int64_t n)
{
    return w && w->kind == kind && w->n == n;
}

/* n + 1 cumulative counts that begin with 0 and never fall. */
static bool cumulative(const int64_t *cu, int n)
{
    if (n < 0 || !cu || cu[0] != 0)
        return false;
    for (int i = 0; i < n; i++)
        if (cu[i + 1] < cu[i])
            return false;
    return true;
}

int32_t mm_largest_id(const int32_t *ids, int64_t n)
{
    int32_t top = -1;
    for (int64_t r = 0; r < n; r++)
        top = ids[r] > top ? ids[r] : top;
    return top;
}

/* All of n numbers are in 0 .. 2³¹−1; NULL: they are 0. */
static bool counts(const int64_t *x, int n)
{
    for (int i = 0; x && i < n; i++)
        if (x[i] < 0 || x[i] > INT32_MAX)
            return false;
    return true;
}

bool mm_dev_halves(const mm_dev *d)
{
    return d->be->halves && d->be->halves(d);
}

/* A matrix that an operation takes as floats or halves. */
static bool either(const mm_dev *d, const mm_mat *m, int64_t width)
{
    return !m->half || (mm_dev_halves(d) && width % 8 == 0 && m->off % 4 == 0 && m->ld % 4 == 0);
}

/* ---- one operation each ---- */

static mm_status check_linear(const mm_dev *d, const mm_linear_op *op, mm_err *e)
{
    REQUIRE(op->w && op->w->kind == MM_WEIGHT_LINEAR, "linear: not a linear weight");
    REQUIRE(fits(&op->x, op->rows, op->w->k), "linear: x leaves its buffer");
    REQUIRE(fits(&op->y, op->rows, op->w->n), "linear: y leaves its buffer");
    REQUIRE(!op->residual.buf || fits(&op->residual, op->rows, op->w->n), "linear: residual leaves its buffer");
    REQUIRE(!op->scale || is(op->scale, MM_WEIGHT_VECTOR, op->w->n), "linear: scale does not fit the outputs");
    REQUIRE(either(d, &op->x, op->w->k) && either(d, &op->y, op->w->n) && !op->residual.half,
            "linear: a half matrix in the wrong place");
    return MM_OK;
}

int64_t mm_conv_out(int64_t in, int64_t kernel, int64_t stride, int64_t pad)
{
    return in + 2 * pad < kernel ? 0 : (in + 2 * pad - kernel) / stride + 1;
}

/* Rows in and out of every item agree with the dimensions. */
static bool conv_counts(const mm_conv_op *op)
{
    for (int i = 0; i < op->n; i++) {
        int64_t in = 1, out = 1;
        for (int r = 0; r < op->rank; r++) {
            int64_t dim = op->in_dim[i * op->rank + r];
            if (dim < 0 || dim > INT32_MAX)
                return false;
            in *= dim;
            out *= mm_conv_out(dim, op->w->kernel[r], op->stride[r], op->pad[r]) - (op->rank == 1 ? op->trim : 0);
            if (in > INT32_MAX || out > INT32_MAX)
                return false;
        }
        if (op->cu_x[i + 1] - op->cu_x[i] != in || op->cu_y[i + 1] - op->cu_y[i] != (out > 0 ? out : 0))
            return false;
    }
    return true;
}

static mm_status check_conv(const mm_dev *d, const mm_conv_op *op, mm_err *e)
{
    (void)d;
    const mm_weight *w = op->w;
    REQUIRE(w && w->kind == MM_WEIGHT_CONV && w->rank == op->rank, "conv: not a weight of this rank");
    for (int r = 0; r < op->rank; r++)
        REQUIRE(op->stride[r] >= 1 && op->pad[r] >= 0 && op->pad[r] <= INT32_MAX && op->trim >= 0,
                "conv: stride or padding out of range");
    REQUIRE(cumulative(op->cu_x, op->n) && cumulative(op->cu_y, op->n) && conv_counts(op),
            "conv: row counts do not agree with the dimensions");
    const int64_t rows = op->cu_y[op->n];
    REQUIRE(fits(&op->x, op->cu_x[op->n], w->k * w->groups), "conv: x leaves its buffer");
    REQUIRE(fits(&op->y, rows, w->n), "conv: y leaves its buffer");
    REQUIRE(!op->residual.buf || fits(&op->residual, rows, w->n), "conv: residual leaves its buffer");
    REQUIRE(!op->x.half && !op->y.half && !op->residual.half, "conv: a half matrix in the wrong place");
    return MM_OK;
}

static mm_status check_norm(const mm_dev *d, const mm_norm_op *op, mm_err *e)
{
    const bool over_time = op->kind == MM_NORM_GROUP_TIME;
    REQUIRE(fits(&op->x, op->rows, op->channels), "norm: x leaves its buffer");
    REQUIRE(fits(&op->y, op->rows, op->channels), "norm: y leaves its buffer");
    REQUIRE(is(op->gain, MM_WEIGHT_VECTOR, op->channels), "norm: gain does not fit the channels");
    REQUIRE(!op->bias || is(op->bias, MM_WEIGHT_VECTOR, op->channels), "norm: bias does not fit the channels");
    REQUIRE(!op->also.buf || (op->also.half && fits(&op->also, op->rows, op->channels)),
            "norm: the second result leaves its buffer, or is not half");
    REQUIRE(!op->x.half && either(d, &op->y, op->channels) && either(d, &op->also, op->channels) &&
                !(over_time && (op->y.half || op->also.buf)),
            "norm: a half matrix in the wrong place");
    REQUIRE(!over_time || (cumulative(op->cu, op->n) && op->cu[op->n] == op->rows),
            "norm: items do not add up to the rows");
    return MM_OK;
}

/* Every item's rows of the biases are there. */
static bool bias_fits(const mm_attend_op *op)
{
    int64_t rows = 0, keys = 0;
    for (int i = 0; i < op->n; i++) {
        const int64_t first = op->bias_start ? op->bias_start[i] : 0, end = first + op->heads * op->bias_rows;
        if (op->cu_q[i + 1] > op->cu_q[i] && mm_attend_start(op, i) + op->cu_q[i + 1] - op->cu_q[i] > op->bias_rows)
            return false;
        rows = end > rows ? end : rows;
        keys = mm_attend_keys(op, i) > keys ? mm_attend_keys(op, i) : keys;
    }
    return fits(&op->bias, rows, keys);
}

static mm_status check_attend(const mm_dev *d, const mm_attend_op *op, mm_err *e)
{
    const int kv_heads = mm_attend_kv_heads(op);
    REQUIRE(op->heads > 0 && op->heads <= 1 << 14 && op->head > 0 && op->head <= 1 << 14 && op->heads % kv_heads == 0,
            "attend: %d heads of %d, %d of keys: out of range", op->heads, op->head, kv_heads);
    REQUIRE(cumulative(op->cu_q, op->n) && op->cu_q[op->n] <= INT32_MAX, "attend: row counts fall");
    REQUIRE(op->k_count ? counts(op->k_start, op->n) && counts(op->k_count, op->n)
                        : cumulative(op->k_start, op->n) && op->k_start[op->n] <= INT32_MAX,
            "attend: the rows of the keys are out of range, or row counts fall");
    REQUIRE(counts(op->q_start, op->n) && counts(op->prefix, op->n) && op->window >= 0 && op->window <= INT32_MAX,
            "attend: positions, prefix or window out of range");
    REQUIRE(op->scale > 0 && op->scale < INFINITY, "attend: scale %g is not positive", (double)op->scale);
    const int64_t width = (int64_t)op->heads * op->head, kv_width = (int64_t)kv_heads * op->head;
    const int64_t queries = op->cu_q[op->n];
    int64_t end = 0;
    for (int i = 0; i < op->n; i++) {
        REQUIRE(mm_attend_start(op, i) + op->cu_q[i + 1] - op->cu_q[i] <= INT32_MAX,
                "attend: the positions of item %d are out of range", i);
        end = op->k_start[i] + mm_attend_keys(op, i) > end ? op->k_start[i] + mm_attend_keys(op, i) : end;
    }
    REQUIRE(fits(&op->q, queries, width) && fits(&op->out, queries, width) && fits(&op->k, end, kv_width) &&
                fits(&op->v, end, kv_width),
            "attend: a matrix leaves its buffer");
    const bool half = op->q.half;
    REQUIRE(op->k.half == half && op->v.half == half && either(d, &op->q, op->head) && either(d, &op->k, op->head) &&
                either(d, &op->v, op->head) && either(d, &op->out, op->head) &&
                ((!half && !op->out.half) || op->head <= 128) && !op->bias.half && !op->distance.half,
            "attend: a half matrix in the wrong place");
    REQUIRE(!op->bias.buf ||
                (op->bias_rows >= 0 && op->bias_rows <= INT32_MAX && counts(op->bias_start, op->n) && bias_fits(op)),
            "attend: the bias does not have a number for every head, query and key");
    REQUIRE(!op->distance.buf ||
                (op->reach >= 0 && op->reach <= INT32_MAX && fits(&op->distance, op->heads, 2 * op->reach + 1)),
            "attend: the bias by distance does not have 2 reach + 1 numbers for every head");
    return MM_OK;
}

static mm_status check_rotate(const mm_dev *d, const mm_rotate_op *op, mm_err *e)
{
    (void)d;
    REQUIRE(op->heads > 0 && op->heads <= 1 << 14 && op->head > 0 && op->head <= 1 << 14 && op->pairs > 0 &&
                2 * op->pairs <= op->head,
            "rotate: %d heads of %d with %d pairs: out of range", op->heads, op->head, op->pairs);
    const int64_t width = (int64_t)op->heads * op->head;
    REQUIRE(fits(&op->x, op->rows, width) && fits(&op->y, op->rows, width), "rotate: a matrix leaves its buffer");
    for (int64_t r = 0; r < op->rows; r++)
        REQUIRE(op->ids[r] >= 0, "rotate: row %d of the table is not there", (int)op->ids[r]);
    REQUIRE(fits(&op->table, (int64_t)mm_largest_id(op->ids, op->rows) + 1, 2 * (int64_t)op->pairs),
            "rotate: row %d of the table is not there", (int)mm_largest_id(op->ids, op->rows));
    REQUIRE(!op->x.half && !op->y.half && !op->table.half, "rotate: a half matrix in the wrong place");
    return MM_OK;
}

static mm_status check_glu(const mm_dev *d, const mm_glu_op *op, mm_err *e)
{
    (void)d;
    REQUIRE(fits(&op->a, op->rows, op->width) && fits(&op->b, op->rows, op->width) && fits(&op->y, op->rows, op->width),
            "glu: a matrix leaves its buffer");
    REQUIRE(!op->a.half && !op->b.half && !op->y.half, "glu: a half matrix in the wrong place");
    return MM_OK;
}

static mm_status check_gather(const mm_dev *d, const mm_gather_op *op, mm_err *e)
{
    (void)d;
    const mm_weight *t = op->table;
    REQUIRE(fits(&op->y, op->rows, op->width), "gather: y leaves its buffer");
    REQUIRE((t != NULL) != (op->x.buf != NULL), "gather: one of table and x");
    REQUIRE(!op->x.half && !op->y.half, "gather: a half matrix in the wrong place");
    REQUIRE(!t || (t->kind == MM_WEIGHT_TABLE && t->k == op->width), "gather: the table has another width");
    const int32_t top = mm_largest_id(op->ids, op->rows);
    REQUIRE(t ? top < t->n : fits(&op->x, (int64_t)top + 1, op->width), "gather: row %d is not there", (int)top);
    return MM_OK;
}

static mm_status check_scatter(const mm_dev *d, const mm_scatter_op *op, mm_err *e)
{
    (void)d;
    const int32_t top = mm_largest_id(op->ids, op->rows);
    REQUIRE(fits(&op->x, op->rows, op->width), "scatter: x leaves its buffer");
    REQUIRE(fits(&op->y, (int64_t)top + 1, op->width), "scatter: row %d is not there", (int)top);
    REQUIRE(!op->x.half && !op->y.half, "scatter: a half matrix in the wrong place");
    return MM_OK;
}

static mm_status check_pool_rows(const mm_dev *d, const mm_pool_rows_op *op, mm_err *e)
{
    (void)d;
    REQUIRE(fits(&op->y, op->n, op->width), "pool: y leaves its buffer");
    REQUIRE(!op->x.half && !op->y.half, "pool: a half matrix in the wrong place");
    for (int i = 0; i < op->n; i++)
        REQUIRE(op->lo[i] >= op->hi[i] || (op->lo[i] >= 0 && fits(&op->x, op->hi[i], op->width)),
                "pool: rows %lld to %lld are not there", (long long)op->lo[i], (long long)op->hi[i]);
    return MM_OK;
}

/* An operation runs only if nothing failed before it; its failure is kept for the flush. */
#define RUN(name, rows)                                                                                                \
    void mm_dev_##name(mm_dev *d, const mm_##name##_op *op)                                                            \
    {                                                                                                                  \
        if (d->failed.status == MM_OK && check_##name(d, op, &d->failed) == MM_OK && (rows) > 0)                       \
            d->be->name(d, op, &d->failed);                                                                            \
    }
MM_OPS(RUN)
