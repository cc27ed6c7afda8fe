/* sound_resample.h: mono samples from one rate to another by soxr, at the quality that librosa calls soxr_hq, as the
 * references that vectors are compared with do. Memory is bounded, whatever the rates are. */
#ifndef MM_MEDIA_SOUND_SOUND_RESAMPLE_H
#define MM_MEDIA_SOUND_SOUND_RESAMPLE_H

#include "base/buf.h"
#include "base/fault.h"

#include <libswresample/swresample.h>

/* Receives n resampled samples. MM_OK, or MM_FATAL to stop. */
typedef mm_status (*mm_samples)(void *ctx, const float *x, int64_t n, mm_fault *f);

typedef struct {
    SwrContext *swr; /* NULL: the rates are the same */
    int64_t from, to;
    int64_t in_count, out_count; /* samples since it began */
    mm_buf out;
    mm_samples put;
    void *ctx;
} mm_resampler;

/* Starts afresh; the caller sets put and ctx. */
mm_status mm_resampler_begin(mm_resampler *r, int64_t from, int64_t to, mm_fault *f);
mm_status mm_resampler_push(mm_resampler *r, const float *x, int64_t n, mm_fault *f);
/* Flushes what it still holds back. */
mm_status mm_resampler_end(mm_resampler *r, mm_fault *f);
void mm_resampler_free(mm_resampler *r);

#endif
