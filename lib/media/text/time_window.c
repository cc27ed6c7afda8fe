#include "media/text/time_window.h"

#include "base/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MAX_WINDOW = (int64_t)32 << 20; /* bytes: records stay below 64 MiB */
static const double TICK = 1e-6; /* seconds; times are written in decimal, and hops of .1 s do not add up in binary */

static const double MAX_OVERLAP = 1e6; /* windows that a row may be in */

static double start_of(const mm_time_windows *w, int64_t k)
{
    return w->origin + (double)k * w->hop;
}

/* How many of the rows begin before t. */
static int64_t rows_before(const mm_time_windows *w, double t)
{
    int64_t i = 0;
    while (i < w->n && w->t[i] < t - TICK)
        i++;
    return i;
}

static void drop_before(mm_time_windows *w, double t)
{
    int64_t gone = rows_before(w, t);
    w->n -= gone;
    w->seen = w->seen > gone ? w->seen - gone : 0;
    memmove(w->t, w->t + gone, (size_t)w->n * sizeof *w->t);
    memmove(w->x, w->x + gone * w->width, (size_t)(w->n * w->width) * sizeof *w->x);
}

/* Puts window k, which ends at `to`, if it has rows. */
static mm_status put_window(mm_time_windows *w, double to, mm_fault *f)
{
    int64_t rows = rows_before(w, start_of(w, w->k) + w->window);
    mm_time_window out = {w->x, rows, w->part, {start_of(w, w->k), to}};
    mm_status s = rows ? w->put(w->ctx, &out, f) : MM_OK;
    w->part += rows > 0;
    w->seen = rows > w->seen ? rows : w->seen;
    return s;
}

static void next_window(mm_time_windows *w, double t)
{
    w->k++;
    drop_before(w, start_of(w, w->k));
    double skipped = floor((t - w->origin - w->window) / w->hop); /* of windows without rows */
    if (!w->n && skipped > (double)w->k)
        w->k = (int64_t)skipped;
}

/* Whether windows end at all: their times must differ, and no row may be in too many. */
static mm_status check(const mm_time_windows *w, mm_fault *f)
{
    if (w->window >= TICK && w->hop >= TICK && w->window <= MAX_OVERLAP * w->hop)
        return MM_OK;
    return mm_fault_set(f, "window", "a window of %g s at a hop of %g s does not fit", w->window, w->hop);
}

mm_status mm_time_windows_clock(mm_time_windows *w, double t, mm_fault *f)
{
    if (check(w, f) != MM_OK)
        return MM_SKIP;
    mm_status s = MM_OK;
    if (w->running && t < w->now)
        s = mm_time_windows_end(w, w->now, f);
    if (!w->running) {
        w->running = true;
        w->origin = t;
        w->k = 0;
    }
    w->now = t;
    while (s == MM_OK && start_of(w, w->k) + w->window <= t + TICK) {
        s = put_window(w, start_of(w, w->k) + w->window, f);
        next_window(w, t);
    }
    return s;
}

mm_status mm_time_windows_add(mm_time_windows *w, double t, const float *x, mm_fault *f)
{
    mm_status s = mm_time_windows_clock(w, t, f);
    if (s != MM_OK || t < start_of(w, w->k) - TICK) /* between two windows */
        return s;
    if ((w->n + 1) * w->width > MAX_WINDOW / (int64_t)sizeof *x)
        return mm_fault_set(f, "window", "more than 32 MiB of rows in a window");
    if (!mm_grow_rows(&w->x, &w->x_cap, w->n, w->width) || !mm_grow(&w->t, &w->t_cap, w->n))
        return mm_fault_memory(f);
    memcpy(w->x + w->n * w->width, x, (size_t)w->width * sizeof *x);
    w->t[w->n++] = t;
    return MM_OK;
}

mm_status mm_time_windows_end(mm_time_windows *w, double t, mm_fault *f)
{
    if (!w->running)
        return MM_OK;
    mm_status s = mm_time_windows_clock(w, t < w->now ? w->now : t, f);
    while (s == MM_OK && w->seen < w->n) {
        s = put_window(w, fmin(start_of(w, w->k) + w->window, w->now), f);
        next_window(w, w->now);
    }
    w->running = false;
    w->n = w->seen = 0;
    return s;
}

void mm_time_windows_free(mm_time_windows *w)
{
    free(w->x);
    free(w->t);
}
