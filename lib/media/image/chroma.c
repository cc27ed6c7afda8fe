#include "media/image/chroma.h"

bool mm_chroma_is_halved(const AVPixFmtDescriptor *d)
{
    return d->nb_components >= 3 && (d->flags & AV_PIX_FMT_FLAG_PLANAR) && !(d->flags & AV_PIX_FMT_FLAG_RGB) &&
           d->comp[0].depth == 8 && d->comp[1].step == 1 && d->comp[1].plane == 1 && d->comp[2].plane == 2 &&
           d->log2_chroma_w <= 1 && d->log2_chroma_h <= 1 && d->log2_chroma_w + d->log2_chroma_h > 0;
}

/* out[n]: three quarters of the nearer row plus one of the other, with 2 fractional bits. */
static void mix_rows(uint16_t *out, const uint8_t *near, const uint8_t *far, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (uint16_t)(3 * near[i] + far[i]);
}

static uint8_t mixed(unsigned near, unsigned far)
{
    return (uint8_t)((3 * near + far + 8) >> 4);
}

/* A row in[n] with 2 fractional bits to out[width], two values for each where `halved`. */
static void spread(uint8_t *out, const uint16_t *in, int n, int width, bool halved)
{
    if (!halved) {
        for (int x = 0; x < width; x++)
            out[x] = mixed(in[x], in[x]);
        return;
    }
    out[0] = mixed(in[0], in[0]);
    for (int i = 0; i + 1 < n; i++) {
        out[2 * i + 1] = mixed(in[i], in[i + 1]);
        out[2 * i + 2] = mixed(in[i + 1], in[i]);
    }
    if (width % 2 == 0)
        out[width - 1] = mixed(in[n - 1], in[n - 1]);
}

uint8_t *mm_chroma_full(const AVFrame *f, const AVPixFmtDescriptor *d, int plane, mm_arena *a)
{
    bool columns = d->log2_chroma_w, rows = d->log2_chroma_h;
    int w = columns ? (f->width + 1) / 2 : f->width, h = rows ? (f->height + 1) / 2 : f->height;
    uint8_t *out = mm_arena_alloc(a, (size_t)f->width * (size_t)f->height);
    uint16_t *line = mm_arena_alloc(a, (size_t)w * sizeof *line);
    if (!out || !line)
        return NULL;
    for (int y = 0; y < f->height; y++) {
        int i = rows ? y / 2 : y, j = !rows ? i : y % 2 ? i + 1 : i - 1;
        j = j < 0 ? 0 : j >= h ? h - 1 : j;
        const uint8_t *p = f->data[plane];
        ptrdiff_t stride = f->linesize[plane];
        mix_rows(line, p + i * stride, p + j * stride, w);
        spread(out + (size_t)y * (size_t)f->width, line, w, f->width, columns);
    }
    return out;
}
