#include "media/image/frame_to_rgb.h"

#include "media/image/chroma.h"

#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

enum { SWS_FLAGS = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP };

/* ---- exact formats ---- */

/* Scales a sample of `depth` bits to 0 … most (255 or 65535); up to 8 bits as Pillow does. */
static unsigned scaled(unsigned v, int depth, unsigned most)
{
    unsigned have = (1u << depth) - 1;
    if (have == most)
        return v;
    return depth < 8 ? v * most / have : (v * most + have / 2) / have;
}

/* … of limited-range luma (16 to 235 in 8 bits). */
static unsigned widened(unsigned v, int depth, unsigned most)
{
    int64_t black = 16 << (depth - 8), range = 219 << (depth - 8), over = (int64_t)v - black;
    int64_t wide = over < 0 ? 0 : (over * most + range / 2) / range;
    return (unsigned)(wide > most ? most : wide);
}

typedef struct {
    const AVFrame *frame;
    const AVPixFmtDescriptor *desc;
    mm_type type;
    bool grey, limited, invert;
} source;

/* The palette has 256 words of alpha, red, green, blue in the machine's byte order. */
static void palette_row(uint8_t *out, const source *s, int y)
{
    const uint8_t *in = s->frame->data[0] + (ptrdiff_t)y * s->frame->linesize[0];
    const uint32_t *colours = (const uint32_t *)(const void *)s->frame->data[1];
    for (int x = 0; x < s->frame->width; x++, out += 4) {
        uint32_t c = colours[in[x]];
        out[0] = (uint8_t)(c >> 16);
        out[1] = (uint8_t)(c >> 8);
        out[2] = (uint8_t)c;
        out[3] = (uint8_t)(c >> 24);
    }
}

/* Writes one component of a row to every `step`-th sample of out. */
static void component_row(uint8_t *out, int step, const source *s, int y, int comp, uint32_t *line)
{
    int width = s->frame->width, depth = s->desc->comp[comp].depth;
    unsigned most = s->type == MM_U16 ? 65535 : 255;
    size_t size = mm_type_size(s->type);
    av_read_image_line2(line, (const uint8_t **)(uintptr_t)s->frame->data, s->frame->linesize, s->desc, 0, y, comp,
                        width, 0, 4);
    for (int x = 0; x < width; x++) {
        uint32_t v = line[x]; /* of a float, its bits */
        if (s->type != MM_F32)
            v = s->limited && comp == 0 ? widened(v, depth, most) : scaled(v, depth, most);
        if (s->invert)
            v = most - v;
        memcpy(out + (size_t)(x * step) * size, &v, size); /* little-endian */
    }
}

static void exact_row(uint8_t *out, const source *s, int channels, int y, uint32_t *line)
{
    int colours = s->grey ? 1 : 3;
    size_t size = mm_type_size(s->type);
    for (int c = 0; c < colours; c++)
        component_row(out + (size_t)c * size, channels, s, y, c, line);
    if (channels == 4)
        component_row(out + 3 * size, channels, s, y, colours, line);
    for (int x = 0; s->grey && x < s->frame->width; x++, out += (size_t)channels * size) {
        memcpy(out + size, out, size);
        memcpy(out + 2 * size, out, size);
    }
}

static mm_status exact(mm_picture *p, const source *s, mm_arena *a, mm_fault *f)
{
    uint32_t *line = mm_arena_alloc(a, (size_t)p->width * sizeof *line);
    if (!line || mm_picture_alloc(p, a, f) != MM_OK)
        return mm_fault_memory(f);
    for (int64_t y = 0; y < p->height; y++) {
        uint8_t *out = p->px + (size_t)(y * p->width * p->channels) * mm_type_size(p->type);
        const uint8_t *in = s->frame->data[0] + y * s->frame->linesize[0];
        if (s->frame->format == AV_PIX_FMT_RGB24 || s->frame->format == AV_PIX_FMT_RGBA)
            memcpy(out, in, (size_t)(p->width * p->channels));
        else if (s->desc->flags & AV_PIX_FMT_FLAG_PAL)
            palette_row(out, s, (int)y);
        else
            exact_row(out, s, p->channels, (int)y, line);
    }
    return MM_OK;
}

/* ---- YUV ---- */

/* The formats that are full range by name are deprecated, but decoders still give them. */
static enum AVPixelFormat without_j(enum AVPixelFormat fmt)
{
    switch (fmt) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    default: return fmt;
    }
}

