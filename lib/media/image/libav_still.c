/* Still pictures through libavcodec: the file's bytes are one packet. */
#include "media/image/libav_still.h"

#include "media/image/chunks.h"
#include "media/image/frame_to_rgb.h"

#include <libswscale/swscale.h>
#include <string.h>

typedef struct {
    enum AVCodecID codec;
    const char *magic;
    size_t n, at; /* length and place of the magic */
} signature;

#define AT(codec, place, literal)                                                                                      \
    {                                                                                                                  \
        codec, literal, sizeof literal - 1, place                                                                      \
    }

static const signature SIGNATURES[] = {
    AT(AV_CODEC_ID_PNG, 0, "\x89PNG\r\n\x1a\n"),
    AT(AV_CODEC_ID_BMP, 0, "BM"),
    AT(AV_CODEC_ID_JPEG2000, 0, "\0\0\0\x0cjP  \r\n\x87\n"),
    AT(AV_CODEC_ID_JPEG2000, 0, "\xff\x4f\xff\x51"),
    AT(AV_CODEC_ID_JPEGXL, 0, "\xff\x0a"),
    AT(AV_CODEC_ID_JPEGXL, 0, "\0\0\0\x0cJXL \r\n\x87\n"),
    AT(AV_CODEC_ID_PSD, 0, "8BPS"),
    AT(AV_CODEC_ID_DDS, 0, "DDS "),
    AT(AV_CODEC_ID_QOI, 0, "qoif"),
    AT(AV_CODEC_ID_SGI, 0, "\x01\xda"),
    AT(AV_CODEC_ID_SUNRAST, 0, "\x59\xa6\x6a\x95"),
    AT(AV_CODEC_ID_PAM, 0, "P7"),
    AT(AV_CODEC_ID_PCX, 0, "\x0a\x05\x01"),
};

/* TARGA has no magic at the front: whatever is left and has a plausible header is taken for one. */
static bool looks_like_targa(mm_bytes in)
{
    if (in.n < 18 || in.p[1] > 1)
        return false;
    int type = in.p[2] & ~8, depth = in.p[16];
    return (type == 1 || type == 2 || type == 3) &&
           (depth == 8 || depth == 15 || depth == 16 || depth == 24 || depth == 32);
}

static enum AVCodecID codec_of(mm_bytes in)
{
    for (size_t i = 0; i < sizeof SIGNATURES / sizeof *SIGNATURES; i++) {
        const signature *s = &SIGNATURES[i];
        if (in.n >= s->at + s->n && !memcmp(in.p + s->at, s->magic, s->n))
            return s->codec;
    }
    return looks_like_targa(in) ? AV_CODEC_ID_TARGA : AV_CODEC_ID_NONE;
}

/* The first frame that the decoder gives. */
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

/* A packet over the caller's bytes, with the zeros after them that decoders rely on. */
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

