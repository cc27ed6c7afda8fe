/* count.h: how often each text came. */
#ifndef MM_VIEW_COUNT_H
#define MM_VIEW_COUNT_H

#include "base/arena.h"
#include "base/status.h"

typedef struct {
    const char *text;
    size_t n;
    int64_t times;
} mm_count_entry;

typedef struct {
    mm_count_entry *slot; /* open addressing, a power of two of them; text NULL: empty */
    size_t slots, used;
    mm_arena texts;
} mm_count; /* all zero is a valid empty one */

mm_status mm_count_add(mm_count *c, mm_str text, mm_err *e);
/* Sorts the entries by text to the front of slot[0 .. used-1]; nothing may be added afterwards. */
void mm_count_sort(mm_count *c);
void mm_count_free(mm_count *c);

#endif
