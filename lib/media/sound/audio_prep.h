/* audio_prep.h: a waveform as audio models take it: normalised, or as a log-mel spectrogram. Needs no codec library. */
#ifndef MM_MEDIA_SOUND_AUDIO_PREP_H
#define MM_MEDIA_SOUND_AUDIO_PREP_H

#include "base/arena.h"
#include "base/status.h"
#include "base/threads.h"

#include <stdbool.h>

typedef struct {
    int64_t rate;   /* samples per second */
    bool normalize; /* zero mean, unit variance over the clip (Wav2Vec2's do_normalize) */
    bool mel;       /* Whisper: log-mel frames instead of samples */
    int n_fft, hop, n_mels;
    int64_t window; /* the most samples that the model takes (Whisper: 30 s); 0: any number */
} mm_audio_prep;

/* out[n] = (x − mean) / sqrt(var + 1e-7), as Wav2Vec2FeatureExtractor computes it: in f32, summed in numpy's order
 * (eight lanes, blocks of 128, halves), so that the values are the reference's bit for bit. out may be x. */
void mm_audio_normalize(float *out, const float *x, int64_t n);

/* Whisper's log-mel: periodic Hann window, centred reflect-padded STFT, power, slaney mel filters up to 8 kHz, log10
 * clamped at 1e-10, floored at the clip's maximum − 8, (x + 4) / 4. *out is [frames, n_mels] (time first), frames =
 * padded length / hop. `pad_to` samples (0: none) are reached by appending silence first, as the reference pads to
 * 30 s. Computed in f64: the reference's own f32 path differs by a few 1e-5 in the quietest bins.
 * pool may be NULL; the result does not depend on it. MM_SKIP when the clip is shorter than one hop. */
mm_status mm_log_mel(float **out, int64_t *frames, const float *x, int64_t n, int64_t pad_to, const mm_audio_prep *p,
                     mm_threads *pool, mm_arena *a, mm_err *e);

/* Slaney's triangular mel filters, [n_mels, n_fft/2 + 1], each of area 1 (Slaney 1998, as librosa and the reference
 * have them), from 0 to 8 kHz. NULL when memory is out. */
double *mm_mel_filters(int n_mels, int n_fft, int64_t rate, mm_arena *a);

#endif
