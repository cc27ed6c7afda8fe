/* charset.h: the bytes of a text file become UTF-8. */
#ifndef MM_MEDIA_TABLE_CHARSET_H
#define MM_MEDIA_TABLE_CHARSET_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* The file without its byte order mark; UTF-16 is converted (*encoding "utf-16"; otherwise NULL). Part of the argument
 * or from the arena; p NULL when memory is out. */
mm_str mm_text_unmark(mm_arena *a, mm_str file, const char **encoding);

/* UTF-16 without its byte order mark becomes UTF-8 in out, which has space for MM_UTF16_GROWS(n) bytes; a lone
 * surrogate becomes U+FFFD. Returns how many bytes it wrote. `all`: nothing follows; otherwise *taken is less than n
 * where a character is not complete. */
#define MM_UTF16_GROWS(n) ((n) / 2 * 3 + 4)
size_t mm_utf16_to_utf8(char *out, const uint8_t *p, size_t n, bool big, bool all, size_t *taken);

/* The bytes as valid UTF-8, from the arena if they had to be changed: malformed sequences become U+FFFD, as with
 * Python's errors="replace"; *replaced counts them. p NULL when memory is out. */
mm_str mm_utf8_clean(mm_arena *a, mm_str in, int64_t *replaced);

#endif
