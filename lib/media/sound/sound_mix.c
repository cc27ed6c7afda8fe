#include "media/sound/sound_mix.h"

#include <libavutil/samplefmt.h>
#include <math.h>

static float sample(const AVFrame *f, enum AVSampleFormat fmt, bool planar, int channels, int ch, int i)
{
    const uint8_t *plane = planar ? f->extended_data[ch] : f->extended_data[0];
    size_t at = planar ? (size_t)i : (size_t)i * (size_t)channels + (size_t)ch;
    switch (fmt) {
    case AV_SAMPLE_FMT_U8: return (float)(plane[at] - 128) * (1.0f / 128);
    case AV_SAMPLE_FMT_S16: return (float)((const int16_t *)(const void *)plane)[at] * (1.0f / 32768);
    case AV_SAMPLE_FMT_S32: return (float)((const int32_t *)(const void *)plane)[at] * (1.0f / 2147483648);
    case AV_SAMPLE_FMT_S64: return (float)((const int64_t *)(const void *)plane)[at] * (1.0f / 9223372036854775808.0f);
    case AV_SAMPLE_FMT_FLT: return ((const float *)(const void *)plane)[at];
    case AV_SAMPLE_FMT_DBL: return (float)((const double *)(const void *)plane)[at];
    default: return 0;
    }
}

/* ---- channels that cancel each other out ---- */

static const double SILENCE = 1e-8, CANCELLED = 1e-2; /* −80 dB of full scale; −20 dB of the channels */

static void end_block(mm_cancelling *c, int64_t rate)
{
    double seconds = (double)c->n / (double)rate;
    if (c->n > 0 && c->channels > SILENCE * (double)c->n) {
        c->sounding += seconds;
        c->cancelled += c->mean < CANCELLED * c->channels ? seconds : 0;
    }
    c->mean = c->channels = 0;
    c->n = 0;
}

bool mm_sound_cancels(mm_cancelling *c, int64_t rate)
{
    end_block(c, rate);
    return c->cancelled > 0.1 * c->sounding;
}

/* ---- mono ---- */

mm_status mm_sound_mono(mm_buf *out, const AVFrame *f, int from, int channel, mm_cancelling *seen, mm_fault *fault)
{
    bool planar = av_sample_fmt_is_planar(f->format);
    enum AVSampleFormat fmt = av_get_packed_sample_fmt(f->format);
    int channels = f->ch_layout.nb_channels, n = f->nb_samples - from, i;
    int first = channel < 0 ? 0 : channel, end = channel < 0 ? channels : channel + 1;
    out->n = 0;
    if (channels < 1 || n < 0 || end > channels)
        return mm_fault_set(fault, "corrupt", "a sound frame without channels");
    if (mm_buf_reserve(out, (size_t)n * sizeof(float), NULL) != MM_OK)
        return mm_fault_memory(fault);
    float *x = (float *)(void *)out->p;
    mm_cancelling c = seen ? *seen : (mm_cancelling){0};
    for (i = 0; i < n; i++) {
        float sum = 0, energy = 0;
        for (int ch = first; ch < end; ch++) {
            float v = sample(f, fmt, planar, channels, ch, from + i);
            sum += v;
            energy += v * v;
        }
        if (!isfinite(sum))
            break;
        x[i] = sum / (float)(end - first);
        c.mean += (double)(x[i] * x[i]);
        c.channels += (double)(energy / (float)(end - first));
    }
    out->n = (size_t)i * sizeof(float);
    c.n += i;
    if (c.n >= f->sample_rate / 2)
        end_block(&c, f->sample_rate);
    if (seen)
        *seen = c;
    return MM_OK;
}
