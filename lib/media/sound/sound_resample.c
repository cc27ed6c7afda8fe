#include "media/sound/sound_resample.h"

#include "media/av/libav.h"

#include <libavutil/opt.h>
#include <string.h>

enum { PIECE = 1 << 18 }; /* output samples at a time */
enum { HELD = 65536 };    /* soxr holds back some thousand samples at most */

mm_status mm_resampler_begin(mm_resampler *r, int64_t from, int64_t to, mm_fault *f)
{
    swr_free(&r->swr);
    r->from = from;
    r->to = to;
    r->in_count = r->out_count = 0;
    if (from == to)
        return MM_OK;
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    int rc =
        swr_alloc_set_opts2(&r->swr, &mono, AV_SAMPLE_FMT_FLT, (int)to, &mono, AV_SAMPLE_FMT_FLT, (int)from, 0, NULL);
    if (rc >= 0)
        rc = av_opt_set(r->swr, "resampler", "soxr", 0);
    if (rc >= 0)
        rc = av_opt_set_double(r->swr, "precision", 20, 0);
    if (rc >= 0)
        rc = swr_init(r->swr);
    return rc >= 0 ? MM_OK : mm_av_fault(f, "no resampler (libswresample with soxr is needed)", rc);
}

/* Runs n samples (NULL, 0: the end) through soxr, appending to r->out. */
static mm_status convert(mm_resampler *r, const float *in, int64_t n, mm_fault *f)
{
    const uint8_t *from[1] = {(const uint8_t *)(const void *)in};
    int64_t cap = n * r->to / r->from + HELD;
    int got;
    do {
        if (mm_buf_reserve(&r->out, (size_t)cap * sizeof(float), NULL) != MM_OK)
            return mm_fault_memory(f);
        uint8_t *to[1] = {r->out.p + r->out.n};
        got = swr_convert(r->swr, to, (int)cap, in ? from : NULL, (int)n);
        if (got < 0)
            return mm_av_fault(f, "resampling", got);
        r->out.n += (size_t)got * sizeof(float);
    } while (!in && got > 0);
    return MM_OK;
}

/* librosa's length, ⌈n·to/from⌉; soxr may end a sample short of it or beyond. */
static mm_status settle_length(mm_resampler *r, mm_fault *f)
{
    int64_t want = (r->in_count * r->to + r->from - 1) / r->from;
    int64_t have = r->out_count + (int64_t)(r->out.n / sizeof(float));
    if (have > want) {
        int64_t cut = have - want, n = (int64_t)(r->out.n / sizeof(float));
        r->out.n -= (size_t)(cut < n ? cut : n) * sizeof(float);
        return MM_OK;
    }
    size_t zeros = (size_t)(want - have) * sizeof(float);
    if (mm_buf_reserve(&r->out, zeros, NULL) != MM_OK)
        return mm_fault_memory(f);
    memset(r->out.p + r->out.n, 0, zeros);
    r->out.n += zeros;
    return MM_OK;
}

static mm_status pass_on(mm_resampler *r, mm_fault *f)
{
    int64_t n = (int64_t)(r->out.n / sizeof(float));
    r->out_count += n;
    r->out.n = 0;
    return r->put(r->ctx, (const float *)(const void *)r->out.p, n, f);
}

mm_status mm_resampler_push(mm_resampler *r, const float *x, int64_t n, mm_fault *f)
{
    if (!r->swr)
        return n ? r->put(r->ctx, x, n, f) : MM_OK;
    int64_t most = r->to > r->from ? (int64_t)PIECE * r->from / r->to : PIECE;
    mm_status st = MM_OK;
    for (int64_t at = 0; st == MM_OK && at < n; at += most) {
        int64_t k = n - at < most ? n - at : most;
        r->in_count += k;
        st = convert(r, x + at, k, f);
        if (st == MM_OK)
            st = pass_on(r, f);
    }
    return st;
}

mm_status mm_resampler_end(mm_resampler *r, mm_fault *f)
{
    if (!r->swr)
        return MM_OK;
    mm_status st = convert(r, NULL, 0, f);
    if (st == MM_OK)
        st = settle_length(r, f);
    return st == MM_OK ? pass_on(r, f) : st;
}

void mm_resampler_free(mm_resampler *r)
{
    swr_free(&r->swr);
    mm_buf_free(&r->out);
}
