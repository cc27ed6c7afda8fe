#include "base/status.h"

#include <stdio.h>
#include <string.h>

mm_status mm_fail_list(mm_err *e, mm_status s, mm_hint hint, const char *fmt, va_list ap)
{
    if (!e)
        return s;
    char text[sizeof e->text];
    vsnprintf(text, sizeof text, fmt, ap);
    memcpy(e->text, text, sizeof text);
    for (char *p = e->text; *p; p++) /* one line on standard error per failure, whatever a file name holds */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = '?';
    e->status = s;
    e->hint = hint;
    return s;
}

mm_status mm_fail_hint(mm_err *e, mm_status s, mm_hint hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    mm_fail_list(e, s, hint, fmt, ap);
    va_end(ap);
    return s;
}

mm_status mm_fail_memory(mm_err *e)
{
    return mm_fail(e, MM_FATAL, "out of memory");
}