mm_status mm_still_packet(mm_picture *p, AVCodecContext *c, AVPacket *pkt, const mm_picture_limits *l, mm_arena *a,
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

/* libav refuses a PNG above the limit as if it were damaged: its size is looked at before. */
static mm_status png_allowed(mm_bytes in, const mm_picture_limits *l, mm_fault *f)
{
    enum { WIDTH = 16, HEIGHT = 20 };
    if (in.n < HEIGHT + 4 || memcmp(in.p + 12, "IHDR", 4) != 0)
        return MM_OK; /* the decoder says what is wrong */
    return mm_picture_allowed(mm_be32(in.p + WIDTH), mm_be32(in.p + HEIGHT), l, f);
}

/* What libav decodes into wrong colours without an error: grey with alpha in TARGA, all but the first compressions of
 * DDS (Microsoft's DDS_PIXELFORMAT, dwFourCC). */
static bool right_colours(enum AVCodecID id, mm_bytes in)
{
    enum { TGA_TYPE = 2, TGA_BITS = 16, TGA_GREY = 3, DDS_CODE = 84 };
    if (id == AV_CODEC_ID_TARGA)
        return (in.p[TGA_TYPE] & 7) != TGA_GREY || in.p[TGA_BITS] == 8;
    if (id == AV_CODEC_ID_DDS)
        return in.n >= DDS_CODE + 4 && (!memcmp(in.p + DDS_CODE, "DXT1", 4) || !memcmp(in.p + DDS_CODE, "DXT3", 4) ||
                                        !memcmp(in.p + DDS_CODE, "DXT5", 4));
    return true;
}

/* What stands in the file beside the pixels. MM_SKIP when it shows that the file is cut short or too large. */
static mm_status examine(mm_picture *p, mm_png_notes *png, enum AVCodecID id, mm_bytes in, const mm_picture_limits *l,
                         mm_fault *f)
{
    if (!right_colours(id, in))
        return mm_fault_set(f, "unsupported", "%s of a kind that is not read: convert it to PNG", p->format);
    if (id == AV_CODEC_ID_PNG) {
        mm_status s = png_allowed(in, l, f);
        if (s == MM_OK)
            s = mm_png_examine(png, in, f);
        p->exif = png->exif;
        p->pages = png->frames;
        p->moving = p->pages > 1;
        return s;
    }
    return MM_OK;
}

/* A PNG that was made from samples of fewer bits has them scaled to 16, by a shift or with their high bits repeated
 * below. Some writers only say so: when all samples fit into those bits, and what should be such low bits is something
 * else, they are scaled here. */
static void fill_range(mm_picture *p, int bits)
{
    uint16_t *v = (void *)p->px;
    int64_t n = p->height * p->width * p->channels, most = (1 << bits) - 1;
    bool unscaled = false;
    if (p->type != MM_U16 || bits <= 8 || bits >= 16)
        return;
    for (int64_t i = 0; i < n; i++) {
        bool alpha = p->channels == 4 && i % 4 == 3;
        if (!alpha && v[i] > most)
            return;
        unscaled = unscaled || (!alpha && (v[i] & ((1 << (16 - bits)) - 1)) > 1);
    }
    for (int64_t i = 0; unscaled && i < n; i++)
        if (v[i] < most)
            v[i] = (uint16_t)((v[i] * 65535 + most / 2) / most);
        else
            v[i] = 65535;
}

/* Kinds of picture that are known by their first bytes and not read. */
static const char *unread(mm_bytes in)
{
    static const struct {
        const char *magic, *name;
    } KINDS[] = {{"\x76\x2f\x31\x01", "OpenEXR"},
                 {"#?", "Radiance HDR"},
                 {"SDPX", "DPX"},
                 {"XPDS", "DPX"},
                 {"SIMPLE", "FITS"},
                 {"\x8aMNG", "MNG"}};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (in.n >= strlen(KINDS[i].magic) && !memcmp(in.p, KINDS[i].magic, strlen(KINDS[i].magic)))
            return KINDS[i].name;
    return "this kind of picture";
}

mm_status mm_still_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    enum AVCodecID id = codec_of(in);
    if (id == AV_CODEC_ID_NONE)
        return mm_fault_set(f, "unsupported", "%s is not read: convert it to TIFF or PNG", unread(in));
    *p = (mm_picture){.format = avcodec_get_name(id)};
    AVCodecContext *c = NULL;
    AVPacket *pkt = NULL;
    mm_png_notes png = {0};
    mm_status s = examine(p, &png, id, in, l, f);
    if (s == MM_OK)
        s = mm_av_decoder(&c, id, NULL, &(mm_av_limits){l->max_pixels, l->log}, f);
    if (s != MM_OK)
        return s;
    if (id == AV_CODEC_ID_PNG) /* checksums are checked; elsewhere small faults are passed over, as Pillow does */
        c->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
    pkt = av_packet_alloc();
    s = pkt ? packet_over(pkt, in, f) : mm_fault_memory(f);
    if (s == MM_OK)
        s = mm_still_packet(p, c, pkt, l, a, f);
    if (s == MM_OK)
        fill_range(p, png.significant);
    av_packet_free(&pkt);
    avcodec_free_context(&c);
    return s;
}
