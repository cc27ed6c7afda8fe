/* selftest.c: does this driver compute correctly? Every enabled path multiplies a matrix of odd sizes or computes
 * attention, and the host compares the results with its own in double precision. A fast path that fails is turned off
 * with a warning; if the baseline fails, the device is unusable. */
#include "backend/vulkan/vk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 133, K = 83, N = 150, FEW = 5 };
/* Sizes for halves. */
enum { HALF_K = 64, HALF_N = 144 };

/* Attention of two items, the second one shorter: queries, keys and values of 3 heads of 64 one after another. */
enum { T0 = 71, T1 = 20, T = T0 + T1, HEADS = 3, HEAD = 64, WIDTH = HEADS * HEAD };

/* Fixed values in -1 .. 1. */
static void fill(float *x, int n, uint32_t seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)seed / 2147483648.0f;
    }
}

/* Convert n floats to halves and back, in place: the halves take the space of the first n / 2 floats. */
static void to_halves(float *x, int n)
{
    for (int i = 0; i < n; i++) {
        const uint16_t h = mm_f32_to_f16(x[i]);
        memcpy((char *)x + 2 * i, &h, 2);
    }
}

static void from_halves(float *x, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        uint16_t h;
        memcpy(&h, (char *)x + 2 * i, 2);
        mm_to_f32(x + i, &h, MM_F16, 1);
    }
}

typedef struct {
    float x[M * K], w[N * K], bias[N], y[M * N], halves[M * K];
    mm_dbuf *in, *out;
    mm_weight *weight;
    int k, n;
    bool on_grid, half;
} linear_test;

/* Makes the numbers exact in 8-bit integers, however the device divides: multiples of 1/128 with the same extremes in
 * every row, and in every row of x one outlier beyond them. */
static void put_on_grid(linear_test *t)
{
    const float end = 127.0f / 128;
    for (int i = 0; i < M * t->k; i++)
        t->x[i] = nearbyintf(t->x[i] * 127) / 128;
    for (int i = 0; i < t->n * t->k; i++)
        t->w[i] = nearbyintf(t->w[i] * 127) / 128;
    for (int m = 0; m < M; m++) {
        t->x[m * t->k + m % t->k] = 5;
        t->x[m * t->k + (m + 1) % t->k] = end;
        t->x[m * t->k + (m + 2) % t->k] = -end;
    }
    for (int n = 0; n < t->n; n++)
        t->w[n * t->k + n % t->k] = n % 2 ? end : -end;
}

static double error_of(const linear_test *t)
{
    double worst = 0;
    for (int m = 0; m < M; m++)
        for (int n = 0; n < t->n; n++) {
            double sum = t->bias[n];
            for (int k = 0; k < t->k; k++)
                sum += (double)t->x[m * t->k + k] * t->w[n * t->k + k];
            const double off = fabs(sum - t->y[m * t->n + n]);
            worst = off <= worst ? worst : off; /* a NaN becomes the worst */
        }
    return worst;
}

static mm_status run_linear(mm_vk_dev *d, linear_test *t, mm_err *e)
{
    mm_dev *dev = &d->head;
    const mm_linear_weight w = {
        .parts = 1, .w = {{{MM_F32, 2, {t->n, t->k}}, t->w}}, .bias = {{{MM_F32, 1, {t->n}}, t->bias}}};
    const int64_t ldx = mm_vk_width(t->half, t->k), ldy = mm_vk_width(t->half, t->n);
    fill(t->x, M * t->k, 1);
    fill(t->w, t->n * t->k, 2);
    fill(t->bias, t->n, 3);
    if (t->on_grid)
        put_on_grid(t);
    memcpy(t->halves, t->x, sizeof t->x);
    if (t->half)
        to_halves(t->halves, M * t->k);
    mm_status s = mm_vk_alloc(&t->in, dev, M * ldx, e);
    if (s == MM_OK)
        s = mm_vk_alloc(&t->out, dev, M * ldy, e);
    if (s == MM_OK)
        s = mm_vk_linear_weight(&t->weight, dev, &w, e);
    if (s == MM_OK)
        s = mm_vk_write(dev, t->in, 0, t->halves, M * ldx, e);
    mm_linear_op op = {.x = {.buf = t->in, .ld = ldx, .half = t->half},
                       .y = {.buf = t->out, .ld = ldy, .half = t->half},
                       .w = t->weight,
                       .rows = M};
    if (s == MM_OK)
        s = mm_vk_linear(dev, &op, e);
    op.rows = FEW; /* the first rows again, with the shader for few rows */
    if (s == MM_OK)
        s = mm_vk_linear(dev, &op, e);
    if (s == MM_OK)
        s = mm_vk_read(dev, t->out, 0, t->y, M * ldy, e);
    mm_err ignored;
    mm_status drained = mm_vk_drain(d, s == MM_OK ? e : &ignored);
    if (t->half)
        from_halves(t->y, M * t->n);
    if (t->weight)
        mm_vk_weight_free(dev, t->weight);
    if (t->in)
        mm_vk_free(dev, t->in);
    if (t->out)
        mm_vk_free(dev, t->out);
    return s == MM_OK ? drained : s;
}

