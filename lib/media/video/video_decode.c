/* video_decode.c: a record for each frame, or for each tick of o->fps.
 *
 * Tick k is at first frame + k/fps and shows the last frame at or before it; its record's time runs to the next tick.
 * A live source that was away for long begins a new run of ticks.
 * Without a frame rate every frame is a record, from its own time to that of the next. Only one frame is held back,
 * until the next one says how long it is shown. */
#include "media/video/video_decode.h"

#include "media/gaps.h"
#include "media/image/frame_to_rgb.h"
#include "media/image/gif.h"
#include "media/image_record.h"

#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    mm_track t; /* first: its functions get a pointer to it */
    mm_sink *sink;
    mm_av_input *in;
    int64_t tracks; /* of video */
    AVFrame *shown; /* the frame before the one just decoded */
    bool has_shown;
    double first, at; /* seconds: of the first frame, and of `shown` */
    double last_step; /* between the last two frames */
    int64_t ticks;    /* records made */
    double run;       /* seconds: where this run of ticks begins, … */
    int64_t in_runs;  /* … and the records made in those before it */
    int64_t frames;   /* decoded */
    mm_pace pace;
    mm_gaps gaps;
    int orientation;
    struct SwsContext *sws;
    bool is_gif;
    mm_gif_first gif;
} video;

/* ---- orientation ---- */

/* The EXIF number of a display matrix (libavutil/display.h): clockwise turns of 90°, with or without a mirror. */
static int orientation_of(const int32_t *m)
{
    if (!m)
        return 1;
    int a = (m[0] > 0) - (m[0] < 0), b = (m[1] > 0) - (m[1] < 0);
    int c = (m[3] > 0) - (m[3] < 0), d = (m[4] > 0) - (m[4] < 0);
    if (!b && !c && a && d)
        return a > 0 ? (d > 0 ? 1 : 4) : (d > 0 ? 2 : 3);
    if (!a && !d && b && c)
        return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7);
    return 1;
}

/* ---- records ---- */

static mm_status put_frame(video *v, double from, double to, mm_fault *f)
{
    mm_picture p = {.exif.orientation = v->orientation, .format = avcodec_get_name(v->t.d.codec->codec_id)};
    mm_status st = mm_frame_to_rgb(&p, v->shown, &v->sws, v->sink->a, f);
    if (st != MM_OK)
        return st;
    if (v->is_gif)
        mm_gif_fill(&p, &v->gif, v->at <= v->first);
    mm_record rec = mm_sink_record(v->sink, MM_KIND_IMAGE);
    rec.part = v->ticks;
    rec.has_time = true;
    rec.time[0] = from;
    rec.time[1] = to;
    if (v->tracks > 1 && mm_meta_put_int(&rec, v->sink->a, "tracks", v->tracks, v->sink->e) != MM_OK)
        return MM_FATAL;
    st = mm_sink_picture(v->sink, &p, &rec, f);
    v->ticks++;
    return st;
}

/* A tick costs a whole picture, so a tiny file must not ask for too many of them. */
static bool too_many_ticks(const video *v)
{
    enum { FREE = 10000, A_FRAME = 1000 };
    return v->ticks > FREE + A_FRAME * v->frames;
}

/* When the next tick begins, or the n-th after it. */
static double tick_at(const video *v, int64_t n)
{
    return v->run + (double)(v->ticks - v->in_runs + n) / v->sink->o->fps;
}

/* Puts every record of `shown`, now that it is known to be shown until `until`. */
static mm_status put_shown(video *v, double until, mm_fault *f)
{
    double fps = v->sink->o->fps;
    if (fps <= 0)
        return put_frame(v, v->at, until, f);
    mm_status st = MM_OK;
    for (;;) {
        double tick = tick_at(v, 0);
        if (tick >= until - 1e-6 || st != MM_OK)
            return st;
        if (too_many_ticks(v))
            return mm_fault_hint(f, MM_HINT_FPS, "too-long", "%lld frames would be repeated for more than %lld records",
                                 (long long)v->frames, (long long)v->ticks);
        st = put_frame(v, tick, tick_at(v, 1), f);
    }
}

/* `shown` has been seen until `until`, when the next frame came. A live source that was away for long, as
 * with sound, does not bring back a tick for each moment of that time, all at once and before it goes on. */
static mm_status put_until(video *v, double until, mm_fault *f)
{
    bool away = v->sink->o->live && v->sink->o->fps > 0 && until - v->at > MM_LONGEST_FILLED;
    mm_status st = put_shown(v, away ? v->at + v->last_step : until, f);
    if (away) {
        v->run = until;
        v->in_runs = v->ticks;
    } else {
        v->last_step = until - v->at;
    }
    return st;
}

/* ---- frames ---- */

/* Seconds from the file's zero; a frame without a time follows the one before it. */
static double time_of(const video *v, const AVFrame *frame)
{
    if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
        return mm_av_time(v->in, v->t.stream, frame->best_effort_timestamp);
    return v->has_shown ? v->at + v->last_step : 0;
}

static double nominal_step(const video *v)
{
    AVRational r = v->in->fmt->streams[v->t.stream]->avg_frame_rate;
    return r.num > 0 && r.den > 0 ? av_q2d(av_inv_q(r)) : 0.04;
}

static void note_gap(video *v, double at)
{
    int64_t missing = mm_pace_missing(&v->pace, at - v->at);
    if (missing > 0)
        mm_gaps_note(&v->gaps, v->sink, "video", v->at, at - v->at);
    v->gaps.frames += missing;
}

