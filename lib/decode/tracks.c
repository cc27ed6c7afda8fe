#include "decode/tracks.h"

#include "media/sound/sound_decode.h"
#include "media/video/video_decode.h"

/* A track's state in the pass. */
typedef struct {
    mm_track *t;
    mm_status st; /* MM_OK: more of its packets are wanted */
    mm_fault f;
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

/* The lane has had its last packet, for whatever reason. */
static mm_status stop(lane *l)
{
    l->st = l->t->end(l->t, l->st, &l->f);
    if (l->st == MM_OK)
        l->st = MM_EOF;
    return l->st == MM_FATAL ? MM_FATAL : MM_OK;
}

static mm_status feed(lane *l, AVPacket *pkt)
{
    l->st = mm_av_decode(&l->t->d, pkt, l->t->frame, l->t, &l->f);
    return l->st == MM_SKIP ? stop(l) : l->st;
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
    while (any_open(p)) {
        st = mm_av_read(&p->in, p->n == 1 ? p->lane[0].t->stream : -1, p->pkt, &f);
        if (st == MM_EOF || st == MM_SKIP)
            return stop_all(p, st, &f);
        lane *l = lane_of(p, p->pkt->stream_index);
        st = l ? feed(l, p->pkt) : MM_OK;
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
    mm_status st = mm_av_open(&p.in, s->b, &(mm_av_limits){limits.max_pixels, limits.log}, f);
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
        if (p.lane[i].t)
            p.lane[i].t->free(p.lane[i].t);
    }
    av_packet_free(&p.pkt);
    mm_av_close(&p.in);
    return st;
}
