/* cue_text.h: the text of a subtitle's cue without its codes, by speakers.
 *
 * WebVTT: tags and inner time stamps are dropped, character references read; <v Name> names who speaks from there on.
 * SubRip: <i>, <b>, <u>, <s>, <font> and braces such as {\an8} are dropped; anything else is text. */
#ifndef MM_MEDIA_TEXT_CUE_TEXT_H
#define MM_MEDIA_TEXT_CUE_TEXT_H

#include "base/arena.h"

#include <stdbool.h>

typedef struct {
    mm_str rest; /* what is left of the cue's text; the caller begins with all of it */
    mm_str name; /* who speaks there, as written; p NULL: not said */
    bool vtt;
} mm_cue_text;

/* The next stretch of one speaker (p NULL: nobody is named), both from the arena, lines separated by LF, blanks around
 * it dropped. False: nothing is left, or memory is out and text->p is NULL. */
bool mm_cue_text_next(mm_cue_text *c, mm_str *text, mm_str *speaker, mm_arena *a);

#endif
