/* suggest.h: what to say when a name that somebody typed is not there. */
#ifndef MM_BASE_SUGGEST_H
#define MM_BASE_SUGGEST_H

#include "base/str.h"

/* The one of names[n] that `wanted` was probably meant to be: at most a third of its letters differ, capitals aside.
 * p NULL: none is that close. */
mm_str mm_suggest(mm_str wanted, const mm_str *names, int n);

/* Writes into out, of `size` bytes, the end of a message about `wanted`: `; did you mean "label"? (there are: text,
 * label)`. The question is left out when no name is close, names that do not fit become "...". Returns out. */
const char *mm_suggest_text(char *out, size_t size, mm_str wanted, const mm_str *names, int n);

#endif
