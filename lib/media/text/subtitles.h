/* subtitles.h: the cues of SubRip (SRT) and WebVTT files, one after the other, from as much of the text as is there.
 *
 * SubRip: a number, which may be missing, "00:01:02,500 --> 00:01:04,000" and lines of text, up to a blank line.
 * WebVTT: the header, then blocks of the same shape; notes, styles and regions are passed over, settings of cues too.
 * Points and commas are taken in both. */
#ifndef MM_MEDIA_TEXT_SUBTITLES_H
#define MM_MEDIA_TEXT_SUBTITLES_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* All zero is where a file begins. */
typedef struct {
    bool vtt;
    bool begun;   /* the header of a WebVTT file lies behind */
    int64_t line; /* lines that lie behind */
} mm_subtitles;

typedef struct {
    double time[2]; /* seconds */
    mm_str text;    /* its lines, as they stand in the file */
} mm_cue;

/* Takes the next cue out of `text`, which begins where the last call left off; *taken bytes of it are done with. `all`:
 * nothing follows. MM_OK; MM_EOF: no more cues in it, unless more text comes; MM_SKIP: a block that is none, and e says
 * on which line and why. */
mm_status mm_subtitles_next(mm_subtitles *s, mm_cue *cue, mm_str text, bool all, size_t *taken, mm_err *e);

#endif
