#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

mm_status mm_fail_hint(mm_err *e, mm_status s, mm_hint hint, const char *fmt, ...)
{
    if (!e)
        return s;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    for (char *p = e->text; *p; p++) /* one line on standard error per failure, whatever a file name holds */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
    e->status = s;
    e->hint = hint;
    return s;
}

mm_status mm_fail_memory(mm_err *e)
{
    return mm_fail(e, MM_FATAL, "out of memory");
}
