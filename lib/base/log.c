#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void mm_say_hint(const mm_log *log, mm_log_level level, mm_hint hint, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    if (!log || !log->say)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log->say(log->ctx, level, hint, line);
}
