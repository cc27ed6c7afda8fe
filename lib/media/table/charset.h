/* charset.h: the bytes of a text file become UTF-8. */
#ifndef MM_MEDIA_TABLE_CHARSET_H
#define MM_MEDIA_TABLE_CHARSET_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* The file without its byte order mark; UTF-16 is converted (*encoding "utf-16"; otherwise NULL). Part of the argument
 * or from the arena; p NULL when memory is out. */
mm_str mm_text_unmark(mm_arena *a, mm_str file, const char **encoding);

/* The bytes as valid UTF-8, from the arena if they had to be changed: malformed sequences become U+FFFD, as with
 * Python's errors="replace"; *replaced counts them. p NULL when memory is out. */
mm_str mm_utf8_clean(mm_arena *a, mm_str in, int64_t *replaced);

#endif
