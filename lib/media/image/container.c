/* Still pictures that libav reads through a demuxer: GIF, ICO, AVIF. */
#include "media/image/chunks.h"
#include "media/image/libav_still.h"

#include <string.h>

/* The largest of an icon's pictures; else the default stream. −1: none. */
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
        s = mm_still_packet(p, c, pkt, &l, a, f);
    avcodec_free_context(&c);
    return s;
}

static mm_status container_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_blob memory = {.bytes = in.p, .size = (int64_t)in.n, .fd = -1};
    mm_av_input input;
    mm_status s = mm_av_open(&input, &memory, &(mm_av_limits){l->max_pixels, l->log}, f);
    if (s != MM_OK)
        return s;
    AVPacket *pkt = av_packet_alloc();
    s = pkt ? first_picture(p, &input, pkt, a, f) : mm_fault_memory(f);
    av_packet_free(&pkt);
    mm_av_close(&input);
    return s;
}

/* ---- GIF ---- */

void mm_gif_fill(mm_picture *p, const mm_gif_first *g, bool first)
{
    for (int64_t y = 0; p->channels == 4 && y < p->height; y++) {
        uint8_t *px = p->px + (size_t)(y * p->width * 4);
        for (int64_t x = 0; x < p->width; x++, px += 4) {
            bool inside = x >= g->left && x < g->left + g->width && y >= g->top && y < g->top + g->height;
            if (px[3] && (inside || !first))
                continue;
            memcpy(px, g->open, 3);
            px[3] = 0;
        }
    }
}

mm_status mm_gif_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_gif_first g;
    *p = (mm_picture){.format = "gif"};
    if (!mm_gif_examine(&g, in))
        return mm_fault_set(f, "truncated", "no picture in the GIF");
    if (!g.whole)
        return mm_fault_set(f, "truncated", "the GIF ends within its first picture");
    mm_status s = container_read(p, in, l, a, f);
    if (s == MM_OK)
        mm_gif_fill(p, &g, true);
    bool whole;
    size_t end;
    p->pages = mm_gif_frames(in, &whole, &end);
    p->moving = p->pages > 1;
    return s;
}

/* ---- AVIF ---- */

mm_status mm_avif_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    *p = (mm_picture){.format = "avif"};
    mm_heif_examine(&p->exif, in);
    return container_read(p, in, l, a, f);
}
