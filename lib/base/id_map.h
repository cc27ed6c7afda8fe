/* id_map.h: a hash table from 64-bit ids (themselves hashes) to numbers. */
#ifndef MM_BASE_ID_MAP_H
#define MM_BASE_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    struct mm_id_slot *slot;
    int64_t slots, n;
} mm_id_map; /* all zero is a valid empty one */

/* id is not 0, value not below 0; replaces an earlier value. False: memory is out. */
bool mm_id_map_put(mm_id_map *x, uint64_t id, int64_t value);
int64_t mm_id_map_get(const mm_id_map *x, uint64_t id); /* −1: none */
void mm_id_map_free(mm_id_map *x);

#endif
