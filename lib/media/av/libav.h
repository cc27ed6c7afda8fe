/* libav.h: FFmpeg's libraries on a short leash: they read only through a blob, open no other file or address, know only
 * the formats and codecs listed in libav.c, print nothing, start no thread, and stop within bounds. FFmpeg 5.1, 6.1 and
 * 7.1; what differs between them is at the end of this file. */
#ifndef MM_MEDIA_AV_LIBAV_H
#define MM_MEDIA_AV_LIBAV_H

#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "media/av/av_bytes.h"
#include "media/av/raw_sound.h"
#include "media/av/stream_clock.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/frame.h>

typedef struct {
    int64_t max_pixels;
    const mm_log *log; /* gets libav's messages, at debug level */
} mm_av_limits;

/* A blob opened as a container. */
typedef struct {
    mm_av_bytes bytes;
    mm_av_limits limits;
    AVFormatContext *fmt;
    AVIOContext *io;
    int64_t at;          /* the offset of the next read; of a live input: bytes.size */
    int64_t budget;      /* bytes that may be read before the next packet must come out */
    int64_t packets;     /* read so far */
    int64_t packets_end; /* where the bytes of the packets so far end; 0: unknown */
    mm_clock clock;
    double zero;             /* seconds on the clock: where the first stream begins to be shown or heard */
    bool has_zero;           /* a stream has told its start */
    bool alone;              /* only one stream is shown or heard: it need not keep time with others */
    double end;              /* seconds on the clock: where the last packet of any stream ends */
    char said[120];          /* the last error message of its demuxer */
    const mm_raw_sound *raw; /* NULL: it has a header */
    int unit;      /* of a live input of samples, the bytes of one in all channels; of MPEG audio 1; of others 0 */
    int64_t whole; /* where a unit begins, once packets are made of what is there; −1: not yet */
    bool probes;   /* its demuxer looks at 64 KiB of samples, to tell whether they are samples */
    bool given;    /* bytes came since it was last said that they were all */
} mm_av_input;

/* raw: samples of this kind, which must outlive `in`; NULL: the bytes tell the container. A live blob is opened as soon
 * as its front is there, and must be one that mm_av_can_follow (live_format.h) allows. */
mm_status mm_av_open(mm_av_input *in, const mm_blob *b, const mm_av_limits *l, const mm_raw_sound *raw, mm_fault *f);
void mm_av_close(mm_av_input *in);
/* A packet came of a stream that mm_av_open had not found: there is one more to keep time with. */
void mm_av_stream_came(mm_av_input *in);
/* The next packet of this stream, −1: of any. MM_EOF at the end; MM_SKIP when the container is broken from here on. */
mm_status mm_av_read(mm_av_input *in, int stream, AVPacket *pkt, mm_fault *f);

/* Seconds from the file's zero to the time stamp of a frame of this stream. */
double mm_av_time(const mm_av_input *in, int stream, int64_t ts);

/* An opened decoder; par NULL: codec defaults. */
mm_status mm_av_decoder(AVCodecContext **out, enum AVCodecID id, const AVCodecParameters *par, const mm_av_limits *l,
                        mm_fault *f);

/* One stream on its way through its decoder. */
typedef struct {
    AVCodecContext *codec;
    AVFrame *frame;       /* the one just decoded */
    int64_t packets, bad; /* all, and those that could not be decoded in full */
    bool damaged;         /* the packet at hand is not whole: `on_frame` may set it */
    bool no_side_data;    /* packets lose it: it would trim the wrong samples */
} mm_av_decoding;

mm_status mm_av_decoding_open(mm_av_decoding *d, const mm_av_input *in, int stream, mm_fault *f);
/* Decodes the next packet of the stream; NULL: its end. on_frame takes d->frame. MM_OK, or what on_frame returned. */
mm_status mm_av_decode(mm_av_decoding *d, AVPacket *pkt, mm_status (*on_frame)(void *ctx, mm_fault *f), void *ctx,
                       mm_fault *f);
void mm_av_decoding_close(mm_av_decoding *d);

/* The duration of this stream in seconds, as the container declares it; 0: not declared, or only estimated. */
double mm_av_declared(const mm_av_input *in, int stream);
/* After the last packet: whether the container is complete. MM_OK, or MM_SKIP: "truncated", or a file was appended. */
mm_status mm_av_complete(const mm_av_input *in, mm_fault *f);

/* "Invalid data found when processing input" and the code that fits. */
mm_status mm_av_fault(mm_fault *f, const char *what, int averror);

/* ---- what differs between versions ---- */

static inline int64_t mm_av_frame_duration(const AVFrame *f)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 2, 100)
    return f->duration;
#else
    return f->pkt_duration;
#endif
}

/* The display matrix of a stream, or NULL. */
static inline const int32_t *mm_av_stream_matrix(const AVStream *st)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
    const AVPacketSideData *sd = av_packet_side_data_get(st->codecpar->coded_side_data,
                                                         st->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return sd && sd->size >= 9 * sizeof(int32_t) ? (const int32_t *)(const void *)sd->data : NULL;
#else
    size_t size = 0;
    const uint8_t *p = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return p && size >= 9 * sizeof(int32_t) ? (const int32_t *)(const void *)p : NULL;
#endif
}

#endif
