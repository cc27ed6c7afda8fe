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
} pass;

static void add(pass *p, mm_status (*open)(mm_track **, mm_sink *, mm_av_input *, mm_fault *))
{
    lane *l = &p->lane[p->n];
    *l = (lane){0};
    l->st = open(&l->t, p->sink, &p->in, &l->f);
    p->n += l->t || l->st != MM_OK;
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

static bool any_open(const pass *p)
{
    bool any = false;
    for (int i = 0; i < p->n; i++)
        any |= p->lane[i].st == MM_OK;
    return any;
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

static mm_status run(pass *p)
{
    mm_status st = MM_OK;
    mm_fault f = {0};
    for (int i = 0; st == MM_OK && i < p->n && any_open(p); i++)
        st = tell_at_once(p, &p->lane[i]);
    if (st != MM_OK)
        return st;
    while (any_open(p)) {
        st = mm_av_read(&p->in, p->n == 1 ? p->lane[0].t->stream : -1, p->pkt, &f);
        if (st == MM_EOF || st == MM_SKIP)
            return stop_all(p, st, &f);
        lane *l = lane_of(p, p->pkt->stream_index);
        st = l ? feed(p, l, p->pkt) : MM_OK;
        av_packet_unref(p->pkt);
        if (st != MM_OK)
            return st;
    }
    return MM_OK;
}

mm_status mm_decode_tracks(mm_sink *s, bool image, bool audio, int *found, mm_fault *f)
{
    pass p = {.sink = s, .n = 0};
    mm_picture_limits limits = mm_sink_limits(s);
    *found = 0;
    const mm_raw_sound *raw = mm_raw_sound_of(s->b, s->o);
    mm_status st = mm_av_open(&p.in, s->b, &(mm_av_limits){limits.max_pixels, limits.log}, raw, f);
    if (st != MM_OK)
        return st;
    if (image)
        add(&p, mm_video_open);
    if (audio)
        add(&p, mm_sound_open);
    p.pkt = av_packet_alloc();
    st = p.pkt ? run(&p) : mm_fault_memory(f);
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
