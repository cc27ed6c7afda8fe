/* unicode.h: text as code points, and what the tokenizers ask about them. Internal to tokenize/. */
#ifndef MM_TOKENIZE_UNICODE_H
#define MM_TOKENIZE_UNICODE_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

typedef struct {
    uint32_t *p;
    int64_t n;
} mm_runes; /* p NULL: out of memory */

/* Bytes to code points. Bytes that are not UTF-8 become U+FFFD as in Python's errors="replace": one for each maximal
 * subpart of a sequence (Unicode 15, §3.9). */
mm_runes mm_runes_decode(mm_str text, mm_arena *a);
int mm_rune_encode(uint32_t c, char out[4]); /* UTF-8; the number of bytes */

bool mm_rune_is_space(uint32_t c);       /* White_Space */
bool mm_rune_is_dropped(uint32_t c);     /* BERT's clean-up: NUL, U+FFFD, control, format, private use */
bool mm_rune_is_chinese(uint32_t c);     /* in the CJK blocks that BERT separates by spaces */
bool mm_rune_is_accent(uint32_t c);      /* nonspacing mark */
bool mm_rune_is_punctuation(uint32_t c); /* BERT's */
bool mm_rune_is_letter(uint32_t c);      /* \p{L} */
bool mm_rune_is_number(uint32_t c);      /* \p{N} */

/* Lower case: one code point, or two. Returns how many. */
int mm_rune_lower(uint32_t c, uint32_t out[2]);

mm_runes mm_runes_nfd(mm_runes r, mm_arena *a);
mm_runes mm_runes_nfc(mm_runes r, mm_arena *a);

#endif
