#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

static void set(mm_fault *f, mm_hint hint, const char *code, const char *fmt, va_list ap)
{
    char text[sizeof f->err.text];
    vsnprintf(text, sizeof text, fmt, ap);
    f->code = code;
    mm_fail_hint(&f->err, MM_SKIP, hint, "%s", text);
}

mm_status mm_fault_set(mm_fault *f, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(f, MM_HINT_NONE, code, fmt, ap);
    va_end(ap);
    return MM_SKIP;
}

mm_status mm_fault_hint(mm_fault *f, mm_hint hint, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(f, hint, code, fmt, ap);
    va_end(ap);
    return MM_SKIP;
}

mm_status mm_fault_memory(mm_fault *f)
{
    return mm_fault_set(f, "memory", "out of memory");
}
