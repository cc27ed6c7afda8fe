/* suggest.h: what to say when a name that somebody typed is not there. */
#ifndef MM_BASE_SUGGEST_H
#define MM_BASE_SUGGEST_H

#include "base/arena.h"
#include "base/str.h"

/* The one of names[n] that `wanted` was probably meant to be: at most a third of its letters differ, capitals aside.
 * p NULL: none is that close. */
mm_str mm_suggest(mm_str wanted, const mm_str *names, int n);

/* Writes into out, of `size` bytes, the end of a message about `wanted`: `; did you mean "label"? (there are: text,
 * label)`. The question is left out when no name is close, names that do not fit become "...". Returns out. */
const char *mm_suggest_text(char *out, size_t size, mm_str wanted, const mm_str *names, int n);

/* Names that came up in an input, for such a message: the first of them. */
enum { MM_MOST_SEEN = 64 };

typedef struct {
    mm_str v[MM_MOST_SEEN];
    int n;
} mm_seen; /* all zero is a valid empty one */

bool mm_seen_has(const mm_seen *s, mm_str name);
/* Adds a copy from the arena, unless it is there, or room or memory is out. p NULL is a name of its own. */
void mm_seen_add(mm_seen *s, mm_str name, mm_arena *a);

/* The next name of a list that commas separate, where a name may be given a value ("image,text", "image=1,text=0.5");
 * *list goes on after it. p NULL: that was the last, or there is no list (NULL). */
mm_str mm_name_next(const char **list);
/* The first name of such a list that did not come up. p NULL: all did, or it cannot be said, for none came, or more
 * than are kept. */
mm_str mm_seen_missing(const mm_seen *s, const char *list);

#endif
