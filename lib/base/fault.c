#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

mm_status mm_fault_hint(mm_fault *f, mm_hint hint, const char *code, const char *fmt, ...)
{
    char text[sizeof f->err.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->code = code;
    return mm_fail_hint(&f->err, MM_SKIP, hint, "%s", text);
}

mm_status mm_fault_memory(mm_fault *f)
{
    return mm_fault_set(f, "memory", "out of memory");
}
