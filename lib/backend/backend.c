#include "backend/backend.h"

#include "backend/cpu/device.h"
#include "backend/vulkan/vulkan.h"

#include <string.h>

/* In the order in which "auto" tries them. */
static const mm_backend *const backends[] = {&mm_backend_vulkan, &mm_backend_cpu};
enum { BACKENDS = sizeof backends / sizeof *backends };

static const char *const precisions[] = {"fp32", "bf16", "fp16", "int8", "auto"}; /* in the order of mm_precision */

const char *mm_precision_name(mm_precision p)
{
    return precisions[p];
}

bool mm_precision_of(mm_precision *out, const char *name)
{
    for (int i = 0; i <= MM_PREC_AUTO; i++)
        if (strcmp(precisions[i], name) == 0) {
            *out = (mm_precision)i;
            return true;
        }
    return false;
}

/* ---- devices ---- */

static bool answers_to(const mm_backend *be, const char *name)
{
    size_t n = strlen(be->name);
    return strncmp(name, be->name, n) == 0 && (name[n] == '\0' || name[n] == ':');
}

static mm_status unknown_device(const char *name, mm_err *e)
{
    char known[128] = "";
    for (int i = 0; i < BACKENDS; i++) {
        strncat(known, backends[i]->name, sizeof known - strlen(known) - 1);
        strncat(known, ", ", sizeof known - strlen(known) - 1);
    }
    return mm_fail(e, MM_FATAL, "%s: no such device; there is %sauto", name, known);
}

mm_status mm_dev_open(mm_dev **out, const mm_dev_opts *o, mm_err *e)
{
    *out = NULL;
    const char *name = o->name && *o->name ? o->name : "auto";
    bool any = strcmp(name, "auto") == 0, found = false;
    for (int i = 0; i < BACKENDS; i++) {
        if (!any && !answers_to(backends[i], name))
            continue;
        found = true;
        mm_status s = backends[i]->open(out, o, e);
        if (s == MM_OK || !any || i + 1 == BACKENDS)
            return s;
        mm_say(o->log, MM_LOG_INFO, "device: not %s: %s", backends[i]->name, e ? e->text : "?");
    }
    return found ? MM_FATAL : unknown_device(name, e);
}

void mm_dev_close(mm_dev *d)
{
    if (d)
        d->be->close(d);
}

const char *mm_dev_name(const mm_dev *d)
{
    return d->be->describe(d);
}

mm_precision mm_dev_precision(const mm_dev *d)
{
    return d->precision;
}

mm_threads *mm_dev_threads(mm_dev *d)
{
    return d->pool;
}

/* ---- packed weights ---- */

const char *mm_dev_layout(const mm_dev *d)
{
    return d->be->layout ? d->be->layout(d) : NULL;
}

mm_status mm_dev_ready(mm_ready *out, mm_dev *d, mm_weight *w, mm_err *e)
{
    *out = (mm_ready){0};
    if (!d->be->ready || (w->kind != MM_WEIGHT_LINEAR && w->kind != MM_WEIGHT_CONV))
        return mm_fail(e, MM_FATAL, "%s does not pack weights", mm_dev_name(d));
    return d->be->ready(out, d, w, e);
}

void mm_dev_watch(mm_dev *d, mm_dev_made *made, void *ctx)
{
    d->made = made;
    d->made_ctx = ctx;
}

void mm_dev_named(mm_dev *d, const char *name, mm_weight *w)
{
    if (d->made)
        d->made(d->made_ctx, name, w);
}

void mm_dev_each(void (*each)(void *ctx, const char *name), void *ctx)
{
    for (int i = BACKENDS - 1; i >= 0; i--)
        if (backends[i]->each)
            backends[i]->each(each, ctx);
        else
            each(ctx, backends[i]->name);
}

int mm_dev_facts(const mm_dev *d, mm_fact *facts, int most)
{
    return d->be->facts ? d->be->facts(d, facts, most) : 0;
}

/* ---- parameters ---- */

/* A parameter that a kernel can read: F32, F16 or BF16, no more than a terabyte in any direction. */
static bool readable(const mm_tensor *t)
{
    return t->s.type == MM_F32 || t->s.type == MM_F16 || t->s.type == MM_BF16;
}

