/* sound_decode.c: any codec, rate and layout to f32 mono at one rate, on the file's clock.
 *
 * Each channel that was asked for, or the mean of all, has a pipeline of its own: mono (sound_mix.h), resampled
 * (sound_resample.h), cut into records (cutter.h). */
#include "media/sound/sound_decode.h"

#include "media/av/libav.h"
#include "media/av/ogg.h"
#include "media/cutter.h"
#include "media/gaps.h"
#include "media/sound/sound_mix.h"
#include "media/sound/sound_resample.h"
#include "media/sound/sound_track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_RATE = 100, MAX_RATE = 64 * 48000 }; /* of files; the highest is DSD512, a sample for each eight bits */

/* Seconds. A gap becomes silence, so that samples keep counting time, unless it is longer than MM_LONGEST_FILLED.
 * Time stamps that are off by less than JITTER are ignored. */
static const double JITTER = 0.1;

/* In the meta of every record of a sound. */
typedef struct {
    const char *codec, *language; /* NULL: unknown */
    int64_t channels, source_rate;
    int64_t track, tracks; /* which one of how many; 1-based */
} sound_facts;

typedef struct {
    int channel;
    mm_buf mono;
    mm_resampler r;
    mm_cutter c;
} line;

typedef struct {
    mm_track t; /* first: its functions get a pointer to it */
    mm_sink *sink;
    mm_av_input *in;
    line line[MM_MAX_CHANNELS];
    int lines;
    sound_facts facts;
    mm_cancelling cancelling;
    mm_gaps gaps;
    int rate; /* of the last frame; 0: none came yet */
    bool started;
    double next;  /* seconds from the file's zero: where the next sample should lie */
    int priming;  /* coming samples that are not to be heard */
    int64_t left; /* samples still to come; −1: unknown */
    double heard; /* seconds decoded */
    double end;   /* seconds from the stream's start: where the last frame ends */
} sound;

/* ---- lines ---- */

static mm_status to_cutter(void *ctx, const float *x, int64_t n, mm_fault *f)
{
    return mm_cutter_push(ctx, x, n, f);
}

static mm_status describe(const void *facts, mm_sink *s, mm_record *rec)
{
    const sound_facts *x = facts;
    mm_status st = mm_meta_put_str(rec, s->a, "codec", mm_str_of(x->codec), s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "channels", x->channels, s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "source_rate", x->source_rate, s->e);
    if (x->tracks < 2)
        return st;
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "track", x->track, s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "tracks", x->tracks, s->e);
    if (st == MM_OK && x->language)
        st = mm_meta_put_str(rec, s->a, "language", mm_str_of(x->language), s->e);
    return st;
}

static void make_lines(sound *s)
{
    const mm_decode_opts *o = s->sink->o;
    s->lines = o->n_channels ? o->n_channels : 1;
    for (int i = 0; i < s->lines; i++) {
        line *l = &s->line[i];
        l->channel = o->n_channels ? o->channels[i].index : MM_MEAN_OF_CHANNELS;
        l->c.sink = s->sink;
        l->c.kind = MM_KIND_AUDIO;
        l->c.describe = describe;
        l->c.ctx = &s->facts;
        l->c.of = o->n_channels ? o->channels[i].of : (mm_str){0};
        l->r.put = to_cutter;
        l->r.ctx = &l->c;
    }
}

/* A frame with another rate than the one before it (the first frame; chained Ogg) begins a new resampler. */
static mm_status adapt(sound *s, mm_fault *f)
{
    int rate = s->t.d.frame->sample_rate;
    int64_t wanted = s->sink->o->rate > 0 ? s->sink->o->rate : rate;
    mm_status st = MM_OK;
    if (s->rate == rate)
        return MM_OK;
    if (rate < MIN_RATE || rate > MAX_RATE)
        return mm_fault_set(f, "unsupported", "sound at %d samples a second: %d to %d are read", rate, MIN_RATE,
                            MAX_RATE);
    for (int i = 0; st == MM_OK && i < s->lines; i++) {
        line *l = &s->line[i];
        st = s->rate ? mm_resampler_end(&l->r, f) : mm_cutter_begin(&l->c, wanted, f);
        if (st == MM_OK)
            st = mm_resampler_begin(&l->r, rate, l->c.rate, f);
    }
    s->facts.source_rate = s->rate = rate;
    return st;
}

