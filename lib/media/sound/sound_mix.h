/* sound_mix.h: the samples of a decoded frame, of any format and layout, to mono: one channel, or the mean of all (no
 * matrix mixes them down, as in the references that vectors are compared with). */
#ifndef MM_MEDIA_SOUND_SOUND_MIX_H
#define MM_MEDIA_SOUND_SOUND_MIX_H

#include "base/buf.h"
#include "base/fault.h"

#include <libavutil/frame.h>
#include <stdbool.h>

enum { MM_MEAN_OF_CHANNELS = -1 };

/* Do the channels cancel each other out in their mean? Looked at in blocks of half a second. */
typedef struct {
    double mean, channels;      /* energy in this block: of the mean; of a channel on average */
    int64_t n;                  /* samples in this block */
    double sounding, cancelled; /* seconds of blocks that are not silent; … whose mean is */
} mm_cancelling;

/* Makes f32 samples of the frame's from number `from` on: all, or those in front of the first that is not finite.
 * `seen` may be NULL. */
mm_status mm_sound_mono(mm_buf *out, const AVFrame *f, int from, int channel, mm_cancelling *seen, mm_fault *fault);

/* After the last frame: is it worth a word? */
bool mm_sound_cancels(mm_cancelling *seen, int64_t rate);

#endif