static mm_status check_bias(const mm_tensor *bias, int64_t n, mm_err *e)
{
    if (!bias->data)
        return MM_OK;
    if (!readable(bias) || mm_shape_count(&bias->s) != n) {
        char text[128];
        return mm_fail(e, MM_FATAL, "bias %s does not fit %lld outputs", mm_shape_text(&bias->s, text, sizeof text),
                       (long long)n);
    }
    return MM_OK;
}

mm_status mm_dev_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e)
{
    *out = NULL;
    if (w->parts < 1 || w->parts > MM_MAX_PARTS)
        return mm_fail(e, MM_FATAL, "a linear weight of %d parts", w->parts);
    int in = w->transposed ? 0 : 1;
    for (int i = 0; i < w->parts; i++) {
        const mm_shape *s = &w->w[i].s;
        char text[128];
        if (s->rank != 2 || s->dim[0] < 1 || s->dim[1] < 1 || !w->w[i].data || !readable(&w->w[i]) ||
            s->dim[in] != w->w[0].s.dim[in])
            return mm_fail(e, MM_FATAL, "%s is no weight of a linear layer", mm_shape_text(s, text, sizeof text));
        mm_status st = check_bias(&w->bias[i], s->dim[1 - in], e);
        if (st != MM_OK)
            return st;
    }
    return d->be->linear_weight(out, d, w, e);
}

mm_status mm_dev_conv_weight(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e)
{
    *out = NULL;
    const mm_shape *s = &w->w.s;
    char text[128];
    if (s->rank < 3 || s->rank > 5 || mm_shape_count(s) < 1 || !w->w.data || !readable(&w->w))
        return mm_fail(e, MM_FATAL, "%s is no weight of a convolution", mm_shape_text(s, text, sizeof text));
    if (w->groups < 1 || s->dim[0] % w->groups != 0)
        return mm_fail(e, MM_FATAL, "%s does not divide into %d groups", mm_shape_text(s, text, sizeof text),
                       w->groups);
    mm_status st = check_bias(&w->bias, s->dim[0], e);
    return st == MM_OK ? d->be->conv_weight(out, d, w, e) : st;
}

mm_status mm_dev_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    *out = NULL;
    char text[128];
    if (!t->data || !readable(t) || mm_shape_count(&t->s) < 1)
        return mm_fail(e, MM_FATAL, "%s is no vector", mm_shape_text(&t->s, text, sizeof text));
    return d->be->vector(out, d, t, e);
}

mm_status mm_dev_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    *out = NULL;
    char text[128];
    if (!t->data || !readable(t) || t->s.rank < 1 || mm_shape_count(&t->s) < 1)
        return mm_fail(e, MM_FATAL, "%s is no table", mm_shape_text(&t->s, text, sizeof text));
    return d->be->table(out, d, t, e);
}

void mm_dev_weight_free(mm_dev *d, mm_weight *w)
{
    if (w)
        d->be->weight_free(d, w);
}

/* ---- buffers ---- */

mm_status mm_dev_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e)
{
    *out = NULL;
    if (floats < 0 || floats > INT64_MAX / 8)
        return mm_fail(e, MM_FATAL, "a buffer of %lld floats", (long long)floats);
    return d->be->alloc(out, d, floats, e);
}

int64_t mm_dev_room(const mm_dev *d)
{
    return d->be->room ? d->be->room(d) : (int64_t)64 << 20;
}

void mm_dev_free(mm_dev *d, mm_dbuf *b)
{
    if (b)
        d->be->free(d, b);
}

/* An operation runs only if nothing failed before it; its failure is kept for the flush. */
static bool ready(const mm_dev *d)
{
    return d->failed.status == MM_OK;
}

static void keep(mm_dev *d, mm_status s)
{
    if (s != MM_OK)
        d->failed.status = s;
}

#define REFUSE_UNLESS(d, condition, ...)                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            mm_fail(&(d)->failed, MM_FATAL, __VA_ARGS__);                                                              \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

static bool inside(const mm_dbuf *b, int64_t off, int64_t n)
{
    return b && off >= 0 && n >= 0 && n <= b->floats && off <= b->floats - n;
}

void mm_dev_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, inside(b, off, n), "a write leaves its buffer");
    keep(d, d->be->write(d, b, off, src, n, &d->failed));
}

void mm_dev_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, inside(b, off, n), "a read leaves its buffer");
    keep(d, d->be->read(d, b, off, dst, n, &d->failed));
}