static mm_status check_channels(const sound *s, mm_fault *f)
{
    int there = s->t.d.frame->ch_layout.nb_channels;
    for (int i = 0; i < s->lines; i++)
        if (s->line[i].channel >= there)
            return mm_fault_set(f, "channel", "no channel %d: this sound has %d", s->line[i].channel + 1, there);
    return MM_OK;
}

/* The frame's samples from number `from` on, up to the first that is not finite. */
static mm_status push_frame(sound *s, int from, mm_fault *f)
{
    mm_status st = MM_OK;
    for (int i = 0; st == MM_OK && i < s->lines; i++) {
        line *l = &s->line[i];
        st = mm_sound_mono(&l->mono, s->t.d.frame, from, l->channel, l->channel < 0 ? &s->cancelling : NULL, f);
        int64_t n = (int64_t)(l->mono.n / sizeof(float));
        if (st == MM_OK)
            st = mm_resampler_push(&l->r, (const float *)(const void *)l->mono.p, n, f);
        if (st == MM_OK && n < s->t.d.frame->nb_samples - from)
            return mm_fault_set(f, "corrupt", "the sample at %.4f s is not a finite number (NaN or infinite)",
                                s->heard + (double)n / s->rate);
    }
    return st;
}

static mm_status push_silence(sound *s, int64_t n, mm_fault *f)
{
    static const float silence[4096];
    enum { MOST = sizeof silence / sizeof *silence };
    mm_status st = MM_OK;
    for (int i = 0; i < s->lines; i++)
        for (int64_t left = n; st == MM_OK && left > 0; left -= MOST)
            st = mm_resampler_push(&s->line[i].r, silence, left < MOST ? left : MOST, f);
    return st;
}

/* The sound pauses, or ends. */
static mm_status end_runs(sound *s, bool last, mm_fault *f)
{
    for (int i = 0; i < s->lines; i++) {
        mm_status st = s->rate ? mm_resampler_end(&s->line[i].r, f) : MM_OK;
        if (st == MM_OK)
            st = mm_cutter_end(&s->line[i].c, last);
        if (st != MM_OK)
            return st;
    }
    return MM_OK;
}

static mm_status begin_runs(sound *s, double at, mm_fault *f)
{
    mm_status st = MM_OK;
    for (int i = 0; st == MM_OK && i < s->lines; i++) {
        mm_cutter_run(&s->line[i].c, at);
        st = mm_resampler_begin(&s->line[i].r, s->rate, s->line[i].c.rate, f);
    }
    s->next = at;
    return st;
}

/* ---- time ---- */

/* Time stamps lag the samples: what comes from now on lies earlier than was counted. */
static void set_back(sound *s, double by)
{
    s->next -= by;
    for (int i = 0; i < s->lines; i++)
        s->line[i].c.start -= by;
}

/* The first frame with a time: the sound begins at `at`. Before zero lies what the codec needs to get going. A file
 * with nothing but sound begins at zero. */
static mm_status start(sound *s, double at)
{
    const AVStream *st = s->in->fmt->streams[s->t.stream];
    double tick = av_q2d(st->time_base);
    if (at < -tick && s->heard == 0) {
        s->priming = FFMAX(0, st->codecpar->initial_padding);
        at += (double)s->priming / s->rate;
    }
    if (s->in->alone) {
        s->in->zero += at;
        at = 0;
    } else if (fabs(at) < tick) {
        at = 0;
    }
    for (int i = 0; i < s->lines; i++)
        s->line[i].c.start = at;
    s->next = at + s->heard;
    s->started = true;
    return MM_OK;
}

