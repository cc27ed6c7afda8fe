#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void mm_say(const mm_log *log, mm_log_level level, const char *fmt, ...)
{
    if (!log || !log->say)
        return;
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log->say(log->ctx, level, line);
}