/* ---- attention ---- */

typedef struct {
    float qkv[T * 3 * WIDTH], y[T * WIDTH], halves[T * 3 * WIDTH];
    mm_dbuf *in, *out;
    bool half;
} attend_test;

static const int64_t cu[] = {0, T0, T};

/* The largest error in row i of head h; computes the attention again in double precision. */
static double attend_error(const attend_test *t, int item, int64_t i, int h)
{
    double score[T], out[HEAD] = {0}, top = -1e300, sum = 0, worst = 0;
    for (int64_t j = cu[item]; j < cu[item + 1]; j++) {
        score[j] = 0;
        for (int c = 0; c < HEAD; c++)
            score[j] += (double)t->qkv[i * 3 * WIDTH + h * HEAD + c] * t->qkv[j * 3 * WIDTH + WIDTH + h * HEAD + c];
        top = fmax(top, score[j]);
    }
    for (int64_t j = cu[item]; j < cu[item + 1]; j++) {
        sum += score[j] = exp(score[j] - top);
        for (int c = 0; c < HEAD; c++)
            out[c] += score[j] * t->qkv[j * 3 * WIDTH + 2 * WIDTH + h * HEAD + c];
    }
    for (int c = 0; c < HEAD; c++) {
        const double off = fabs(out[c] / sum - t->y[i * WIDTH + h * HEAD + c]);
        worst = off <= worst ? worst : off;
    }
    return worst;
}

static mm_status run_attend(mm_vk_dev *d, attend_test *t, mm_err *e)
{
    mm_dev *dev = &d->head;
    const int64_t width = mm_vk_width(t->half, WIDTH), ld = 3 * width;
    fill(t->qkv, T * 3 * WIDTH, 4);
    memcpy(t->halves, t->qkv, sizeof t->qkv);
    if (t->half)
        to_halves(t->halves, T * 3 * WIDTH);
    mm_status s = mm_vk_alloc(&t->in, dev, T * ld, e);
    if (s == MM_OK)
        s = mm_vk_alloc(&t->out, dev, T * width, e);
    if (s == MM_OK)
        s = mm_vk_write(dev, t->in, 0, t->halves, T * ld, e);
    if (s == MM_OK)
        s = mm_vk_attend(dev,
                         &(mm_attend_op){.q = {.buf = t->in, .ld = ld, .half = t->half},
                                         .k = {.buf = t->in, .off = width, .ld = ld, .half = t->half},
                                         .v = {.buf = t->in, .off = 2 * width, .ld = ld, .half = t->half},
                                         .out = {.buf = t->out, .ld = width, .half = t->half},
                                         .heads = HEADS,
                                         .head = HEAD,
                                         .n = 2,
                                         .cu_q = cu,
                                         .k_start = cu,
                                         .scale = 1},
                         e);
    if (s == MM_OK)
        s = mm_vk_read(dev, t->out, 0, t->y, T * width, e);
    mm_err ignored;
    mm_status drained = mm_vk_drain(d, s == MM_OK ? e : &ignored);
    if (t->half)
        from_halves(t->y, T * WIDTH);
    if (t->in)
        mm_vk_free(dev, t->in);
    if (t->out)
        mm_vk_free(dev, t->out);
    return s == MM_OK ? drained : s;
}

/* Attention with only `paths` on. */
static mm_status try_attention(mm_vk_dev *d, uint32_t paths, bool half, double *error, mm_err *e)
{
    const uint32_t before = d->paths;
    attend_test *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    t->half = half;
    d->paths = paths;
    mm_status s = run_attend(d, t, e);
    d->paths = before;
    *error = s == MM_OK ? 0 : INFINITY;
    for (int64_t i = 0; s == MM_OK && i < T; i++)
        for (int h = 0; h < HEADS; h++) {
            const double off = attend_error(t, i >= T0, i, h);
            *error = off <= *error ? *error : off;
        }
    free(t);
    return s;
}

static mm_status try_attend(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_attention(d, paths, false, error, e);
}

/* ---- the verdict ---- */

typedef enum { RANDOM, ON_GRID, IN_HALVES } numbers;

