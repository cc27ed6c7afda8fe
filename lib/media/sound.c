/* Sound: any codec, rate and layout to f32 mono at one rate, in windows or in parts below 64 MiB.
 *
 * Channels are averaged (not mixed down by a matrix) and resampled by soxr at the quality that librosa calls soxr_hq,
 * because the references that the vectors are compared with do so. */
#include "base/buf.h"
#include "media/libav.h"
#include "media/ogg.h"
#include "media/sink.h"

#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <string.h>

enum { MAX_PART = 15 << 20 }; /* samples: 60 MiB */

typedef struct {
    mm_sink *sink;
    int64_t rate;   /* of the output */
    int64_t window; /* samples; 0: whole */
    double hop;     /* samples, not rounded, so that hops of a fractional length do not drift */
    mm_buf held;    /* f32 samples from number `first` on that no record has taken yet */
    int64_t first;
    int64_t covered; /* the number behind the last sample that a record has taken */
    int64_t part;
    int64_t source_rate, channels;
    const char *codec;
} cutter;

typedef struct {
    SwrContext *swr; /* NULL: the rates are the same */
    int64_t from, to;
    int64_t in_count, out_count; /* samples since the resampler began */
    mm_buf mono, resampled;
} resampler;

/* ---- records ---- */

static int64_t held_count(const cutter *c)
{
    return (int64_t)(c->held.n / sizeof(float));
}

