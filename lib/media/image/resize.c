/* resize.c: the inputs of each output pixel, and the order of the two passes.
 *
 * The method is Pillow's (src/libImaging/Resample.c): the filter is stretched by the scale when shrinking, its support
 * rounded to whole pixels, its weights normalised in double precision and then rounded to fixed point; the 8-bit
 * result of one pass feeds the other. Every rounding here shows in the pixels, and so does the order of
 * the passes, which is Pillow 13's; earlier versions always began with the horizontal pass. */
#include "media/image/resize.h"

#include <math.h>

static const double PI = 3.14159265358979323846;
static const int64_t MAX_PIXELS = (int64_t)1 << 31;

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0.0)
        return 1.0;
    if (x >= 1.0)
        return 0.0;
    x *= PI;
    return sin(x) / x * (0.54f + 0.46f * cos(x)); /* the constants are floats in Pillow */
}

/* Keys 1981, with a = −1/2 */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= PI;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

typedef struct {
    double (*at)(double x);
    double support;
} kernel;

static const kernel KERNELS[] = {
    [MM_LANCZOS] = {lanczos, 3.0}, [MM_BILINEAR] = {bilinear, 1.0}, [MM_BICUBIC] = {bicubic, 2.0},
    [MM_BOX] = {box, 0.5},         [MM_HAMMING] = {hamming, 1.0},
};

