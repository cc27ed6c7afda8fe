/* log_mel.c: log-mel spectrograms as WhisperFeatureExtractor computes them (Radford et al. 2022). */
#include "media/sound/audio_prep.h"
#include "media/sound/fft.h"

#include <float.h>
#include <math.h>

static const double PI = 3.14159265358979323846;
static const double MAX_HERTZ = 8000.0, FLOOR = 1e-10;
enum { BLOCK = 32 }; /* frames a worker takes at a time */

/* ---- filters ---- */

/* Slaney's scale: linear below 1 kHz, logarithmic above. */
static double hertz_to_mel(double hertz)
{
    return hertz < 1000.0 ? 3.0 * hertz / 200.0 : 15.0 + log(hertz / 1000.0) * (27.0 / log(6.4));
}

static double mel_to_hertz(double mel)
{
    return mel < 15.0 ? 200.0 * mel / 3.0 : 1000.0 * exp(log(6.4) / 27.0 * (mel - 15.0));
}

double *mm_mel_filters(int n_mels, int n_fft, int64_t rate, mm_arena *a)
{
    int bins = n_fft / 2 + 1;
    double *filters = mm_arena_zalloc(a, (size_t)n_mels * (size_t)bins, sizeof *filters);
    double step = hertz_to_mel(MAX_HERTZ) / (n_mels + 1), bin_hertz = (double)(rate / 2) / (bins - 1);
    for (int m = 0; filters && m < n_mels; m++) {
        double low = mel_to_hertz(m * step), peak = mel_to_hertz((m + 1) * step), high = mel_to_hertz((m + 2) * step);
        for (int k = 0; k < bins; k++) {
            double rise = (k * bin_hertz - low) / (peak - low), fall = (high - k * bin_hertz) / (high - peak);
            double height = rise < fall ? rise : fall;
            filters[(int64_t)m * bins + k] = height > 0 ? height * 2.0 / (high - low) : 0;
        }
    }
    return filters;
}

/* A filter without its zeros: weights of bins first .. first+n-1. */
typedef struct {
    int first, n;
    const double *weight;
} band;

static band *make_bands(const mm_audio_prep *p, mm_arena *a)
{
    int bins = p->n_fft / 2 + 1;
    band *b = mm_arena_zalloc(a, (size_t)p->n_mels, sizeof *b);
    const double *filters = mm_mel_filters(p->n_mels, p->n_fft, p->rate, a);
    if (!b || !filters)
        return NULL;
    for (int m = 0; m < p->n_mels; m++) {
        const double *f = filters + (int64_t)m * bins;
        int first = 0, last = bins;
        while (first < bins && f[first] == 0)
            first++;
        while (last > first && f[last - 1] == 0)
            last--;
        b[m] = (band){first, last - first, f + first};
    }
    return b;
}

/* ---- spectrogram ---- */

typedef struct {
    const mm_audio_prep *p;
    mm_fft fft;
    const double *window; /* [n_fft] */
    const band *bands;    /* [n_mels] */
    const float *x;       /* [n], followed by silence up to `length` */
    int64_t n, length, frames;
    float *out;              /* [frames, n_mels] */
    double *work;            /* [workers, n_fft + n_fft/2 + 1] */
    double complex *scratch; /* [workers, n_fft] */
} spectrogram;

/* Sample i of the signal, mirrored at both ends as often as a short signal needs. */
static float mirrored(const spectrogram *s, int64_t i)
{
    int64_t last = s->length - 1;
    while (i < 0 || i > last) {
        i = i < 0 ? -i : 2 * last - i;
        if (last == 0)
            i = 0;
    }
    return i < s->n ? s->x[i] : 0.0f;
}

/* Fills the windowed frame; false when it is silence throughout. */
static bool window_frame(const spectrogram *s, int64_t frame, double *v)
{
    int n_fft = s->p->n_fft;
    int64_t start = frame * s->p->hop - n_fft / 2;
    bool sound = false;
    for (int i = 0; i < n_fft; i++) {
        int64_t at = start + i;
        float x = at >= 0 && at < s->n ? s->x[at] : mirrored(s, at);
        sound |= x != 0;
        v[i] = x * s->window[i];
    }
    return sound;
}

