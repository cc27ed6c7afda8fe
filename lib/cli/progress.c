/* progress.c: one line on standard error: what is done, how fast, what is left, what failed. */
#include "base/clock.h"
#include "cli/state.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double REDRAW = 0.1, REDRAW_FILE = 10; /* seconds: on a terminal, into a log file */

/* By default only the tool that ends a pipeline in a file shows it: two lines over each other help nobody. */
static bool suits(mm_run *r)
{
    return !r->quiet && r->tool->takes & MM_TAKES_PROGRESS && isatty(STDERR_FILENO) && r->state->out.regular;
}

void mm_bar_begin(mm_run *r, int wanted)
{
    mm_bar_state *b = &r->state->bar;
    b->on = wanted < 0 ? suits(r) : wanted > 0;
    b->terminal = isatty(STDERR_FILENO);
    b->began = b->last = mm_seconds();
}

static void append(char *line, size_t size, const char *fmt, double value)
{
    size_t n = strlen(line);
    snprintf(line + n, size - n, fmt, value);
}

static void append_time_left(char *line, size_t size, double seconds)
{
    size_t n = strlen(line);
    long s = seconds < 360000 ? (long)seconds : 360000;
    if (s >= 3600)
        snprintf(line + n, size - n, ", %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(line + n, size - n, ", %ld:%02ld left", s / 60, s % 60);
}

static void compose(mm_run *r, char *line, size_t size)
{
    const mm_bar_state *b = &r->state->bar;
    double spent = mm_seconds() - b->began;
    double part = b->total > 0 ? (double)b->done / (double)b->total : b->fraction;
    if (b->total > 0)
        snprintf(line, size, "%s: %lld of %lld", r->tool->name, (long long)b->done, (long long)b->total);
    else
        snprintf(line, size, "%s: %lld", r->tool->name, (long long)b->done);
    if (part > 0)
        append(line, size, " (%.0f%%)", 100 * part);
    if (spent > 0.5 && b->done)
        append(line, size, ", %.1f/s", (double)b->done / spent);
    if (part > 0 && part < 1 && spent > 2)
        append_time_left(line, size, spent * (1 - part) / part);
    if (r->failed)
        append(line, size, ", %.0f failed", (double)r->failed);
    if (*b->note && strlen(line) + 2 < size)
        snprintf(line + strlen(line), size - strlen(line), ", %s", b->note);
}

static void put(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return;
}

static void draw(mm_run *r, const char *end)
{
    char line[256] = "", all[300];
    mm_bar_state *b = &r->state->bar;
    compose(r, line, sizeof line);
    snprintf(all, sizeof all, "%s%s%s", b->terminal ? "\r\033[K" : "", line, b->terminal ? end : "\n");
    put(all);
    b->shown = b->terminal && !*end;
    b->last = mm_seconds();
}

void mm_bar_hide(mm_run *r)
{
    mm_bar_state *b = &r->state->bar;
    if (b->shown)
        put("\r\033[K");
    b->shown = false;
}

void mm_progress(mm_run *r, int64_t done, int64_t total)
{
    mm_bar_state *b = &r->state->bar;
    if (!b->on)
        return;
    pthread_mutex_lock(&r->state->lock);
    b->done = done;
    b->total = total;
    if (b->on && mm_seconds() - b->last > (b->terminal ? REDRAW : REDRAW_FILE))
        draw(r, "");
    pthread_mutex_unlock(&r->state->lock);
}

void mm_progress_note(mm_run *r, const char *fmt, ...)
{
    mm_bar_state *b = &r->state->bar;
    va_list args;
    if (!b->on)
        return;
    va_start(args, fmt);
    pthread_mutex_lock(&r->state->lock);
    vsnprintf(b->note, sizeof b->note, fmt, args);
    pthread_mutex_unlock(&r->state->lock);
    va_end(args);
}

void mm_bar_fraction(mm_run *r, double fraction)
{
    if (!r->state->bar.on)
        return;
    pthread_mutex_lock(&r->state->lock);
    r->state->bar.fraction = fraction;
    pthread_mutex_unlock(&r->state->lock);
}

void mm_bar_end(mm_run *r)
{
    mm_bar_state *b = &r->state->bar;
    pthread_mutex_lock(&r->state->lock);
    if (b->on)
        draw(r, "\n");
    b->on = false;
    pthread_mutex_unlock(&r->state->lock);
}
