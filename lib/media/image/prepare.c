/* prepare.c: geometry and rounding are those of the transformers library's image processors (Pillow back end). */
#include "media/image/prepare.h"

#include "media/image/resize.h"

#include <math.h>

mm_status mm_image_resize(mm_image *out, const mm_image *in, int64_t height, int64_t width, mm_resize_filter filter,
                          mm_arena *a, mm_err *e)
{
    return mm_resize_window(out, in, height, width, filter, (mm_window){0, 0, height, width}, a, e);
}

/* ---- centre crop ---- */

/* One axis of a crop: `n` pixels from `from` on land at `to`; the rest of `size` is padding. */
typedef struct {
    int64_t from, to, n, size;
} span;

static span centred(int64_t have, int64_t want)
{
    if (have >= want)
        return (span){(have - want) / 2, 0, want, want};
    return (span){0, (want - have + 1) / 2, have, want};
}

/* Lays `in` into zeros of y.size × x.size. */
static mm_status padded(mm_image *out, const mm_image *in, span y, span x, mm_arena *a, mm_err *e)
{
    *out = *in;
    if (y.n == y.size && x.n == x.size)
        return MM_OK;
    uint8_t *p = mm_arena_zalloc(a, (size_t)(y.size * x.size), 3);
    if (!p)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < y.n; i++)
        memcpy(p + ((y.to + i) * x.size + x.to) * 3, in->rgb + i * x.n * 3, (size_t)x.n * 3);
    *out = (mm_image){y.size, x.size, p};
    return MM_OK;
}

static mm_status resize_and_crop(mm_image *out, const mm_image *in, int64_t height, int64_t width,
                                 mm_resize_filter filter, int64_t crop_height, int64_t crop_width, mm_arena *a,
                                 mm_err *e)
{
    if (crop_height < 1 || crop_width < 1 || crop_height > INT32_MAX / crop_width / 3)
        return mm_fail(e, MM_SKIP, "cannot crop an image to %lld x %lld pixels", (long long)crop_width,
                       (long long)crop_height);
    span y = centred(height, crop_height), x = centred(width, crop_width);
    mm_image kept;
    mm_status s = mm_resize_window(&kept, in, height, width, filter, (mm_window){y.from, x.from, y.n, x.n}, a, e);
    return s == MM_OK ? padded(out, &kept, y, x, a, e) : s;
}

/* ---- orientation ---- */

/* Every orientation is a walk over the source from one corner, with a step down and a step across. */
typedef struct {
    bool from_bottom, from_right, swap;
} walk;

static const walk WALKS[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {true, true, false}, [4] = {true, false, false},
    [5] = {false, false, true},  [6] = {true, false, true},  [7] = {true, true, true},  [8] = {false, true, true},
};

enum { TILE = 64 }; /* a transposition by tiles stays in the cache */

typedef struct {
    uint8_t *to;
    const uint8_t *from;
    int64_t pitch;        /* bytes from one row of `to` to the next */
    int64_t down, across; /* bytes of a step in `from` */
    int64_t height, width;
} tile;

static inline void copy_pixels(tile t, size_t size)
{
    for (int64_t y = 0; y < t.height; y++)
        for (int64_t x = 0; x < t.width; x++)
            memcpy(t.to + y * t.pitch + x * (int64_t)size, t.from + y * t.down + x * t.across, size);
}

/* A size that the compiler knows makes a copy one or two moves. */
static void copy_tile(tile t, size_t size)
{
    switch (size) {
    case 3: copy_pixels(t, 3); break;
    case 6: copy_pixels(t, 6); break;
    default: copy_pixels(t, size);
    }
}

