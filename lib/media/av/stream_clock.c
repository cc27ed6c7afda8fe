#include "media/av/stream_clock.h"

#include <libavutil/common.h>
#include <stdlib.h>

static const int64_t JITTER = AV_TIME_BASE / 10; /* time stamps may run back this far without a restart */
static const int64_t REORDER = AV_TIME_BASE;     /* a picture may be shown this much later than decoded */
static const int64_t LEAP = 10 * AV_TIME_BASE;   /* more than a pause, in formats with discontinuities */

static int64_t micros(int64_t ts, AVRational base)
{
    return av_rescale_q(ts, base, AV_TIME_BASE_Q);
}

/* Whether this stream's own time stamps run on. */
static bool runs_on(const mm_clock_stream *s, int64_t at, bool leaps)
{
    return at >= s->last - JITTER && !(leaps && llabs(at - s->next) > LEAP);
}

/* Whether at + offset lies where the file is now, and not before what this stream has shown. */
static bool fits(const mm_clock *c, const mm_clock_stream *s, int64_t at, int64_t offset)
{
    bool later = !s->begun || at + offset >= s->last + s->offset - JITTER;
    return later && llabs(at + offset - c->now) <= LEAP;
}

/* One packet's times in microseconds. */
typedef struct {
    int64_t at;    /* when it is decoded */
    bool decoding; /* false: the file does not say; `at` is when it is shown, and proves little */
    int64_t shown, lasts;
    int64_t period; /* after which time stamps wrap to zero; 0: never */
    bool leaps;     /* the format has discontinuities */
} moment;

static void place(mm_clock *c, mm_clock_stream *s, const moment *m)
{
    if (s->begun && runs_on(s, m->at, m->leaps))
        return;
    bool follows = fits(c, s, m->at, c->offset) || (!s->begun && (!c->begun || !m->leaps));
    if (!follows && s->begun && m->period && fits(c, s, m->at, s->offset + m->period))
        c->offset = s->offset + m->period;
    else if (!follows) /* the first stream here */
        c->offset = c->end - m->shown;
    s->offset = c->offset;
}

static void note(mm_clock *c, mm_clock_stream *s, const moment *m)
{
    if (m->decoding || !s->begun || m->at < s->last - REORDER)
        place(c, s, m);
    if (m->decoding || !s->begun) {
        s->last = m->decoding ? m->at : m->at - REORDER;
        s->next = m->at + m->lasts;
    }
    c->now = m->at + s->offset;
    c->end = FFMAX(c->end, m->shown + s->offset + m->lasts);
    c->begun = s->begun = true;
}

static moment moment_of(const AVPacket *pkt, const AVStream *st, bool leaps)
{
    bool decoding = pkt->dts != AV_NOPTS_VALUE, showing = pkt->pts != AV_NOPTS_VALUE;
    int64_t at = decoding ? pkt->dts : pkt->pts, shown = showing ? pkt->pts : pkt->dts;
    int64_t period = st->pts_wrap_bits < 63 ? micros((int64_t)1 << st->pts_wrap_bits, st->time_base) : 0;
    return (moment){micros(at, st->time_base),
                    decoding,
                    micros(shown, st->time_base),
                    micros(pkt->duration, st->time_base),
                    period,
                    leaps};
}

static bool within(int64_t x, int64_t most)
{
    return x > -most && x < most;
}

/* Absurd times (142 years in one packet) would overflow when added up. */
static bool is_sane(const mm_clock *c, const moment *m)
{
    const int64_t most = (int64_t)1 << 52;
    return within(m->at, most) && within(m->shown, most) && within(m->lasts, most) && within(c->end, most << 8);
}

void mm_clock_set(mm_clock *c, const AVFormatContext *fmt, AVPacket *pkt)
{
    const AVStream *st = fmt->streams[pkt->stream_index];
    enum AVMediaType type = st->codecpar->codec_type;
    if ((type != AVMEDIA_TYPE_AUDIO && type != AVMEDIA_TYPE_VIDEO) || pkt->stream_index >= MM_CLOCK_STREAMS ||
        (st->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return;
    mm_clock_stream *s = &c->of[pkt->stream_index];
    if (pkt->dts == AV_NOPTS_VALUE && pkt->pts == AV_NOPTS_VALUE)
        return;
    moment m = moment_of(pkt, st, fmt->iformat->flags & AVFMT_TS_DISCONT);
    if (!is_sane(c, &m))
        return;
    note(c, s, &m);
    int64_t offset = av_rescale_q(s->offset, AV_TIME_BASE_Q, st->time_base);
    if (pkt->pts != AV_NOPTS_VALUE)
        pkt->pts = av_sat_add64(pkt->pts, offset);
    if (pkt->dts != AV_NOPTS_VALUE)
        pkt->dts = av_sat_add64(pkt->dts, offset);
}
