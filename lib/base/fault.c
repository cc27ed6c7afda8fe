#include "base/fault.h"

mm_status mm_fault_hint(mm_fault *f, mm_hint hint, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->code = code;
    mm_fail_list(&f->err, MM_SKIP, hint, fmt, ap);
    va_end(ap);
    return MM_SKIP;
}

mm_status mm_fault_memory(mm_fault *f)
{
    return mm_fault_set(f, "memory", "out of memory");
}
