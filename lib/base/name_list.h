/* name_list.h: comma-separated lists of names, as options take them, and the set of names that an input brought. */
#ifndef MM_BASE_NAME_LIST_H
#define MM_BASE_NAME_LIST_H

#include "base/arena.h"
#include "base/str.h"

/* The next name of a comma-separated list, in which a name may have a value ("image,text", "image=1,text=0.5"); *list
 * advances past the name. p NULL: no more names, or no list (NULL). */
mm_str mm_name_next(const char **list);
bool mm_name_listed(const char *list, mm_str wanted);

/* The distinct names of an input; only the first MM_MOST_SEEN are kept. */
enum { MM_MOST_SEEN = 64 };

typedef struct {
    mm_str v[MM_MOST_SEEN];
    int n;
} mm_seen; /* all zero is a valid empty set */

bool mm_seen_has(const mm_seen *s, mm_str name);
/* Adds a copy from the arena; does nothing when the name is there already, or the set or memory is full. p NULL is a
 * name of its own. */
void mm_seen_add(mm_seen *s, mm_str name, mm_arena *a);
/* The first name of such a list that is not in the set. p NULL: all are, or nobody can tell, because the set is empty
 * or full. */
mm_str mm_seen_missing(const mm_seen *s, const char *list);

#endif