static void frame_to_mel(const spectrogram *s, int64_t frame, double *work, double complex *scratch)
{
    double *v = work, *power = work + s->p->n_fft;
    float *out = s->out + frame * s->p->n_mels;
    bool sound = window_frame(s, frame, v);
    if (sound)
        mm_fft_power(&s->fft, v, power, scratch);
    for (int m = 0; m < s->p->n_mels; m++) {
        double sum = 0;
        for (int k = 0; sound && k < s->bands[m].n; k++)
            sum += s->bands[m].weight[k] * power[s->bands[m].first + k];
        out[m] = (float)log10(sum > FLOOR ? sum : FLOOR);
    }
}

static void frames_block(void *ctx, int block, int worker)
{
    const spectrogram *s = ctx;
    double *work = s->work + (int64_t)worker * (s->p->n_fft + s->p->n_fft / 2 + 1);
    double complex *scratch = s->scratch + (int64_t)worker * s->p->n_fft;
    for (int64_t f = (int64_t)block * BLOCK; f < s->frames && f < (int64_t)(block + 1) * BLOCK; f++)
        frame_to_mel(s, f, work, scratch);
}

/* Raises everything more than 8 (80 dB) below the maximum to that; then scales to about −1 .. 1. */
static void compress(float *x, int64_t n)
{
    float top = -FLT_MAX;
    for (int64_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < n; i++)
        x[i] = ((x[i] > top - 8.0f ? x[i] : top - 8.0f) + 4.0f) / 4.0f;
}

static mm_status prepare(spectrogram *s, int workers, mm_arena *a, mm_err *e)
{
    const mm_audio_prep *p = s->p;
    if (p->hop < 1 || p->n_mels < 1 || p->n_mels > 4096 || p->rate < 2 || p->rate > INT32_MAX)
        return mm_fail(e, MM_SKIP, "no log-mel spectrogram with %d bands and a hop of %d samples", p->n_mels, p->hop);
    mm_status status = mm_fft_plan(&s->fft, p->n_fft, a, e);
    if (status != MM_OK)
        return status;
    double *window = mm_arena_zalloc(a, (size_t)p->n_fft, sizeof *window);
    s->bands = make_bands(p, a);
    s->work = mm_arena_zalloc(a, (size_t)workers, (size_t)(p->n_fft + p->n_fft / 2 + 1) * sizeof *s->work);
    s->scratch = mm_arena_zalloc(a, (size_t)workers, (size_t)p->n_fft * sizeof *s->scratch);
    s->out = mm_arena_zalloc(a, (size_t)s->frames, (size_t)p->n_mels * sizeof *s->out);
    if (!window || !s->bands || !s->work || !s->scratch || !s->out)
        return mm_fail_memory(e);
    for (int i = 0; i < p->n_fft; i++)
        window[i] = 0.5 - 0.5 * cos(2 * PI * i / p->n_fft);
    s->window = window;
    return MM_OK;
}

mm_status mm_log_mel(float **out, int64_t *frames, const float *x, int64_t n, int64_t pad_to, const mm_audio_prep *p,
                     mm_threads *pool, mm_arena *a, mm_err *e)
{
    spectrogram s = {.p = p, .x = x, .n = n, .length = n > pad_to ? n : pad_to};
    s.frames = p->hop > 0 ? s.length / p->hop : 0;
    if (n < 1 || (p->hop > 0 && s.frames < 1))
        return mm_fail(e, MM_SKIP, "%lld samples are too short for a spectrogram: a frame takes %d", (long long)n,
                       p->hop);
    int64_t blocks = (s.frames + BLOCK - 1) / BLOCK;
    if (blocks > INT32_MAX)
        return mm_fail(e, MM_SKIP, "%lld samples are too many for one spectrogram", (long long)n);
    mm_status status = prepare(&s, pool ? mm_threads_count(pool) : 1, a, e);
    if (status != MM_OK)
        return status;
    if (pool)
        mm_threads_run(pool, (int)blocks, frames_block, &s);
    else
        for (int b = 0; b < blocks; b++)
            frames_block(&s, b, 0);
    compress(s.out, s.frames * p->n_mels);
    *out = s.out;
    *frames = s.frames;
    return MM_OK;
}
