/* fault.h: why an input could not be decoded: a line for people and a short constant code for programs. */
#ifndef MM_BASE_FAULT_H
#define MM_BASE_FAULT_H

#include "base/status.h"

/* Codes that decoders give: "truncated", "corrupt", "too-large", "too-long", "unsupported", "empty", "memory". */
typedef struct {
    const char *code; /* a literal; NULL: nothing failed */
    mm_err err;
} mm_fault;

/* Notes the fault, and what would help; returns MM_SKIP, so that a caller can write
 * `return mm_fault_set(f, "corrupt", "no header");`. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
mm_status
mm_fault_hint(mm_fault *f, mm_hint hint, const char *code, const char *fmt, ...);
#define mm_fault_set(f, code, ...) mm_fault_hint(f, MM_HINT_NONE, code, __VA_ARGS__)
mm_status mm_fault_memory(mm_fault *f);

#endif
