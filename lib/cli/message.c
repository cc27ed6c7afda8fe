/* message.c: what a tool says on standard error, one write a line, so that threads and pipelines do not mix lines. */
#include "cli/state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1024 };

/* Nothing that a file name holds may move the cursor or forge a line; UTF-8 passes. */
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
        return; /* nowhere left to say it */
}

void mm_message(mm_run *r, const char *text)
{
    char copy[LINE];
    snprintf(copy, sizeof copy, "%s", text);
    pthread_mutex_lock(&r->state->lock);
    mm_bar_hide(r);
    write_line(r->tool->name, copy);
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

bool mm_item_failed(mm_run *r, const char *what, const mm_err *e)
{
    char text[LINE];
    bool named = !what || strncmp(e->text, what, strlen(what)) == 0;
    snprintf(text, sizeof text, "%s%s%s", named ? "" : what, named ? "" : ": ", e->text);
    mm_message(r, text);
    pthread_mutex_lock(&r->state->lock);
    r->failed++;
    if (r->status < 1)
        r->status = 1;
    r->state->stopped |= r->strict;
    pthread_mutex_unlock(&r->state->lock);
    return !r->strict;
}

void mm_die(mm_run *r, const char *fmt, ...)
{
    char text[LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mm_message(r, text);
    mm_out_abandon(r);
    exit(2);
}

void mm_usage(mm_run *r, const char *fmt, ...)
{
    char text[LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    mm_message(r, text);
    snprintf(text, sizeof text, "try '%s --help'", r->tool->name);
    mm_message(r, text);
    mm_out_abandon(r);
    exit(2);
}