/* The weights of output xx into w (doubles, scratch) and k, for *count inputs from *start on. */
static void taps_at(int64_t xx, int64_t in_size, double scale, const kernel *f, double *w, int32_t *k, int32_t *start,
                    int32_t *count)
{
    double stretch = scale < 1.0 ? 1.0 : scale, support = f->support * stretch, inverse = 1.0 / stretch;
    double centre = ((double)xx + 0.5) * scale, total = 0.0;
    int64_t lo = (int64_t)(centre - support + 0.5), hi = (int64_t)(centre + support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > in_size ? in_size : hi;
    *start = (int32_t)lo;
    *count = (int32_t)(hi - lo);
    for (int64_t i = 0; i < hi - lo; i++) {
        w[i] = f->at(((double)(i + lo) - centre + 0.5) * inverse);
        total += w[i];
    }
    for (int64_t i = 0; i < hi - lo; i++) {
        double v = (total != 0.0 ? w[i] / total : w[i]) * (1 << MM_RESIZE_BITS);
        k[i] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
    }
}

/* Taps for outputs first .. first+n-1 of an axis of in_size resized to out_size. */
static mm_status make_taps(mm_taps *t, int64_t in_size, int64_t out_size, int64_t first, int64_t n, const kernel *f,
                           mm_arena *a, mm_err *e)
{
    double scale = (double)in_size / (double)out_size;
    double support = f->support * (scale < 1.0 ? 1.0 : scale);
    int64_t stride = (int64_t)ceil(support) * 2 + 1;
    int32_t *start = mm_arena_zalloc(a, (size_t)n, sizeof *start),
            *count = mm_arena_zalloc(a, (size_t)n, sizeof *count);
    int32_t *weight = mm_arena_zalloc(a, (size_t)n * (size_t)stride, sizeof *weight);
    double *scratch = mm_arena_zalloc(a, (size_t)stride, sizeof *scratch);
    if (!start || !count || !weight || !scratch)
        return mm_fail_memory(e);
    for (int64_t i = 0; i < n; i++)
        taps_at(first + i, in_size, scale, f, scratch, weight + i * stride, start + i, count + i);
    *t = (mm_taps){n, stride, start, count, weight};
    return MM_OK;
}

static const mm_resize_kernels *kernels(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return &mm_resize_avx2;
#endif
    return &mm_resize_portable;
}

/* The part of the image between the passes: row 0 is row `y` of the image, column 0 its column `x`. */
typedef struct {
    const uint8_t *p;
    int64_t y, x, height, width, pitch;
} plane;

static mm_status pass_across(plane *io, const mm_taps *t, mm_arena *a, mm_err *e)
{
    uint8_t *out = mm_arena_alloc(a, (size_t)(io->height * t->n * 3));
    if (!out)
        return mm_fail_memory(e);
    for (int64_t y = 0; y < io->height; y++)
        kernels()->across(out + y * t->n * 3, io->p + y * io->pitch, io->x, io->width, t);
    *io = (plane){out, io->y, 0, io->height, t->n, t->n * 3};
    return MM_OK;
}

static mm_status pass_down(plane *io, const mm_taps *t, mm_arena *a, mm_err *e)
{
    int64_t bytes = io->width * 3;
    uint8_t *out = mm_arena_alloc(a, (size_t)(t->n * bytes));
    if (!out)
        return mm_fail_memory(e);
    for (int64_t y = 0; y < t->n; y++)
        kernels()->down(out + y * bytes, io->p + (t->start[y] - io->y) * io->pitch, io->pitch, bytes,
                        t->weight + y * t->stride, t->count[y]);
    *io = (plane){out, 0, io->x, t->n, io->width, bytes};
    return MM_OK;
}

/* The inputs that an axis reads: from, count. */
static void reach(const mm_taps *t, int64_t *from, int64_t *count)
{
    if (t->n == 0) /* this axis keeps its size */
        return;
    *from = t->start[0];
    *count = t->start[t->n - 1] + t->count[t->n - 1] - t->start[0];
}

/* The plane as an image; rows that lie apart are copied together. */
static mm_status cut(mm_image *out, const plane *p, mm_arena *a, mm_err *e)
{
    *out = (mm_image){p->height, p->width, p->p};
    if (p->pitch == p->width * 3)
        return MM_OK;
    uint8_t *rgb = mm_arena_alloc(a, (size_t)(p->height * p->width * 3));
    if (!rgb)
        return mm_fail_memory(e);
    for (int64_t y = 0; y < p->height; y++)
        memcpy(rgb + y * p->width * 3, p->p + y * p->pitch, (size_t)p->width * 3);
    out->rgb = rgb;
    return MM_OK;
}

static mm_status filtered(mm_image *out, const mm_image *in, int64_t height, int64_t width, const kernel *f,
                          mm_window w, mm_arena *a, mm_err *e)
{
    mm_taps down = {0}, across = {0}; /* n = 0: no pass */
    mm_status s = MM_OK;
    if (height != in->height)
        s = make_taps(&down, in->height, height, w.y, w.height, f, a, e);
    if (s == MM_OK && width != in->width)
        s = make_taps(&across, in->width, width, w.x, w.width, f, a, e);
    plane p = {NULL, w.y, w.x, w.height, w.width, in->width * 3};
    reach(&down, &p.y, &p.height);
    reach(&across, &p.x, &p.width);
    p.p = in->rgb + p.y * p.pitch + p.x * 3;
    int64_t fewer_rows = in->height - height, fewer_columns = in->width - width;
    bool down_first = fewer_rows > 0 && fewer_rows > 2 * fewer_columns;
    if (s == MM_OK && down_first && down.n)
        s = pass_down(&p, &down, a, e);
    if (s == MM_OK && across.n)
        s = pass_across(&p, &across, a, e);
    if (s == MM_OK && !down_first && down.n)
        s = pass_down(&p, &down, a, e);
    if (s != MM_OK)
        return s;
    return cut(out, &p, a, e);
}

/* Input coordinates of outputs first .. first+n-1. Pillow accumulates the step from output 0 on; so must we. */
static int64_t *nearest_axis(int64_t in_size, int64_t out_size, int64_t first, int64_t n, mm_arena *a)
{
    int64_t *from = mm_arena_zalloc(a, (size_t)n, sizeof *from);
    double step = (double)in_size / (double)out_size, at = step * 0.5;
    for (int64_t i = 0; from && i < first + n; i++, at += step)
        if (i >= first)
            from[i - first] = at < (double)in_size ? (int64_t)at : in_size - 1;
    return from;
}

static mm_status nearest(mm_image *out, const mm_image *in, int64_t height, int64_t width, mm_window w, mm_arena *a,
                         mm_err *e)
{
    int64_t *ys = nearest_axis(in->height, height, w.y, w.height, a);
    int64_t *xs = nearest_axis(in->width, width, w.x, w.width, a);
    uint8_t *p = mm_arena_alloc(a, (size_t)(w.height * w.width * 3));
    if (!ys || !xs || !p)
        return mm_fail_memory(e);
    for (int64_t y = 0; y < w.height; y++)
        for (int64_t x = 0; x < w.width; x++)
            memcpy(p + (y * w.width + x) * 3, in->rgb + (ys[y] * in->width + xs[x]) * 3, 3);
    *out = (mm_image){w.height, w.width, p};
    return MM_OK;
}

mm_status mm_resize_window(mm_image *out, const mm_image *in, int64_t height, int64_t width, mm_resize_filter filter,
                           mm_window w, mm_arena *a, mm_err *e)
{
    if (in->height < 1 || in->width < 1 || in->height > INT32_MAX || in->width > INT32_MAX)
        return mm_fail(e, MM_SKIP, "an image of %lld x %lld pixels cannot be resized", (long long)in->width,
                       (long long)in->height);
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX || w.height > MAX_PIXELS / w.width)
        return mm_fail(e, MM_SKIP, "cannot resize an image of %lld x %lld pixels to %lld x %lld", (long long)in->width,
                       (long long)in->height, (long long)width, (long long)height);
    if (height == in->height && width == in->width)
        return filtered(out, in, height, width, NULL, w, a, e);
    if (filter == MM_NEAREST)
        return nearest(out, in, height, width, w, a, e);
    if (filter < MM_NEAREST || filter > MM_HAMMING)
        return mm_fail(e, MM_SKIP, "there is no resampling filter number %d", (int)filter);
    return filtered(out, in, height, width, &KERNELS[filter], w, a, e);
}
