/* message.c: messages on standard error, one write for each line, so that threads and pipelines do not mix lines. */
#include "cli/state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1024 };

/* No file name may move the cursor or forge a line; UTF-8 passes. */
static void defang(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == 127)
            *p = '?';
}

static void write_line(const char *tool, char *text)
{
    char line[LINE + 64];
    defang(text);
    int n = snprintf(line, sizeof line - 1, "%s: %s", tool, text);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
        return; /* nowhere left to report it */
}

static void say_line(mm_run *r, char *text) /* lock held */
{
    mm_bar_hide(r);
    write_line(r->tool->name, text);
}

void mm_message(mm_run *r, const char *text)
{
    char copy[LINE];
    snprintf(copy, sizeof copy, "%s", text);
    pthread_mutex_lock(&r->state->lock);
    say_line(r, copy);
    pthread_mutex_unlock(&r->state->lock);
}

void mm_warn(mm_run *r, const char *fmt, ...)
{
    char text[LINE];
    va_list ap;
    if (r->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mm_message(r, text);
}

void mm_run_worsen(mm_run *r, int status)
{
    pthread_mutex_lock(&r->state->lock);
    if (status > r->status)
        r->status = status;
    pthread_mutex_unlock(&r->state->lock);
}

static bool count_failure(mm_run *r) /* lock held */
{
    r->failed++;
    if (r->status < 1)
        r->status = 1;
    if (r->strict)
        r->state->stopped = true;
    return !r->strict;
}

bool mm_item_failed(mm_run *r, const char *what, const mm_err *e)
{
    char text[LINE];
    bool named = !what || strncmp(e->text, what, strlen(what)) == 0;
    char worded[MM_HINTED];
    snprintf(text, sizeof text, "%s%s%s", named ? "" : what, named ? "" : ": ", mm_hinted(e->text, e->hint, worded));
    pthread_mutex_lock(&r->state->lock);
    say_line(r, text);
    bool go_on = count_failure(r);
    pthread_mutex_unlock(&r->state->lock);
    return go_on;
}

/* ---- repeated failures ---- */

static void report_repeated(mm_run *r) /* lock held */
{
    mm_repeated_state *a = &r->state->repeated;
    char text[LINE];
    for (int i = 0; i < a->n; i++)
        if (a->seen[i].more) {
            snprintf(text, sizeof text, "%s: ... and %lld more like it: %s", a->group, (long long)a->seen[i].more,
                     a->seen[i].why);
            say_line(r, text);
        }
    a->n = 0;
}

void mm_repeated_end(mm_run *r)
{
    pthread_mutex_lock(&r->state->lock);
    report_repeated(r);
    pthread_mutex_unlock(&r->state->lock);
}

/* Whether this reason was reported for this group already; remembers it otherwise. */
static bool is_repeated(mm_run *r, mm_str group, mm_str why) /* lock held */
{
    mm_repeated_state *a = &r->state->repeated;
    if (!mm_str_is(group, a->group)) {
        report_repeated(r);
        snprintf(a->group, sizeof a->group, "%.*s", MM_STRF(group));
    }
    for (int i = 0; i < a->n; i++)
        if (mm_str_is(why, a->seen[i].why)) {
            a->seen[i].more++;
            return true;
        }
    if (a->n < MM_REASONS && why.n < sizeof a->seen[0].why && group.n < sizeof a->group) {
        a->seen[a->n].more = 0;
        snprintf(a->seen[a->n++].why, sizeof a->seen[0].why, "%.*s", MM_STRF(why));
    }
    return false;
}

bool mm_item_failed_in(mm_run *r, mm_str group, mm_str item, mm_str why, mm_hint hint)
{
    char text[LINE], plain[MM_HINTED], worded[MM_HINTED];
    snprintf(plain, sizeof plain, "%.*s", MM_STRF(why));
    why = mm_str_of(mm_hinted(plain, hint, worded));
    snprintf(text, sizeof text, "%.*s: %.*s", MM_STRF(item), MM_STRF(why));
    pthread_mutex_lock(&r->state->lock);
    if (!is_repeated(r, group, why))
        say_line(r, text);
    bool go_on = count_failure(r);
    pthread_mutex_unlock(&r->state->lock);
    return go_on;
}

/* One thread ends the program; others that try wait for it. */
static void be_the_one_that_ends(mm_run *r)
{
    if (atomic_exchange(&r->state->dying, true))
        for (;;)
            pause();
}

void mm_die(mm_run *r, const char *fmt, ...)
{
    char text[LINE];
    va_list ap;
    be_the_one_that_ends(r);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mm_message(r, text);
    r->state->salvage(r);
    exit(2);
}

void mm_die_of(mm_run *r, const mm_err *e)
{
    char worded[MM_HINTED];
    mm_die(r, "%s", mm_hinted(e->text, e->hint, worded));
}

void mm_die_in(mm_run *r, const char *where, const mm_err *e)
{
    char worded[MM_HINTED];
    mm_die(r, "%s: %s", where, mm_hinted(e->text, e->hint, worded));
}

void mm_must(mm_run *r, mm_status s, const mm_err *e)
{
    if (s != MM_OK && s != MM_EOF)
        mm_die_of(r, e);
}

void mm_usage(mm_run *r, const char *fmt, ...)
{
    char text[LINE];
    va_list ap;
    be_the_one_that_ends(r);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mm_message(r, text);
    snprintf(text, sizeof text, "try '%s --help'", r->tool->name);
    mm_message(r, text);
    r->state->salvage(r);
    exit(2);
}

void mm_usage_of(mm_run *r, const char *option, const mm_err *e)
{
    char worded[MM_HINTED];
    mm_usage(r, "%s%s%s%s", option ? "--" : "", option ? option : "", option ? ": " : "",
             mm_hinted(e->text, e->hint, worded));
}
