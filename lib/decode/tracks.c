#include "decode/tracks.h"

#include "format/formats.h"
#include "media/sound/sound_decode.h"
#include "media/video/video_decode.h"

const mm_raw_sound *mm_raw_sound_of(const mm_blob *b, const mm_decode_opts *o)
{
    enum { LEAST_MARK = 4 }; /* fewer bytes than that are found in any samples */
    uint8_t head[MM_FORMAT_HEAD];
    int64_t n = o->raw.format && o->audio ? mm_blob_read(b, 0, head, sizeof head) : 0;
    if (n <= 0 || mm_name_promises(b->path) != MM_FORMAT_UNKNOWN)
        return NULL;
    const mm_format *marked = mm_format_marked(head, (size_t)n);
    return marked && marked->marks->n + marked->marks->n2 >= LEAST_MARK ? NULL : &o->raw;
}

/* A track's state in the pass. */
typedef struct {
    mm_track *t;
    mm_status st; /* MM_OK: more of its packets are wanted */
    mm_fault f;
    double bad_from, bad_until; /* seconds: where packets were bad that no record tells of yet */
    int64_t bad;                /* of those that records tell of */
} lane;

typedef struct {
    mm_sink *sink;
    mm_av_input in;
    AVPacket *pkt;
    lane lane[2];
    int n;
    bool wants_video, wants_sound; /* of which no lane is there yet */
} pass;

/* Whether a lane was added. */
static bool add(pass *p, bool *wanted, mm_status (*open)(mm_track **, mm_sink *, mm_av_input *, mm_fault *))
{
    if (!*wanted)
        return false;
    lane *l = &p->lane[p->n];
    *l = (lane){0};
    l->st = open(&l->t, p->sink, &p->in, &l->f);
    bool added = l->t || l->st != MM_OK;
    *wanted = !added;
    p->n += added;
    return added;
}

/* ---- faults of a live input: told where they are, as its end may be far ---- */

/* The lane stops before the input does. */
static mm_status tell_at_once(pass *p, lane *l)
{
    if (!p->sink->o->live || l->st != MM_SKIP)
        return MM_OK;
    mm_status st = mm_sink_fault(p->sink, &l->f);
    l->st = MM_EOF;
    return st;
}

static mm_status tell_bad(pass *p, lane *l)
{
    mm_fault f;
    mm_record rec = mm_sink_record(p->sink, MM_KIND_ERROR);
    mm_fault_set(&f, "corrupt", "%lld packets of %s could not be decoded in full", (long long)l->t->d.bad, l->t->what);
    rec.has_time = true;
    rec.time[0] = l->bad_from;
    rec.time[1] = l->bad_until;
    l->bad += l->t->d.bad;
    l->t->d.bad = 0;
    return mm_sink_fault_of(p->sink, &rec, &f);
}

/* Bad packets near one another are one fault, told with the first good one a second after it began. Those at the very
 * end, which may have been cut off, are left to the track. */
static mm_status note_bad(pass *p, lane *l, int64_t before, const AVPacket *pkt)
{
    const double NEAR = 1;
    int64_t ts = pkt->pts != AV_NOPTS_VALUE ? pkt->pts : pkt->dts;
    double at = ts != AV_NOPTS_VALUE ? mm_av_time(&p->in, l->t->stream, ts) : l->bad_until;
    if (!p->sink->o->live || !l->t->d.bad)
        return MM_OK;
    if (!before)
        l->bad_from = at;
    if (l->t->d.bad > before)
        l->bad_until = at;
    return l->t->d.bad > before || at < l->bad_from + NEAR ? MM_OK : tell_bad(p, l);
}

static void say_bad(const pass *p, const lane *l)
{
    if (l->bad)
        mm_say(p->sink->o->log, MM_LOG_WARN, "%.*s: %lld of %lld packets of %s could not be decoded in full",
               MM_STRF(p->sink->b->src), (long long)(l->bad + l->t->d.bad), (long long)l->t->d.packets, l->t->what);
}

/* ---- packets ---- */

/* The lane has had its last packet, for whatever reason. */
static mm_status stop(lane *l)
{
    l->st = l->t->end(l->t, l->st, &l->f);
    if (l->st == MM_OK)
        l->st = MM_EOF;
    return l->st == MM_FATAL ? MM_FATAL : MM_OK;
}

static mm_status feed(pass *p, lane *l, AVPacket *pkt)
{
    int64_t bad = l->t->d.bad;
    l->st = mm_av_decode(&l->t->d, pkt, l->t->frame, l->t, &l->f);
    if (l->st != MM_SKIP)
        return l->st == MM_OK ? note_bad(p, l, bad, pkt) : l->st;
    mm_status st = stop(l);
    return st == MM_OK ? tell_at_once(p, l) : st;
}