/* Hands on the first n held samples. */
static mm_status put_part(cutter *c, int64_t n, bool only_one)
{
    mm_sink *s = c->sink;
    mm_record rec = mm_sink_record(s, MM_KIND_AUDIO);
    rec.rate = c->rate;
    rec.has_tensor = true;
    rec.tensor.data = c->held.p;
    mm_status st = mm_shape_make(&rec.tensor.s, MM_F32, 1, &n, s->e);
    if (!only_one) {
        rec.part = c->part++;
        rec.has_time = true;
        rec.time[0] = (double)c->first / (double)c->rate;
        rec.time[1] = (double)(c->first + n) / (double)c->rate;
    }
    c->covered = c->first + n;
    if (st == MM_OK)
        st = mm_meta_put_str(&rec, s->a, "codec", mm_str_of(c->codec), s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(&rec, s->a, "channels", c->channels, s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(&rec, s->a, "source_rate", c->source_rate, s->e);
    return st == MM_OK ? mm_sink_put(s, &rec) : MM_FATAL;
}

static void drop(cutter *c, int64_t n)
{
    size_t bytes = (size_t)n * sizeof(float);
    c->held.n -= bytes;
    memmove(c->held.p, c->held.p + bytes, c->held.n);
    c->first += n;
}

/* From where this window begins to where the next one does. */
static int64_t step_of(const cutter *c)
{
    return c->window ? llround((double)(c->part + 1) * c->hop) - c->first : MAX_PART;
}

/* Hands on every window or part behind which more sound is already known. */
static mm_status cut(cutter *c)
{
    int64_t length = c->window ? c->window : MAX_PART;
    for (;;) {
        int64_t step = step_of(c);
        if (held_count(c) <= (length > step ? length : step))
            return MM_OK;
        if (put_part(c, length, false) != MM_OK)
            return MM_FATAL;
        drop(c, step);
    }
}

/* The end of the sound: the last window may be shorter. It is left out when the one before it held all of it. */
static mm_status finish(cutter *c)
{
    int64_t length = c->window ? c->window : MAX_PART, n = held_count(c);
    bool covered = c->part > 0 && c->window && n <= c->covered - c->first;
    if (n == 0 || covered)
        return MM_OK;
    return put_part(c, n < length ? n : length, c->part == 0 && !c->window);
}

/* ---- channels to mono ---- */

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

/* Appends the mean of the channels of the frame's first n samples. Values that are not finite become silence: one NaN
 * would otherwise spread over everything behind it. */
static mm_status append_mono(mm_buf *out, const AVFrame *f, int n, mm_fault *fault)
{
    bool planar = av_sample_fmt_is_planar(f->format);
    enum AVSampleFormat fmt = av_get_packed_sample_fmt(f->format);
    int channels = f->ch_layout.nb_channels;
    if (channels < 1 || n < 0)
        return mm_fault_set(fault, "corrupt", "a sound frame without channels");
    if (mm_buf_reserve(out, (size_t)n * sizeof(float), NULL) != MM_OK)
        return mm_fault_memory(fault);
    float *to = (float *)(void *)(out->p + out->n);
    for (int i = 0; i < n; i++) {
        float sum = 0;
        for (int ch = 0; ch < channels; ch++)
            sum += sample(f, fmt, planar, channels, ch, i);
        to[i] = isfinite(sum) ? sum / (float)channels : 0;
    }
    out->n += (size_t)n * sizeof(float);
    return MM_OK;
}

/* ---- resampling ---- */

static mm_status resampler_begin(resampler *r, int64_t from, int64_t to, mm_fault *f)
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

/* Runs n samples (NULL, 0: the end) through soxr, appending to r->resampled. */
static mm_status resample(resampler *r, const float *in, int64_t n, mm_fault *f)
{
    const uint8_t *from[1] = {(const uint8_t *)(const void *)in};
    int64_t room = n * r->to / r->from + 65536; /* soxr holds back some thousand samples at most */
    int got;
    do {
        if (mm_buf_reserve(&r->resampled, (size_t)room * sizeof(float), NULL) != MM_OK)
            return mm_fault_memory(f);
        uint8_t *to[1] = {r->resampled.p + r->resampled.n};
        got = swr_convert(r->swr, to, (int)room, in ? from : NULL, (int)n);
        if (got < 0)
            return mm_av_fault(f, "resampling", got);
        r->resampled.n += (size_t)got * sizeof(float);
    } while (!in && got > 0);
    return MM_OK;
}

/* librosa's length: ⌈n·to/from⌉. soxr may end a sample short of it or beyond. */
static mm_status settle_length(resampler *r, mm_fault *f)
{
    int64_t want = (r->in_count * r->to + r->from - 1) / r->from;
    int64_t have = r->out_count + (int64_t)(r->resampled.n / sizeof(float));
    if (have > want) {
        int64_t cut = have - want, n = (int64_t)(r->resampled.n / sizeof(float));
        r->resampled.n -= (size_t)(cut < n ? cut : n) * sizeof(float);
        return MM_OK;
    }
    size_t zeros = (size_t)(want - have) * sizeof(float);
    if (mm_buf_reserve(&r->resampled, zeros, NULL) != MM_OK)
        return mm_fault_memory(f);
    memset(r->resampled.p + r->resampled.n, 0, zeros);
    r->resampled.n += zeros;
    return MM_OK;
}

/* Moves what came out to the cutter. */
static mm_status pass_on(resampler *r, cutter *c, mm_fault *f)
{
    mm_buf *from = r->swr ? &r->resampled : &r->mono;
    if (mm_buf_append(&c->held, from->p, from->n, NULL) != MM_OK)
        return mm_fault_memory(f);
    r->out_count += (int64_t)(from->n / sizeof(float));
    from->n = 0;
    return cut(c);
}

static mm_status resampler_push(resampler *r, cutter *c, mm_fault *f)
{
    int64_t n = (int64_t)(r->mono.n / sizeof(float));
    if (n == 0)
        return MM_OK;
    r->in_count += n;
    if (r->swr) {
        mm_status st = resample(r, (const float *)(const void *)r->mono.p, n, f);
        if (st != MM_OK)
            return st;
        r->mono.n = 0;
    }
    return pass_on(r, c, f);
}

static mm_status resampler_end(resampler *r, cutter *c, mm_fault *f)
{
    if (!r->swr)
        return MM_OK;
    mm_status st = resample(r, NULL, 0, f);
    if (st == MM_OK)
        st = settle_length(r, f);
    return st == MM_OK ? pass_on(r, c, f) : st;
}

static void resampler_free(resampler *r)
{
    swr_free(&r->swr);
    mm_buf_free(&r->mono);
    mm_buf_free(&r->resampled);
}

/* ---- one stream ---- */

typedef struct {
    mm_av_input in;
    int stream;
    AVCodecContext *codec;
    AVPacket *pkt;
    AVFrame *frame;
    resampler r;
    cutter c;
    int64_t left;         /* samples that are still to come; −1: not known */
    int64_t packets, bad; /* … that could not be decoded */
    double heard;         /* seconds decoded */
    double end;           /* seconds: where the last frame ends */
} sound;

/* The first frame says what is to be done; a later change of rate (chained Ogg) begins a new resampler. */
static mm_status adapt(sound *s, mm_fault *f)
{
    int rate = s->frame->sample_rate;
    if (rate <= 0)
        return mm_fault_set(f, "corrupt", "sound at %d samples per second", rate);
    if (s->r.from == rate)
        return MM_OK;
    const mm_decode_opts *o = s->c.sink->o;
    if (!s->c.rate) {
        s->c.rate = o->rate > 0 ? o->rate : rate;
        s->c.window = llround(o->window * (double)s->c.rate);
        s->c.hop = (o->hop > 0 ? o->hop : o->window) * (double)s->c.rate;
        if (s->c.window > MAX_PART || (s->c.window && s->c.hop < 1))
            return mm_fault_set(f, "window", "a window of %g s at a hop of %g s does not fit", o->window, o->hop);
    }
    mm_status st = resampler_end(&s->r, &s->c, f);
    s->c.source_rate = rate;
    return st == MM_OK ? resampler_begin(&s->r, rate, s->c.rate, f) : st;
}

/* How many of the frame's samples count. */
static int take_samples(sound *s)
{
    if (s->left < 0)
        return s->frame->nb_samples;
    if (s->frame->nb_samples > s->left)
        s->frame->nb_samples = (int)s->left;
    s->left -= s->frame->nb_samples;
    return s->frame->nb_samples;
}

static mm_status on_frame(sound *s, mm_fault *f)
{
    const AVStream *st = s->in.fmt->streams[s->stream];
    mm_status rc = adapt(s, f);
    if (rc == MM_OK)
        rc = append_mono(&s->r.mono, s->frame, take_samples(s), f);
    if (rc != MM_OK)
        return rc;
    s->c.channels = s->frame->ch_layout.nb_channels;
    s->heard += s->frame->nb_samples / (double)s->frame->sample_rate;
    if (s->frame->best_effort_timestamp != AV_NOPTS_VALUE && st->start_time != AV_NOPTS_VALUE)
        s->end = (double)(s->frame->best_effort_timestamp - st->start_time) * av_q2d(st->time_base) +
                 s->frame->nb_samples / (double)s->frame->sample_rate;
    rc = resampler_push(&s->r, &s->c, f);
    double limit = mm_sink_max_duration(s->c.sink);
    if (rc == MM_OK && (double)(s->c.first + held_count(&s->c)) > limit * (double)s->c.rate)
        return mm_fault_set(f, "too-long", "more than %g s of sound (--max-duration)", limit);
    return rc;
}

/* pkt NULL: what the decoder still holds. */
static mm_status decode_packet(sound *s, const AVPacket *pkt, mm_fault *f)
{
    int rc = avcodec_send_packet(s->codec, pkt);
    bool bad = rc < 0;
    while ((rc = avcodec_receive_frame(s->codec, s->frame)) >= 0) {
        mm_status st = on_frame(s, f);
        av_frame_unref(s->frame);
        if (st != MM_OK)
            return st;
    }
    if (bad || (rc != AVERROR(EAGAIN) && rc != AVERROR_EOF))
        s->bad++;
    return MM_OK;
}

static mm_status decode_all(sound *s, mm_fault *f)
{
    mm_status st;
    while ((st = mm_av_read(&s->in, s->stream, s->pkt, f)) == MM_OK) {
        s->packets++;
        if (s->left >= 0)
            av_packet_free_side_data(s->pkt); /* what it would have cut off is wrong */
        st = decode_packet(s, s->pkt, f);
        av_packet_unref(s->pkt);
        if (st != MM_OK)
            return st;
    }
    return st == MM_EOF ? decode_packet(s, NULL, f) : st;
}

/* Was everything heard that the file promises? */
static mm_status judge(const sound *s, mm_fault *f)
{
    double have = fmax(s->heard, s->end), want = mm_av_declared(&s->in, s->stream);
    if (s->bad)
        return mm_fault_set(f, "corrupt", "%lld of %lld packets of sound could not be decoded", (long long)s->bad,
                            (long long)s->packets);
    if (s->heard == 0)
        return mm_fault_set(f, "empty", "no sound in the sound stream");
    if (have < want * 0.98 - 0.25)
        return mm_fault_set(f, "truncated", "%.2f of %.2f s of sound are there", have, want);
    return mm_av_complete(&s->in, f);
}

static mm_status open_stream(sound *s, mm_fault *f)
{
    const AVCodecParameters *par = s->in.fmt->streams[s->stream]->codecpar;
    double declared = mm_av_declared(&s->in, s->stream), limit = mm_sink_max_duration(s->c.sink);
    if (declared > limit)
        return mm_fault_set(f, "too-long", "%.0f s of sound, more than %g (--max-duration)", declared, limit);
    s->pkt = av_packet_alloc();
    s->frame = av_frame_alloc();
    if (!s->pkt || !s->frame)
        return mm_fault_memory(f);
    s->c.codec = avcodec_get_name(par->codec_id);
    mm_status st = mm_av_decoder(&s->codec, par->codec_id, par, &s->in.limits, f);
    if (st != MM_OK)
        return st;
    s->codec->pkt_timebase = s->in.fmt->streams[s->stream]->time_base; /* gapless trimming needs it */
    s->left = par->codec_id == AV_CODEC_ID_VORBIS ? mm_ogg_short_vorbis(s->in.blob) : -1;
    return MM_OK;
}

static void sound_free(sound *s)
{
    resampler_free(&s->r);
    mm_buf_free(&s->c.held);
    avcodec_free_context(&s->codec);
    av_frame_free(&s->frame);
    av_packet_free(&s->pkt);
    mm_av_close(&s->in);
}

/* Whatever was decoded is handed on, also when f says that it is not everything. */
static mm_status run(sound *s, mm_fault *f)
{
    mm_fault late = {0};
    mm_status st = open_stream(s, f);
    if (st != MM_OK)
        return st;
    st = decode_all(s, f);
    if (st == MM_FATAL)
        return st;
    if (st != MM_SKIP)
        st = judge(s, f);
    mm_status end = resampler_end(&s->r, &s->c, &late);
    if (end == MM_OK)
        end = finish(&s->c);
    return end == MM_FATAL ? end : st;
}

mm_status mm_sound_decode(mm_sink *sink, bool *found, mm_fault *f)
{
    sound s = {.c.sink = sink};
    mm_picture_limits l = mm_sink_limits(sink);
    mm_status st = mm_av_open(&s.in, sink->b, &(mm_av_limits){l.max_pixels, l.log}, f);
    if (st != MM_OK)
        return st;
    s.stream = av_find_best_stream(s.in.fmt, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    *found = s.stream >= 0;
    if (*found)
        st = run(&s, f);
    sound_free(&s);
    return st;
}
