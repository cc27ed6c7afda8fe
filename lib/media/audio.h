/* audio.h: what audio models want of a waveform: normalisation and log-mel spectrograms. Needs no codec library. */
#ifndef MM_MEDIA_AUDIO_H
#define MM_MEDIA_AUDIO_H

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"

#include <stdbool.h>

typedef struct {
    int64_t rate;   /* samples per second */
    bool normalize; /* zero mean, unit variance over the clip (Wav2Vec2's do_normalize) */
    bool mel;       /* Whisper: log-mel frames instead of samples */
    int n_fft, hop, n_mels;
    int64_t window; /* samples that the model takes at most (Whisper: 30 s); 0: any length */
} mm_audio_prep;

/* out[n] = (x − mean) / sqrt(var + 1e-7), as Wav2Vec2FeatureExtractor does it. out may be x. */
void mm_audio_normalize(float *out, const float *x, int64_t n);

/* Whisper's log-mel: periodic Hann window, centred reflect-padded STFT, power, slaney mel filters, log10 clamped at
 * 1e-10, floored at the clip's maximum − 8, (x + 4) / 4. *out is [frames, n_mels] (time first), frames =
 * padded length / hop. `pad_to` samples (0: none) of silence are appended first, as the reference pads to 30 s. */
mm_status mm_log_mel(float **out, int64_t *frames, const float *x, int64_t n, int64_t pad_to, const mm_audio_prep *p,
                     mm_pool *pool, mm_arena *a, mm_err *e);

#endif