/* Brings the count of samples to the time of this frame. */
static mm_status keep_time(sound *s, mm_fault *f)
{
    int64_t ts = s->t.d.frame->best_effort_timestamp;
    if (s->left >= 0 || ts == AV_NOPTS_VALUE)
        return MM_OK;
    if (!s->started)
        return start(s, mm_av_time(s->in, s->t.stream, ts) - s->heard);
    double gap = mm_av_time(s->in, s->t.stream, ts) - s->next;
    if (gap > JITTER)
        mm_gaps_note(&s->gaps, s->sink, "sound", s->next, gap);
    if (gap > MM_LONGEST_FILLED) {
        mm_status st = end_runs(s, false, f);
        return st == MM_OK ? begin_runs(s, s->next + gap, f) : st;
    } else if (gap > JITTER) {
        int64_t n = llround(gap * s->rate);
        s->heard += (double)n / s->rate;
        s->next += (double)n / s->rate;
        return push_silence(s, n, f);
    } else if (gap < -JITTER && !s->in->alone) {
        set_back(s, -gap);
    }
    return MM_OK;
}

/* ---- frames ---- */

/* Drops the frame's samples past the end of the sound. */
static void take_samples(sound *s)
{
    if (s->left < 0)
        return;
    if (s->t.d.frame->nb_samples > s->left)
        s->t.d.frame->nb_samples = (int)s->left;
    s->left -= s->t.d.frame->nb_samples;
}

static mm_status on_frame(void *ctx, mm_fault *f)
{
    sound *s = ctx;
    const AVStream *av = s->in->fmt->streams[s->t.stream];
    take_samples(s);
    double all = s->t.d.frame->nb_samples / (double)s->t.d.frame->sample_rate, limit = mm_sink_max_duration(s->sink);
    s->facts.channels = s->t.d.frame->ch_layout.nb_channels;
    mm_status st = adapt(s, f);
    if (st == MM_OK)
        st = check_channels(s, f);
    if (st == MM_OK)
        st = keep_time(s, f);
    int from = s->priming < s->t.d.frame->nb_samples ? s->priming : s->t.d.frame->nb_samples;
    if (st == MM_OK)
        st = push_frame(s, from, f);
    if (st != MM_OK)
        return st;
    s->priming -= from;
    s->heard += (s->t.d.frame->nb_samples - from) / (double)s->rate;
    s->next += (s->t.d.frame->nb_samples - from) / (double)s->rate;
    if (s->t.d.frame->best_effort_timestamp != AV_NOPTS_VALUE && av->start_time != AV_NOPTS_VALUE)
        s->end = (double)(s->t.d.frame->best_effort_timestamp - av->start_time) * av_q2d(av->time_base) + all;
    if (s->heard > limit)
        return mm_fault_hint(f, MM_HINT_MAX_DURATION, "too-long", "more than %g s of sound", limit);
    return MM_OK;
}

/* ---- one track ---- */

/* Seconds that may be missing of the `want` that were declared: none where samples are counted; a codec's padding where
 * its frames are; otherwise more, because containers round and estimate. */
static double slack(const sound *s, double want)
{
    const AVStream *st = s->in->fmt->streams[s->t.stream];
    const AVCodecParameters *par = st->codecpar;
    double rounding = want * 0.02 + 0.25, rate = par->sample_rate > 0 ? par->sample_rate : 1;
    if (av_cmp_q(st->time_base, (AVRational){1, par->sample_rate}) == 0 &&
        (av_get_exact_bits_per_sample(par->codec_id) > 0 || par->codec_id == AV_CODEC_ID_FLAC))
        return 1.5 / rate;
    return par->frame_size > 0 ? fmin(rounding, (par->initial_padding + 3.0 * par->frame_size) / rate) : rounding;
}