static mm_status on_frame(void *ctx, mm_fault *f)
{
    video *v = ctx;
    double at = time_of(v, v->t.d.frame), limit = mm_sink_max_duration(v->sink);
    mm_status st = MM_OK;
    v->t.d.damaged |= v->t.d.frame->decode_error_flags || (v->t.d.frame->flags & AV_FRAME_FLAG_CORRUPT);
    v->frames++;
    if (!v->has_shown) {
        v->first = v->run = at;
        v->last_step = nominal_step(v);
    } else {
        if (at <= v->at) /* time does not run backwards, whatever the container says */
            at = v->at + 1e-6;
        if (at - v->first > limit)
            return mm_fault_hint(f, MM_HINT_MAX_DURATION, "too-long", "more than %g s of video", limit);
        note_gap(v, at);
        st = put_until(v, at, f);
    }
    v->at = at;
    v->has_shown = true;
    av_frame_unref(v->shown);
    av_frame_move_ref(v->shown, v->t.d.frame);
    return st;
}

/* Whether all frames came that the file declares. */
static mm_status check_complete(const video *v, mm_fault *f)
{
    double have = v->has_shown ? v->at + v->last_step - v->first : 0, want = mm_av_declared(v->in, v->t.stream);
    if (v->t.d.bad)
        return mm_fault_set(f, "corrupt", "%lld of %lld packets of video could not be decoded in full",
                            (long long)v->t.d.bad, (long long)v->t.d.packets);
    if (!v->has_shown)
        return mm_fault_set(f, "empty", "no frame in the video stream");
    if (have < want * 0.98 - 0.25)
        return mm_fault_set(f, "truncated", "%.2f of %.2f s of video are there", have, want);
    return mm_av_complete(v->in, f);
}

/* ---- one stream ---- */

static mm_status open_stream(video *v, mm_fault *f)
{
    AVStream *s = v->in->fmt->streams[v->t.stream];
    double declared = mm_av_declared(v->in, v->t.stream), limit = mm_sink_max_duration(v->sink);
    mm_picture_limits l = mm_sink_limits(v->sink);
    if (declared > limit)
        return mm_fault_hint(f, MM_HINT_MAX_DURATION, "too-long", "%.0f s of video, more than %g", declared, limit);
    if (s->codecpar->width > 0 && s->codecpar->height > 0 &&
        mm_picture_allowed(s->codecpar->width, s->codecpar->height, &l, f) != MM_OK)
        return MM_SKIP;
    v->orientation = orientation_of(mm_av_stream_matrix(s));
    v->shown = av_frame_alloc();
    return v->shown ? mm_av_decoding_open(&v->t.d, v->in, v->t.stream, f) : mm_fault_memory(f);
}

/* How long the last frame is shown: GIF and APNG say so; in a video it is as long as the frame before it. */
static double last_duration(const video *v)
{
    const char *format = v->in->fmt->iformat->name;
    int64_t ticks = mm_av_frame_duration(v->shown);
    bool stated = ticks > 0 && (!strcmp(format, "gif") || !strcmp(format, "apng"));
    return stated ? (double)ticks * av_q2d(v->in->fmt->streams[v->t.stream]->time_base) : v->last_step;
}

static mm_status end(mm_track *t, mm_status st, mm_fault *f)
{
    video *v = (video *)t;
    mm_fault late = {0};
    if (st == MM_OK)
        st = check_complete(v, f);
    mm_status last = v->has_shown ? put_shown(v, v->at + last_duration(v), &late) : MM_OK;
    if (st == MM_OK && last == MM_SKIP)
        *f = late;
    mm_gaps_say(&v->gaps, v->sink, "video");
    return st == MM_OK || last == MM_FATAL ? last : st;
}

static void video_free(mm_track *t)
{
    video *v = (video *)t;
    sws_freeContext(v->sws);
    mm_av_decoding_close(&t->d);
    av_frame_free(&v->shown);
    free(v);
}

static bool moves(const AVStream *st)
{
    return st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(st->disposition & AV_DISPOSITION_ATTACHED_PIC);
}

/* The best video stream that is not the cover of a piece of music, −1: none; *tracks: how many there are. */
static int moving_picture(AVFormatContext *fmt, int64_t *tracks)
{
    *tracks = 0;
    for (unsigned i = 0; i < fmt->nb_streams; i++)
        *tracks += moves(fmt->streams[i]);
    int best = av_find_best_stream(fmt, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    return best >= 0 && moves(fmt->streams[best]) ? best : -1;
}

mm_status mm_video_open(mm_track **t, mm_sink *sink, mm_av_input *in, mm_fault *f)
{
    int64_t tracks;
    int stream = moving_picture(in->fmt, &tracks);
    *t = NULL;
    if (tracks > 1)
        mm_sink_note(sink, offsetof(mm_decode_notes, more_video), 1);
    if (stream < 0)
        return MM_OK;
    video *v = calloc(1, sizeof *v);
    if (!v)
        return mm_fault_memory(f);
    *t = &v->t;
    v->t = (mm_track){.what = "video", .stream = stream, .frame = on_frame, .end = end, .free = video_free};
    v->sink = sink;
    v->in = in;
    v->tracks = tracks;
    v->is_gif = sink->b->bytes && !strcmp(in->fmt->iformat->name, "gif") &&
                mm_gif_examine(&v->gif, (mm_bytes){sink->b->bytes, (size_t)sink->b->size});
    return open_stream(v, f);
}