/* ---- operations ---- */

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
           inside(m->buf, m->off, last);
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

bool mm_dev_halves(const mm_dev *d)
{
    return d->be->halves && d->be->halves(d);
}

/* A matrix that an operation takes as floats or halves. */
static bool either(const mm_dev *d, const mm_mat *m, int64_t width)
{
    return !m->half || (mm_dev_halves(d) && width % 8 == 0 && m->off % 4 == 0 && m->ld % 4 == 0);
}

void mm_dev_linear(mm_dev *d, const mm_linear_op *op)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, op->w && op->w->kind == MM_WEIGHT_LINEAR, "linear: not a linear weight");
    REFUSE_UNLESS(d, fits(&op->x, op->rows, op->w->k), "linear: x leaves its buffer");
    REFUSE_UNLESS(d, fits(&op->y, op->rows, op->w->n), "linear: y leaves its buffer");
    REFUSE_UNLESS(d, !op->residual.buf || fits(&op->residual, op->rows, op->w->n),
                  "linear: residual leaves its buffer");
    REFUSE_UNLESS(d, !op->scale || is(op->scale, MM_WEIGHT_VECTOR, op->w->n), "linear: scale does not fit the outputs");
    REFUSE_UNLESS(d, either(d, &op->x, op->w->k) && either(d, &op->y, op->w->n) && !op->residual.half,
                  "linear: a half matrix in the wrong place");
    if (op->rows > 0)
        keep(d, d->be->linear(d, op, &d->failed));
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

void mm_dev_conv(mm_dev *d, const mm_conv_op *op)
{
    if (!ready(d))
        return;
    const mm_weight *w = op->w;
    REFUSE_UNLESS(d, w && w->kind == MM_WEIGHT_CONV && w->rank == op->rank, "conv: not a weight of this rank");
    for (int r = 0; r < op->rank; r++)
        REFUSE_UNLESS(d, op->stride[r] >= 1 && op->pad[r] >= 0 && op->pad[r] <= INT32_MAX && op->trim >= 0,
                      "conv: stride or padding out of range");
    REFUSE_UNLESS(d, cumulative(op->cu_x, op->n) && cumulative(op->cu_y, op->n) && conv_counts(op),
                  "conv: row counts do not agree with the dimensions");
    int64_t rows = op->cu_y[op->n];
    REFUSE_UNLESS(d, fits(&op->x, op->cu_x[op->n], w->k * w->groups), "conv: x leaves its buffer");
    REFUSE_UNLESS(d, fits(&op->y, rows, w->n), "conv: y leaves its buffer");
    REFUSE_UNLESS(d, !op->residual.buf || fits(&op->residual, rows, w->n), "conv: residual leaves its buffer");
    REFUSE_UNLESS(d, !op->x.half && !op->y.half && !op->residual.half, "conv: a half matrix in the wrong place");
    if (rows > 0)
        keep(d, d->be->conv(d, op, &d->failed));
}

void mm_dev_norm(mm_dev *d, const mm_norm_op *op)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, fits(&op->x, op->rows, op->channels), "norm: x leaves its buffer");
    REFUSE_UNLESS(d, fits(&op->y, op->rows, op->channels), "norm: y leaves its buffer");
    REFUSE_UNLESS(d, is(op->gain, MM_WEIGHT_VECTOR, op->channels), "norm: gain does not fit the channels");
    REFUSE_UNLESS(d, !op->bias || is(op->bias, MM_WEIGHT_VECTOR, op->channels), "norm: bias does not fit the channels");
    REFUSE_UNLESS(d, !op->also.buf || (op->also.half && fits(&op->also, op->rows, op->channels)),
                  "norm: the second result leaves its buffer, or is not half");
    REFUSE_UNLESS(d,
                  !op->x.half && either(d, &op->y, op->channels) && either(d, &op->also, op->channels) &&
                      (op->kind == MM_NORM_LAYER || (!op->y.half && !op->also.buf)),
                  "norm: a half matrix in the wrong place");
    REFUSE_UNLESS(d, op->kind == MM_NORM_LAYER || (cumulative(op->cu, op->n) && op->cu[op->n] == op->rows),
                  "norm: items do not add up to the rows");
    if (op->rows > 0)
        keep(d, d->be->norm(d, op, &d->failed));
}