/* Whether all sound came that the file declares. */
static mm_status check_complete(const sound *s, mm_fault *f)
{
    double have = fmax(s->heard, s->end), want = mm_av_declared(s->in, s->t.stream);
    if (mm_av_complete(s->in, f) != MM_OK) /* first: this may be why the last packet is bad */
        return MM_SKIP;
    if (s->t.d.bad)
        return mm_fault_set(f, "corrupt", "%lld of %lld packets of sound could not be decoded", (long long)s->t.d.bad,
                            (long long)s->t.d.packets);
    if (s->heard == 0)
        return mm_fault_set(f, "empty", "no sound in the sound stream");
    if (have < want - slack(s, want))
        return mm_fault_set(f, "truncated", "%.2f of %.2f s of sound are there", have, want);
    return MM_OK;
}

static mm_status open_stream(sound *s, mm_fault *f)
{
    enum AVCodecID id = s->in->fmt->streams[s->t.stream]->codecpar->codec_id;
    double declared = mm_av_declared(s->in, s->t.stream), limit = mm_sink_max_duration(s->sink);
    if (declared > limit)
        return mm_fault_hint(f, MM_HINT_MAX_DURATION, "too-long", "%.4g s of sound, more than %g", declared, limit);
    s->facts.codec = avcodec_get_name(id);
    s->left = id == AV_CODEC_ID_VORBIS ? mm_ogg_short_vorbis(&s->in->bytes) : -1;
    s->t.d.no_side_data = s->left >= 0;
    return mm_av_decoding_open(&s->t.d, s->in, s->t.stream, f);
}

static void sound_free(mm_track *t)
{
    sound *s = (sound *)t;
    for (int i = 0; i < s->lines; i++) {
        mm_resampler_free(&s->line[i].r);
        mm_cutter_free(&s->line[i].c);
        mm_buf_free(&s->line[i].mono);
    }
    mm_av_decoding_close(&t->d);
    free(s);
}

static void say_cancelling(sound *s)
{
    if (s->rate && mm_sound_cancels(&s->cancelling, s->rate))
        mm_say_hint(s->sink->o->log, MM_LOG_WARN, MM_HINT_CHANNEL,
                    "%.*s: in %.2f of %.2f s the channels cancel each other out in their mean",
                    MM_STRF(s->sink->b->src), s->cancelling.cancelled, s->cancelling.sounding);
}

static mm_status end(mm_track *t, mm_status st, mm_fault *f)
{
    sound *s = (sound *)t;
    mm_fault late = {0};
    if (st == MM_OK)
        st = check_complete(s, f);
    mm_status last = end_runs(s, true, &late);
    if (st == MM_OK && last == MM_SKIP)
        *f = late;
    say_cancelling(s);
    mm_gaps_say(&s->gaps, s->sink, "sound");
    return st == MM_OK || last == MM_FATAL ? last : st;
}

mm_status mm_sound_open(mm_track **t, mm_sink *sink, mm_av_input *in, mm_fault *f)
{
    mm_sound_track track;
    *t = NULL;
    mm_status st = mm_sound_track_choose(&track, in->fmt, in->packets > 0, sink->o->track, f);
    if (track.count > 1 && !sink->o->track)
        mm_sink_note(sink, offsetof(mm_decode_notes, more_sound), 1);
    if (st != MM_OK || track.stream < 0)
        return st;
    sound *s = calloc(1, sizeof *s);
    if (!s)
        return mm_fault_memory(f);
    *t = &s->t;
    s->t = (mm_track){.what = "sound", .stream = track.stream, .frame = on_frame, .end = end, .free = sound_free};
    s->sink = sink;
    s->in = in;
    s->facts.track = track.number;
    s->facts.tracks = track.count;
    s->facts.language = track.language;
    make_lines(s);
    return open_stream(s, f);
}
