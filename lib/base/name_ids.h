/* name_ids.h: strings to small numbers and back. */
#ifndef MM_BASE_NAME_IDS_H
#define MM_BASE_NAME_IDS_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

typedef struct {
    mm_arena arena;
    mm_str *name; /* [n], in order of arrival */
    int32_t n, cap;
    int32_t *slot; /* [2^bits]: an open-addressed table of numbers + 1 */
    int bits;
} mm_name_ids; /* all zero is a valid empty set */

/* The number of that name, from 0 on in order of arrival; the name is copied, NUL-terminated. */
mm_status mm_name_id(mm_name_ids *t, mm_str name, int32_t *out, mm_err *e);
void mm_name_ids_free(mm_name_ids *t);

#endif
