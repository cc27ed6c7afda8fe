#include "media/cutter.h"

#include <math.h>
#include <string.h>

enum { MAX_PART = 15 << 20 };       /* numbers: 60 MiB */
static const double MAX_HOP = 1e15; /* samples: sums of hops fit in an int64_t for as long as anything runs */

static int64_t width_of(const mm_cutter *c)
{
    return c->columns ? c->columns : 1;
}

static size_t sample_bytes(const mm_cutter *c)
{
    return (size_t)width_of(c) * sizeof(float);
}

static int64_t held_count(const mm_cutter *c)
{
    return (int64_t)(c->held.n / sample_bytes(c));
}

/* Samples in a window, or in a part. */
static int64_t length_of(const mm_cutter *c)
{
    return c->window ? c->window : MAX_PART / width_of(c);
}

/* Puts the first n held samples. `whole`: they are the whole sound. */
static mm_status put_part(mm_cutter *c, int64_t n, bool whole)
{
    mm_sink *s = c->sink;
    mm_record rec = mm_sink_record(s, c->kind);
    const int64_t dim[2] = {n, c->columns};
    rec.rate = c->rate;
    rec.of = c->of.p ? c->of : rec.of;
    rec.has_tensor = true;
    rec.tensor.data = c->held.p;
    mm_status st = mm_shape_make(&rec.tensor.s, MM_F32, c->columns ? 2 : 1, dim, s->e);
    if (!whole)
        rec.part = c->part;
    if (c->rate && (!whole || c->start != 0)) {
        rec.has_time = true;
        rec.time[0] = c->start + (double)c->first / (double)c->rate;
        rec.time[1] = c->start + (double)(c->first + n) / (double)c->rate;
    }
    c->part++;
    c->in_run++;
    c->covered = c->first + n;
    if (st == MM_OK && c->describe)
        st = c->describe(c->ctx, s, &rec);
    return st == MM_OK ? mm_sink_put(s, &rec) : MM_FATAL;
}

/* Lets the first n samples go; those of them that are still to come are skipped then. */
static void drop(mm_cutter *c, int64_t n)
{
    int64_t here = n < held_count(c) ? n : held_count(c);
    size_t bytes = (size_t)here * sample_bytes(c);
    c->held.n -= bytes;
    memmove(c->held.p, c->held.p + bytes, c->held.n);
    c->first += n;
    c->skip = n - here;
}

/* Samples from the start of this window to that of the next. */
static int64_t step_of(const mm_cutter *c)
{
    return c->window ? llround((double)(c->in_run + 1) * c->hop) - c->first : length_of(c);
}

static mm_status cut(mm_cutter *c)
{
    int64_t length = length_of(c), needed = c->window ? length : length + 1;
    while (held_count(c) >= needed) {
        int64_t step = step_of(c);
        if (put_part(c, length, false) != MM_OK)
            return MM_FATAL;
        drop(c, step);
    }
    return MM_OK;
}

mm_status mm_cutter_begin(mm_cutter *c, int64_t rate, mm_fault *f)
{
    const mm_decode_opts *o = c->sink->o;
    c->rate = rate;
    bool windows = rate && o->window > 0;
    double window = windows ? o->window * (double)rate : 0;
    c->hop = (o->hop > 0 ? o->hop : o->window) * (double)rate;
    if (width_of(c) > MAX_PART)
        return mm_fault_set(f, "too-large", "rows of more than 60 MiB");
    if (windows && !(window >= .5 && window <= (double)(MAX_PART / width_of(c)) && c->hop >= 1 && c->hop <= MAX_HOP))
        return mm_fault_set(f, "window", "a window of %g s at a hop of %g s does not fit", o->window,
                            o->hop > 0 ? o->hop : o->window);
    c->window = llround(window);
    return MM_OK;
}

void mm_cutter_run(mm_cutter *c, double start)
{
    c->start = start;
    c->held.n = 0;
    c->first = c->covered = c->in_run = c->skip = 0;
}

mm_status mm_cutter_push(mm_cutter *c, const float *x, int64_t n, mm_fault *f)
{
    int64_t skip = c->skip < n ? c->skip : n;
    c->skip -= skip;
    if (mm_buf_append(&c->held, x + skip * width_of(c), (size_t)(n - skip) * sample_bytes(c), NULL) != MM_OK)
        return mm_fault_memory(f);
    return cut(c);
}

/* The last window may be shorter. It is left out when the one before it had all of its samples. */
mm_status mm_cutter_end(mm_cutter *c, bool last)
{
    int64_t length = length_of(c), n = held_count(c);
    bool covered = c->in_run > 0 && c->window && n <= c->covered - c->first;
    if (n == 0 || covered)
        return MM_OK;
    return put_part(c, n < length ? n : length, last && c->part == 0 && !c->window);
}

void mm_cutter_free(mm_cutter *c)
{
    mm_buf_free(&c->held);
}