mm_status mm_raster_orient(mm_raster *out, const mm_raster *in, int orientation, mm_arena *a, mm_err *e)
{
    *out = *in;
    if (orientation <= 1 || orientation > 8) /* absent or invalid: unchanged, as viewers do */
        return MM_OK;
    const walk w = WALKS[orientation];
    int64_t rows = w.swap ? in->width : in->height, columns = w.swap ? in->height : in->width;
    int64_t size = (int64_t)in->pixel;
    uint8_t *p = mm_arena_alloc(a, (size_t)(rows * columns * size));
    if (!p)
        return mm_fail_memory(e);
    int64_t by_row = (w.from_bottom ? -size : size) * in->width, by_column = w.from_right ? -size : size;
    const uint8_t *corner =
        in->p + (w.from_bottom ? (in->height - 1) * in->width * size : 0) + (w.from_right ? (in->width - 1) * size : 0);
    int64_t down = w.swap ? by_column : by_row, across = w.swap ? by_row : by_column;
    for (int64_t y = 0; y < rows; y += TILE)
        for (int64_t x = 0; x < columns; x += TILE) {
            tile t = {.to = p + (y * columns + x) * size, .from = corner + y * down + x * across};
            t.pitch = columns * size;
            t.down = down;
            t.across = across;
            t.height = rows - y < TILE ? rows - y : TILE;
            t.width = columns - x < TILE ? columns - x : TILE;
            copy_tile(t, in->pixel);
        }
    *out = (mm_raster){rows, columns, in->pixel, p};
    return MM_OK;
}

/* ---- a model's preparation ---- */

/* The shorter side becomes `shortest`, and if the longer one would exceed `longest`, that one decides. */
static void bounded_size(int64_t shortest, int64_t longest, int64_t in_h, int64_t in_w, int64_t *h, int64_t *w)
{
    double lo = (double)(in_h < in_w ? in_h : in_w), hi = (double)(in_h < in_w ? in_w : in_h);
    double edge = (double)shortest, exact = edge;
    if (hi / lo * edge > (double)longest) {
        exact = (double)longest * lo / hi;
        edge = rint(exact);
    }
    int64_t size = (int64_t)edge;
    *h = in_h;
    *w = in_w;
    if ((in_h <= in_w && in_h == size) || (in_w <= in_h && in_w == size))
        return;
    *h = in_w < in_h ? (int64_t)(exact * (double)in_h / (double)in_w) : size;
    *w = in_w < in_h ? size : (int64_t)(exact * (double)in_w / (double)in_h);
}

static void resized_size(const mm_image_prep *p, int64_t in_h, int64_t in_w, int64_t *h, int64_t *w)
{
    *h = in_h;
    *w = in_w;
    if (!p->resize || in_h < 1 || in_w < 1)
        return;
    if (p->shortest_edge <= 0) {
        *h = p->out_height;
        *w = p->out_width;
    } else if (p->longest_edge > 0) {
        bounded_size(p->shortest_edge, p->longest_edge, in_h, in_w, h, w);
    } else {
        bool tall = in_w <= in_h;
        int64_t lo = tall ? in_w : in_h, hi = tall ? in_h : in_w;
        int64_t longer = (int64_t)((double)p->shortest_edge * (double)hi / (double)lo); /* cut, not rounded */
        *h = tall ? longer : p->shortest_edge;
        *w = tall ? p->shortest_edge : longer;
    }
}

mm_status mm_image_prepare(mm_image *out, const mm_image *in, const mm_image_prep *p, mm_arena *a, mm_err *e)
{
    int64_t h, w;
    resized_size(p, in->height, in->width, &h, &w);
    if (p->crop)
        return resize_and_crop(out, in, h, w, p->filter, p->crop_height, p->crop_width, a, e);
    return mm_image_resize(out, in, h, w, p->filter, a, e);
}

/* Each of the 256 values is computed once, in the reference's order and precision: scale in double, round to float,
 * subtract, divide. */
void mm_image_normalize(float *out, const mm_image *in, const mm_image_prep *p)
{
    float table[3][256];
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) {
            float x = (float)(v * p->rescale);
            table[c][v] = p->normalize ? (x - p->mean[c]) / p->std[c] : x;
        }
    int64_t n = in->height * in->width;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            out[3 * i + c] = table[c][in->rgb[3 * i + c]];
}
