/* walk_by_key.h: all files below a directory, ordered by keys that are not their paths. */
#ifndef MM_SOURCE_WALK_BY_KEY_H
#define MM_SOURCE_WALK_BY_KEY_H

#include "source/key.h"
#include "source/walk.h"

typedef struct mm_listing mm_listing;

/* Takes what is left of the walk, whose files lie below `place` (source.h). Such keys may bring files of any two
 * directories together: the whole tree has to be known before the first file can come. */
mm_status mm_listing_take(mm_listing **out, mm_walk *w, mm_str place, const mm_keyer *k, mm_err *e);
void mm_listing_free(mm_listing *l); /* NULL is fine */
/* The next file, or NULL at the end; it lives as long as the listing. */
const mm_walk_item *mm_listing_next(mm_listing *l);

#endif