/* The linear layer with only `paths` on. */
static mm_status try_product(mm_vk_dev *d, uint32_t paths, numbers of, double *error, mm_err *e)
{
    const uint32_t before = d->paths;
    linear_test *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    t->on_grid = of == ON_GRID;
    t->half = of == IN_HALVES;
    t->k = t->half ? HALF_K : K;
    t->n = t->half ? HALF_N : N;
    d->paths = paths;
    mm_status s = run_linear(d, t, e);
    d->paths = before;
    *error = s == MM_OK ? error_of(t) : INFINITY;
    free(t);
    return s;
}

static mm_status try_linear(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_product(d, paths, RANDOM, error, e);
}

/* With small tiles and, if they are enabled, with big ones. */
static mm_status try_tiles(mm_vk_dev *d, uint32_t paths, numbers of, double *error, mm_err *e)
{
    double big = 0;
    mm_status s = try_product(d, paths, of, error, e);
    if (s == MM_OK && (d->paths & MM_VK_BIG))
        s = try_product(d, paths | MM_VK_BIG, of, &big, e);
    *error = big <= *error ? *error : big;
    return s;
}

static mm_status try_fp16(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_tiles(d, paths, RANDOM, error, e);
}

static mm_status try_int8(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_tiles(d, paths, ON_GRID, error, e);
}

/* Halves with all enabled paths, with the largest tiles of matrix units, and in attention. */
static mm_status try_halves(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    (void)paths;
    double large = 0, attention = 0;
    mm_status s = try_product(d, d->paths, IN_HALVES, error, e);
    if (s == MM_OK && (d->paths & MM_VK_COOPBIG))
        s = try_product(d, d->paths & ~(uint32_t)MM_VK_COOPMAT, IN_HALVES, &large, e);
    if (s == MM_OK)
        s = try_attention(d, d->paths, true, &attention, e);
    *error = large <= *error ? *error : large;
    *error = attention <= *error ? *error : attention;
    return s;
}

static void turn_off(mm_vk_dev *d, uint32_t path, const char *name, double error)
{
    mm_say(&d->log, MM_LOG_WARN, "vulkan: %s computes wrongly with %s (error %.2g): not used",
           d->card.properties.deviceName, name, error);
    d->paths &= ~path;
    const size_t n = strlen(d->verdict);
    snprintf(d->verdict + n, sizeof d->verdict - n, "%s%s failed", n ? ", " : "", name);
}

/* The error allowed: sums of integers are exact, but sums of eight products in f16 are not. */
static double bar(uint32_t path, double usual)
{
    return path == MM_VK_INT8 ? 1e-3 : path == MM_VK_FP16 || path == MM_VK_HALVES ? 5e-2 : usual;
}

typedef mm_status trial(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e);

mm_status mm_vk_self_test(mm_vk_dev *d, mm_err *e)
{
    static const struct {
        uint32_t path;
        const char *name;
        trial *run;
    } fast[] = {
        {MM_VK_TILES, "tiles", try_linear},
        {MM_VK_BIG, "big", try_linear},
        {MM_VK_WIDE, "wide", try_linear},
        {MM_VK_COOPMAT, "coopmat", try_linear},
        {MM_VK_COOPATT, "coopattend", try_attend},
        {MM_VK_COOPBIG, "coopbig", try_linear},
        {MM_VK_INT8, "int8", try_int8},
        {MM_VK_FP16, "fp16", try_fp16},
        {MM_VK_UNIFIED, "unified", try_linear},
        {MM_VK_HALVES, "halves", try_halves},
        {MM_VK_TRANSFER, "transfer", try_linear},
    };
    /* for sums of 83 products of numbers below 1, of which f16 keeps eleven bits each */
    const double allowed = d->head.precision != MM_PREC_FP32 ? 2e-2 : 1e-4;
    double product, attention;
    mm_status s = try_linear(d, 0, &product, e);
    if (s == MM_OK)
        s = try_attend(d, 0, &attention, e);
    if (s != MM_OK)
        return s;
    if (!(product < allowed) || !(attention < 1e-4))
        return mm_fail(e, MM_FATAL,
                       "vulkan: %s computes wrongly (errors of %.2g in a matrix product, %.2g in attention)",
                       d->card.properties.deviceName, product, attention);
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++) {
        const double most = bar(fast[i].path, allowed);
        double error = INFINITY;
        mm_err failed;
        if ((d->paths & fast[i].path) && (fast[i].run(d, fast[i].path, &error, &failed) != MM_OK || !(error < most)))
            turn_off(d, fast[i].path, fast[i].name, error);
    }
    if (!d->verdict[0])
        snprintf(d->verdict, sizeof d->verdict, "passed");
    return MM_OK;
}
