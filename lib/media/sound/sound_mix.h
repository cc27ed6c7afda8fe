/* sound_mix.h: the samples of a decoded frame, of any format and layout, become mono: one channel, or the plain mean of
 * all (no downmix matrix), as in the references that vectors are compared with. */
#ifndef MM_MEDIA_SOUND_SOUND_MIX_H
#define MM_MEDIA_SOUND_SOUND_MIX_H

#include "base/buf.h"
#include "base/fault.h"

#include <libavutil/frame.h>
#include <stdbool.h>

enum { MM_MEAN_OF_CHANNELS = -1 };

/* Whether channels cancel each other out in their mean, in blocks of half a second. */
typedef struct {
    double mean, channels;      /* energy in this block: of the mean, and of a channel on average */
    int64_t n;                  /* samples in this block */
    double sounding, cancelled; /* seconds of blocks that are not silent, and of those whose mean is */
} mm_cancelling;

/* The frame's samples from number `from` on as f32, up to the first that is not finite. `seen` may be NULL. */
mm_status mm_sound_mono(mm_buf *out, const AVFrame *f, int from, int channel, mm_cancelling *seen, mm_fault *fault);

/* After the last frame: whether to warn. */
bool mm_sound_cancels(mm_cancelling *seen, int64_t rate);

#endif
