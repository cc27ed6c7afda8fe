#include "backend/backend.h"

#include "backend/cpu/device.h"
#include "backend/vulkan/vulkan.h"

#include <string.h>

/* In the order in which "auto" tries them. */
static const mm_backend *const backends[] = {&mm_backend_vulkan, &mm_backend_cpu};
enum { BACKENDS = sizeof backends / sizeof *backends };

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

/* Whether kernels read parameters of this type. */
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
            return mm_fail(e, MM_FATAL, "%s: not a weight of a linear layer", mm_shape_text(s, text, sizeof text));
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
        return mm_fail(e, MM_FATAL, "%s: not a weight of a convolution", mm_shape_text(s, text, sizeof text));
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
        return mm_fail(e, MM_FATAL, "%s: not a vector", mm_shape_text(&t->s, text, sizeof text));
    return d->be->vector(out, d, t, e);
}

mm_status mm_dev_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    *out = NULL;
    char text[128];
    if (!t->data || !readable(t) || t->s.rank < 1 || mm_shape_count(&t->s) < 1)
        return mm_fail(e, MM_FATAL, "%s: not a table", mm_shape_text(&t->s, text, sizeof text));
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

int64_t mm_dev_batch_floats(const mm_dev *d)
{
    return d->be->batch_floats ? d->be->batch_floats(d) : (int64_t)64 << 20;
}

void mm_dev_free(mm_dev *d, mm_dbuf *b)
{
    if (b)
        d->be->free(d, b);
}

void mm_dev_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n)
{
    if (d->failed.status != MM_OK)
        return;
    if (mm_dbuf_holds(b, off, n))
        d->be->write(d, b, off, src, n, &d->failed);
    else
        mm_fail(&d->failed, MM_FATAL, "a write leaves its buffer");
}

void mm_dev_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n)
{
    if (d->failed.status != MM_OK)
        return;
    if (mm_dbuf_holds(b, off, n))
        d->be->read(d, b, off, dst, n, &d->failed);
    else
        mm_fail(&d->failed, MM_FATAL, "a read leaves its buffer");
}

/* ---- waiting ---- */

/* What happened since the last flush: the first failure of an operation, else `s`. */
static mm_status report(mm_dev *d, mm_status s, mm_err *e)
{
    if (d->failed.status == MM_OK && s == MM_OK)
        return MM_OK;
    mm_err failed = d->failed;
    d->failed = (mm_err){0};
    if (failed.status == MM_OK)
        failed.status = s;
    if (e)
        *e = failed;
    return failed.status;
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