static lane *lane_of(pass *p, int stream)
{
    for (int i = 0; i < p->n; i++)
        if (p->lane[i].st == MM_OK && p->lane[i].t->stream == stream)
            return &p->lane[i];
    return NULL;
}

/* Whether a stream of this kind may still come that was not known when the input was opened. */
static bool may_come(const pass *p, bool wanted, enum AVMediaType type)
{
    const AVFormatContext *fmt = p->in.fmt;
    bool there = fmt->ctx_flags & AVFMTCTX_NOHEADER;
    for (unsigned i = 0; i < fmt->nb_streams; i++)
        there |= fmt->streams[i]->codecpar->codec_type == type &&
                 !(fmt->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC);
    return wanted && there;
}

static bool any_open(const pass *p)
{
    bool any = may_come(p, p->wants_video, AVMEDIA_TYPE_VIDEO) || may_come(p, p->wants_sound, AVMEDIA_TYPE_AUDIO);
    for (int i = 0; i < p->n; i++)
        any |= p->lane[i].st == MM_OK;
    return any;
}

/* The stream of which pkt came may be the first of its kind: libav opens an input after a few seconds of it at most. */
static mm_status add_late(pass *p, const AVPacket *pkt)
{
    const AVStream *s = p->in.fmt->streams[pkt->stream_index];
    enum AVMediaType type = s->codecpar->codec_type;
    bool wanted = (type == AVMEDIA_TYPE_VIDEO && p->wants_video) || (type == AVMEDIA_TYPE_AUDIO && p->wants_sound);
    if (!wanted || (s->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return MM_OK;
    mm_av_stream_came(&p->in);
    bool video = type == AVMEDIA_TYPE_VIDEO;
    bool added = add(p, video ? &p->wants_video : &p->wants_sound, video ? mm_video_open : mm_sound_open);
    return added ? tell_at_once(p, &p->lane[p->n - 1]) : MM_OK;
}

/* The container is at its end, or broken from here on, as f says. */
static mm_status stop_all(pass *p, mm_status why, const mm_fault *f)
{
    mm_status st = MM_OK;
    for (int i = 0; st == MM_OK && i < p->n; i++) {
        lane *l = &p->lane[i];
        if (l->st != MM_OK)
            continue;
        if (why == MM_EOF)
            l->st = mm_av_decode(&l->t->d, NULL, l->t->frame, l->t, &l->f);
        else
            l->st = why, l->f = *f;
        st = l->st == MM_FATAL ? MM_FATAL : stop(l);
    }
    return st;
}

/* The only stream whose packets are of use; −1: any may be. */
static int only_stream(const pass *p)
{
    return p->n == 1 && !p->wants_video && !p->wants_sound ? p->lane[0].t->stream : -1;
}

static mm_status run(pass *p, mm_fault *f)
{
    mm_status st = MM_OK;
    for (int i = 0; st == MM_OK && i < p->n && any_open(p); i++)
        st = tell_at_once(p, &p->lane[i]);
    if (st != MM_OK)
        return st;
    while (any_open(p)) {
        st = mm_av_read(&p->in, only_stream(p), p->pkt, f);
        if (st == MM_SKIP && !p->n)
            return p->in.bytes.blob->live ? st : MM_OK; /* of a file the other pass tells */
        if (st == MM_EOF || st == MM_SKIP)
            return stop_all(p, st, f);
        st = add_late(p, p->pkt);
        lane *l = lane_of(p, p->pkt->stream_index);
        if (st == MM_OK && l)
            st = feed(p, l, p->pkt);
        av_packet_unref(p->pkt);
        if (st != MM_OK)
            return st;
    }
    return MM_OK;
}

mm_status mm_decode_tracks(mm_sink *s, bool image, bool audio, int *found, mm_fault *f)
{
    pass p = {.sink = s, .wants_video = image, .wants_sound = audio};
    mm_picture_limits limits = mm_sink_limits(s);
    *found = 0;
    const mm_raw_sound *raw = mm_raw_sound_of(s->b, s->o);
    mm_status st = mm_av_open(&p.in, s->b, &(mm_av_limits){limits.max_pixels, limits.log}, raw, f);
    if (st != MM_OK)
        return st;
    add(&p, &p.wants_video, mm_video_open);
    add(&p, &p.wants_sound, mm_sound_open);
    p.pkt = av_packet_alloc();
    st = p.pkt ? run(&p, f) : mm_fault_memory(f);
    *found = p.n;
    for (int i = 0; i < p.n; i++) {
        if (st == MM_OK && p.lane[i].st == MM_SKIP) {
            *f = p.lane[i].f;
            st = MM_SKIP;
        }
        if (p.lane[i].t) {
            say_bad(&p, &p.lane[i]);
            p.lane[i].t->free(p.lane[i].t);
        }
    }
    av_packet_free(&p.pkt);
    mm_av_close(&p.in);
    return st;
}
