/* sorted_walk.h: all files below a directory, sorted by keys that are not their paths. */
#ifndef MM_SOURCE_SORTED_WALK_H
#define MM_SOURCE_SORTED_WALK_H

#include "source/key.h"
#include "source/walk.h"

typedef struct mm_sorted_walk mm_sorted_walk;

/* Takes the rest of the walk, whose files lie below `place` (their paths' common start). Such keys may bring together
 * files of any two directories, so the whole tree has to be known before the first file can come. */
mm_status mm_sorted_walk_take(mm_sorted_walk **out, mm_walk *w, mm_str place, const mm_keyer *k, mm_err *e);
void mm_sorted_walk_free(mm_sorted_walk *l); /* NULL is fine */
/* The next file, or NULL at the end; it lives as long as the sorted walk. */
const mm_walk_item *mm_sorted_walk_next(mm_sorted_walk *l);

#endif