void mm_dev_attend(mm_dev *d, const mm_attend_op *op)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, op->heads > 0 && op->head > 0 && op->head <= 1 << 14 && op->q_offset >= 0,
                  "attend: heads out of range");
    REFUSE_UNLESS(d, cumulative(op->cu_q, op->n) && cumulative(op->cu_k, op->n), "attend: row counts fall");
    int64_t width = (int64_t)op->heads * op->head, queries = op->cu_q[op->n], keys = op->cu_k[op->n];
    REFUSE_UNLESS(d,
                  fits(&op->q, queries, width) && fits(&op->out, queries, width) && fits(&op->k, keys, width) &&
                      fits(&op->v, keys, width),
                  "attend: a matrix leaves its buffer");
    const bool half = op->q.half;
    REFUSE_UNLESS(d,
                  op->k.half == half && op->v.half == half && either(d, &op->q, op->head) &&
                      either(d, &op->k, op->head) && either(d, &op->v, op->head) && either(d, &op->out, op->head) &&
                      ((!half && !op->out.half) || op->head <= 128),
                  "attend: a half matrix in the wrong place");
    if (queries > 0)
        keep(d, d->be->attend(d, op, &d->failed));
}

void mm_dev_gather(mm_dev *d, const mm_gather_op *op)
{
    if (!ready(d))
        return;
    const mm_weight *t = op->table;
    REFUSE_UNLESS(d, fits(&op->y, op->rows, op->width), "gather: y leaves its buffer");
    REFUSE_UNLESS(d, (t != NULL) != (op->x.buf != NULL), "gather: one of table and x");
    REFUSE_UNLESS(d, !op->x.half && !op->y.half, "gather: a half matrix in the wrong place");
    REFUSE_UNLESS(d, !t || (t->kind == MM_WEIGHT_TABLE && t->k == op->width), "gather: the table has another width");
    int32_t top = -1;
    for (int64_t r = 0; r < op->rows; r++)
        top = op->ids[r] > top ? op->ids[r] : top;
    REFUSE_UNLESS(d, t ? top < t->n : fits(&op->x, (int64_t)top + 1, op->width), "gather: row %d is not there",
                  (int)top);
    if (op->rows > 0)
        keep(d, d->be->gather(d, op, &d->failed));
}

void mm_dev_pool_rows(mm_dev *d, const mm_pool_op *op)
{
    if (!ready(d))
        return;
    REFUSE_UNLESS(d, fits(&op->y, op->n, op->width), "pool: y leaves its buffer");
    REFUSE_UNLESS(d, !op->x.half && !op->y.half, "pool: a half matrix in the wrong place");
    for (int i = 0; i < op->n; i++)
        REFUSE_UNLESS(d, op->lo[i] >= op->hi[i] || (op->lo[i] >= 0 && fits(&op->x, op->hi[i], op->width)),
                      "pool: rows %lld to %lld are not there", (long long)op->lo[i], (long long)op->hi[i]);
    if (op->n > 0)
        keep(d, d->be->pool(d, op, &d->failed));
}

/* What happened since the last flush: the first failure of an operation, else `s`. */
static mm_status report(mm_dev *d, mm_status s, mm_err *e)
{
    if (d->failed.status == MM_OK && s == MM_OK)
        return MM_OK;
    mm_err failed = d->failed;
    d->failed = (mm_err){0};
    if (failed.status == MM_OK)
        failed.status = s;
    return mm_fail(e, failed.status, "%s", failed.text);
}

mm_status mm_dev_flush(mm_dev *d, mm_err *e)
{
    return report(d, d->be->flush(d, &d->failed), e);
}

bool mm_dev_overlaps(const mm_dev *d)
{
    return d->be->submit != NULL;
}

mm_status mm_dev_submit(mm_dev *d, uint64_t *ticket, mm_err *e)
{
    *ticket = 0;
    if (!mm_dev_overlaps(d) || d->failed.status != MM_OK)
        return mm_dev_flush(d, e);
    return report(d, d->be->submit(d, ticket, &d->failed), e);
}

mm_status mm_dev_wait(mm_dev *d, uint64_t ticket, mm_err *e)
{
    return mm_dev_overlaps(d) ? d->be->wait(d, ticket, e) : MM_OK;
}
