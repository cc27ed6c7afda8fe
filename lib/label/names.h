/* names.h: strings to small numbers and back. */
#ifndef MM_LABEL_NAMES_H
#define MM_LABEL_NAMES_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

typedef struct {
    mm_arena arena;
    mm_str *name; /* [n], in order of arrival */
    int32_t n, cap;
    int32_t *slot; /* [2^bits]: an open-addressed table of numbers + 1 */
    int bits;
} mm_names; /* all zero is a valid empty set */

/* The number of that name, a new one if it has none yet. */
mm_status mm_names_number(mm_names *t, mm_str name, int32_t *out, mm_err *e);
void mm_names_free(mm_names *t);

#endif
