#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const mm_log *log, mm_log_level level, mm_hint hint, const char *fmt, va_list ap)
{
    char line[512];
    vsnprintf(line, sizeof line, fmt, ap);
    log->say(log->ctx, level, hint, line);
}

void mm_say(const mm_log *log, mm_log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (log && log->say)
        say(log, level, MM_HINT_NONE, fmt, ap);
    va_end(ap);
}

void mm_say_hint(const mm_log *log, mm_log_level level, mm_hint hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (log && log->say)
        say(log, level, hint, fmt, ap);
    va_end(ap);
}