static int matrix_of(enum AVColorSpace c)
{
    switch (c) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    default: return SWS_CS_ITU601;
    }
}

/* The input of libswscale: the frame's own planes, or chroma planes at full size. */
typedef struct {
    const uint8_t *data[4];
    int stride[4];
    enum AVPixelFormat format;
} planes;

static mm_status take_planes(planes *in, const AVFrame *frame, mm_arena *a, mm_fault *f)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    in->format = without_j(frame->format);
    for (int i = 0; i < 4; i++) {
        in->data[i] = frame->data[i];
        in->stride[i] = frame->linesize[i];
    }
    if (!mm_chroma_is_halved(desc))
        return MM_OK;
    in->format = desc->flags & AV_PIX_FMT_FLAG_ALPHA ? AV_PIX_FMT_YUVA444P : AV_PIX_FMT_YUV444P;
    for (int i = 1; i <= 2; i++) {
        in->data[i] = mm_chroma_full(frame, desc, i, a);
        in->stride[i] = frame->width;
        if (!in->data[i])
            return mm_fault_memory(f);
    }
    return MM_OK;
}

static mm_status through_swscale(mm_picture *p, const AVFrame *frame, struct SwsContext **sws, mm_arena *a, mm_fault *f)
{
    planes in;
    if (take_planes(&in, frame, a, f) != MM_OK)
        return MM_SKIP;
    bool full = without_j(frame->format) != (enum AVPixelFormat)frame->format || frame->color_range == AVCOL_RANGE_JPEG;
    enum AVPixelFormat to = p->channels == 4 ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
    *sws = sws_getCachedContext(*sws, frame->width, frame->height, in.format, frame->width, frame->height, to,
                                SWS_FLAGS, NULL, NULL, NULL);
    if (!*sws)
        return mm_fault_set(f, "unsupported", "pixel format %s", av_get_pix_fmt_name(frame->format));
    const int *matrix = sws_getCoefficients(matrix_of(frame->colorspace));
    sws_setColorspaceDetails(*sws, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
    /* libswscale writes whole vectors: rows are padded first and packed afterwards */
    size_t row = (size_t)(p->width * p->channels), stride = (row + 127) / 64 * 64;
    p->px = mm_arena_alloc(a, stride * (size_t)p->height);
    if (!p->px)
        return mm_fault_memory(f);
    uint8_t *const dst[4] = {p->px};
    const int dst_stride[4] = {(int)stride};
    if (stride > INT32_MAX || sws_scale(*sws, in.data, in.stride, 0, frame->height, dst, dst_stride) < 0)
        return mm_fault_set(f, "corrupt", "the colours cannot be converted");
    for (int64_t y = 1; y < p->height; y++)
        memmove(p->px + (size_t)y * row, p->px + (size_t)y * stride, row);
    return MM_OK;
}

mm_status mm_frame_to_rgb(mm_picture *p, const AVFrame *frame, struct SwsContext **sws, mm_arena *a, mm_fault *f)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    if (!desc || frame->width <= 0 || frame->height <= 0 || (desc->flags & AV_PIX_FMT_FLAG_HWACCEL) || !frame->data[0])
        return mm_fault_set(f, "unsupported", "the decoder gave no picture in memory");
    bool palette = desc->flags & AV_PIX_FMT_FLAG_PAL;
    bool grey = !palette && desc->nb_components <= 2;
    bool rgb = palette || (desc->flags & AV_PIX_FMT_FLAG_RGB);
    p->height = frame->height;
    p->width = frame->width;
    p->channels = (desc->flags & AV_PIX_FMT_FLAG_ALPHA) ? 4 : 3;
    p->depth = palette ? 8 : desc->comp[0].depth;
    p->type = MM_U8;
    if (!grey && !rgb)
        return through_swscale(p, frame, sws, a, f);
    p->type = desc->flags & AV_PIX_FMT_FLAG_FLOAT ? MM_F32 : p->depth > 8 ? MM_U16 : MM_U8;
    if (p->type == MM_F32 && p->depth != 32)
        return mm_fault_set(f, "unsupported", "floating-point samples of %d bits", p->depth);
    source s = {.frame = frame, .desc = desc, .type = p->type, .grey = grey};
    s.limited = grey && frame->color_range == AVCOL_RANGE_MPEG && p->depth >= 8;
    s.invert = frame->format == AV_PIX_FMT_MONOWHITE;
    return exact(p, &s, a, f);
}
