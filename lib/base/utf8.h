/* utf8.h: stepping through bytes that should be UTF-8. */
#ifndef MM_BASE_UTF8_H
#define MM_BASE_UTF8_H

#include "base/str.h"

#include <stdint.h>

/* The length of the character at p (n ≥ 1 bytes are there), with *ok true; or, with *ok false, of the malformed or
 * cut off piece that one U+FFFD stands for: the maximal subpart of the Unicode Standard, §3.9, which is what Python's
 * errors="replace" does. Surrogates, overlong forms and anything above U+10FFFF are malformed. */
int mm_utf8_step(const uint8_t *p, size_t n, bool *ok);
bool mm_utf8_valid(mm_str s);
/* At most the last `most` bytes, which usually distinguish names best; never cuts a character. */
mm_str mm_utf8_tail(mm_str s, size_t most);

#endif
