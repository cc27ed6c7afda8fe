#include "media/image/libav_still.h"

#include "media/image/frame_to_rgb.h"

#include <libswscale/swscale.h>
#include <string.h>

static int first_frame(AVCodecContext *c, AVPacket *pkt, AVFrame *frame)
{
    int rc = avcodec_send_packet(c, pkt);
    if (rc >= 0)
        rc = avcodec_receive_frame(c, frame);
    if (rc == AVERROR(EAGAIN)) {
        avcodec_send_packet(c, NULL);
        rc = avcodec_receive_frame(c, frame);
    }
    return rc;
}

/* The first frame that c gives for pkt. */
static mm_status decode_packet(mm_picture *p, AVCodecContext *c, AVPacket *pkt, const mm_picture_limits *l, mm_arena *a,
                               mm_fault *f)
{
    AVFrame *frame = av_frame_alloc();
    struct SwsContext *sws = NULL;
    if (!frame)
        return mm_fault_memory(f);
    int rc = first_frame(c, pkt, frame);
    mm_status s = rc < 0 ? mm_av_fault(f, p->format, rc) : mm_picture_allowed(frame->width, frame->height, l, f);
    if (s == MM_OK)
        s = mm_frame_to_rgb(p, frame, &sws, a, f);
    sws_freeContext(sws);
    av_frame_free(&frame);
    return s;
}

/* ---- files that are one packet ---- */

/* A packet with the caller's bytes and the zeros after them that decoders rely on. */
static mm_status packet_over(AVPacket *pkt, mm_bytes in, mm_fault *f)
{
    if (in.n > INT32_MAX / 2)
        return mm_fault_set(f, "too-large", "a picture file of more than 1 GiB");
    if (av_new_packet(pkt, (int)in.n) < 0)
        return mm_fault_memory(f);
    memcpy(pkt->data, in.p, in.n);
    pkt->flags |= AV_PKT_FLAG_KEY;
    return MM_OK;
}

/* Kinds that libav decodes into wrong colours without an error: grey with alpha in TARGA, all but the first
 * compressions of DDS (Microsoft's DDS_PIXELFORMAT, dwFourCC); and PCX before version 5, which may lack its palette. */
static bool right_colours(enum AVCodecID id, mm_bytes in)
{
    enum { PCX_VERSION = 1, TGA_TYPE = 2, TGA_BITS = 16, TGA_GREY = 3, DDS_CODE = 84 };
    if (id == AV_CODEC_ID_TARGA)
        return (in.p[TGA_TYPE] & 7) != TGA_GREY || in.p[TGA_BITS] == 8;
    if (id == AV_CODEC_ID_PCX)
        return in.p[PCX_VERSION] == 5;
    if (id == AV_CODEC_ID_DDS)
        return in.n >= DDS_CODE + 4 && (!memcmp(in.p + DDS_CODE, "DXT1", 4) || !memcmp(in.p + DDS_CODE, "DXT3", 4) ||
                                        !memcmp(in.p + DDS_CODE, "DXT5", 4));
    return true;
}

mm_status mm_libav_still(mm_picture *p, mm_bytes in, enum AVCodecID id, const mm_picture_limits *l, mm_arena *a,
                         mm_fault *f)
{
    AVCodecContext *c = NULL;
    p->format = avcodec_get_name(id);
    if (!right_colours(id, in))
        return mm_fault_set(f, "unsupported", "%s of a kind that is not read: convert it to PNG", p->format);
    mm_status s = mm_av_decoder(&c, id, NULL, &(mm_av_limits){l->max_pixels, l->log}, f);
    if (s != MM_OK)
        return s;
    if (id == AV_CODEC_ID_PNG) /* checksums count; in other formats small faults are forgiven, as Pillow does */
        c->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
    AVPacket *pkt = av_packet_alloc();
    s = pkt ? packet_over(pkt, in, f) : mm_fault_memory(f);
    if (s == MM_OK)
        s = decode_packet(p, c, pkt, l, a, f);
    av_packet_free(&pkt);
    avcodec_free_context(&c);
    return s;
}

#define LIBAV_PICTURE(id, codec, ...)                                                                                  \
    static mm_status read_##id(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)       \
    {                                                                                                                  \
        *p = (mm_picture){0};                                                                                          \
        return mm_libav_still(p, in, AV_CODEC_ID_##codec, l, a, f);                                                    \
    }                                                                                                                  \
    const mm_picture_reader mm_reader_##id = {.read = read_##id};
#include "format/formats.def"

/* ---- files that a demuxer reads ---- */

/* The stream with the largest picture; −1: none. */
static int choose_stream(const AVFormatContext *fmt)
{
    int best = -1;
    int64_t most = -1;
    for (unsigned i = 0; i < fmt->nb_streams; i++) {
        const AVCodecParameters *par = fmt->streams[i]->codecpar;
        int64_t area = (int64_t)par->width * par->height;
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && area > most) {
            best = (int)i;
            most = area;
        }
    }
    return best;
}

static mm_status first_picture(mm_picture *p, mm_av_input *in, AVPacket *pkt, mm_arena *a, mm_fault *f)
{
    int i = choose_stream(in->fmt);
    if (i < 0)
        return mm_fault_set(f, "unsupported", "no picture in it that libav reads");
    const AVCodecParameters *par = in->fmt->streams[i]->codecpar;
    AVCodecContext *c = NULL;
    mm_picture_limits l = {in->limits.max_pixels, in->limits.log};
    if (par->width > 0 && par->height > 0 && mm_picture_allowed(par->width, par->height, &l, f) != MM_OK)
        return MM_SKIP;
    p->pages = in->fmt->streams[i]->nb_frames;
    p->moving = p->pages > 1;
    mm_status s = mm_av_read(in, i, pkt, f);
    if (s == MM_EOF)
        s = mm_fault_set(f, "truncated", "the picture's data are missing");
    if (s == MM_OK)
        s = mm_av_decoder(&c, par->codec_id, par, &in->limits, f);
    if (s == MM_OK)
        s = decode_packet(p, c, pkt, &l, a, f);
    avcodec_free_context(&c);
    return s;
}

mm_status mm_libav_contained(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_blob memory = {.path = MM_STR(""), .bytes = in.p, .size = (int64_t)in.n, .fd = -1};
    mm_av_input input;
    mm_status s = mm_av_open(&input, &memory, &(mm_av_limits){l->max_pixels, l->log}, NULL, f);
    if (s != MM_OK)
        return s;
    AVPacket *pkt = av_packet_alloc();
    s = pkt ? first_picture(p, &input, pkt, a, f) : mm_fault_memory(f);
    av_packet_free(&pkt);
    mm_av_close(&input);
    return s;
}
