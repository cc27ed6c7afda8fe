/* gaps.h: time in which a source brought nothing: of a live one counted, and said at once where it is long. */
#ifndef MM_MEDIA_GAPS_H
#define MM_MEDIA_GAPS_H

#include "media/record_sink.h"

/* Seconds: up to this long a gap is filled (sound with silence, rows with NaN, video with its last frame); after a
 * longer one a new run begins. */
#define MM_LONGEST_FILLED 10.0

typedef struct {
    int64_t n;
    double seconds;
    int64_t frames; /* of video: how many are missing, as far as can be told */
} mm_gaps;

/* A gap of `what` ("sound") from `from` on, in seconds of the input's clock. Of inputs that are not live, nothing. */
void mm_gaps_note(mm_gaps *g, const mm_sink *s, const char *what, double from, double seconds);
/* At the end of the input. */
void mm_gaps_say(const mm_gaps *g, const mm_sink *s, const char *what);

/* Whether a video's frames come regularly, and how far apart; all zeros at first. */
typedef struct {
    double step, off; /* seconds: running means, of the steps and of how far steps are off that */
    int64_t n;
} mm_pace;

/* The next frame comes `step` seconds after the one before it. Returns how many frames are missing between them: 0
 * where frames come irregularly, unless nothing came for more than a second. */
int64_t mm_pace_missing(mm_pace *p, double step);

#endif
