/* value_counts.h: how often each text occurs. */
#ifndef MM_VIEW_VALUE_COUNTS_H
#define MM_VIEW_VALUE_COUNTS_H

#include "base/arena.h"
#include "base/status.h"

typedef struct {
    const char *text;
    size_t n;
    int64_t times;
} mm_value_count;

typedef struct {
    mm_value_count *slot; /* hash table, open addressing, a power of two; text NULL: free */
    size_t slots, used;
    mm_arena texts;
} mm_value_counts; /* all zero is a valid empty one */

mm_status mm_value_counts_add(mm_value_counts *c, mm_str text, mm_err *e);
/* Sorts the entries by text into slot[0 .. used-1]; nothing can be added afterwards. */
void mm_value_counts_sort(mm_value_counts *c);
void mm_value_counts_free(mm_value_counts *c);

#endif
