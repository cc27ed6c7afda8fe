/* ids.h: a table from 64-bit ids, hashes of what they stand for, to numbers. */
#ifndef MM_BASE_IDS_H
#define MM_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    struct mm_id_slot *slot;
    int64_t slots, n;
} mm_ids; /* all zero is a valid empty one */

/* id is not 0, value not below 0; takes the place of an earlier value. False: memory is out. */
bool mm_ids_put(mm_ids *x, uint64_t id, int64_t value);
int64_t mm_ids_get(const mm_ids *x, uint64_t id); /* −1: it has none */
void mm_ids_free(mm_ids *x);

#endif
