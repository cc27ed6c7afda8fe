/* suggest.h: "did you mean …?" for a name that was typed but does not exist. */
#ifndef MM_BASE_SUGGEST_H
#define MM_BASE_SUGGEST_H

#include "base/str.h"

/* The one of names[n] closest to `wanted`: at most a third of its letters differ, ignoring case. p NULL: none is that
 * close. */
mm_str mm_suggest(mm_str wanted, const mm_str *names, int n);

/* Writes the end of a message about `wanted` to out (`size` bytes): `; did you mean "label"? (there are: text, label)`.
 * Without a close name there is no question; names that do not fit become "...". Returns out. */
const char *mm_suggest_text(char *out, size_t size, mm_str wanted, const mm_str *names, int n);

#endif
