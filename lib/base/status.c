#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static void fail(mm_err *e, mm_status s, mm_hint hint, const char *fmt, va_list ap)
{
    if (!e)
        return;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    for (char *p = e->text; *p; p++) /* one line on standard error per failure, whatever a file name holds */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
    e->status = s;
    e->hint = hint;
}

mm_status mm_fail(mm_err *e, mm_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail(e, s, MM_HINT_NONE, fmt, ap);
    va_end(ap);
    return s;
}

mm_status mm_fail_hint(mm_err *e, mm_status s, mm_hint hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail(e, s, hint, fmt, ap);
    va_end(ap);
    return s;
}

mm_status mm_fail_memory(mm_err *e)
{
    return mm_fail(e, MM_FATAL, "out of memory");
}
