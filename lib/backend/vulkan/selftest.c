/* selftest.c: does this driver compute what it should? Every path that is on multiplies a ragged matrix, and attention
 * runs once, beside the same in double precision on the host. A fast path that fails is turned off, and says so; a
 * baseline that fails makes the device unusable. */
#include "backend/vulkan/vk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 133, K = 83, N = 150 };

/* Attention of two items, the second one shorter: queries, keys and values of 3 heads of 64 behind one another. */
enum { T0 = 71, T1 = 20, T = T0 + T1, HEADS = 3, HEAD = 64, WIDTH = HEADS * HEAD };

/* Fixed values in -1 .. 1. */
static void fill(float *x, int n, uint32_t seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)seed / 2147483648.0f;
    }
}

typedef struct {
    float x[M * K], w[N * K], bias[N], y[M * N];
    mm_dbuf *in, *out;
    mm_weight *weight;
    bool on_grid;
} linear_test;

/* Numbers that become 8-bit integers without an error, whatever the device's division: multiples of 1/128 between the
 * same extremes in each row, and one in each row of x that is beyond them. */
static void put_on_grid(linear_test *t)
{
    const float end = 127.0f / 128;
    for (int i = 0; i < M * K; i++)
        t->x[i] = nearbyintf(t->x[i] * 127) / 128;
    for (int i = 0; i < N * K; i++)
        t->w[i] = nearbyintf(t->w[i] * 127) / 128;
    for (int m = 0; m < M; m++) {
        t->x[m * K + m % K] = 5;
        t->x[m * K + (m + 1) % K] = end;
        t->x[m * K + (m + 2) % K] = -end;
    }
    for (int n = 0; n < N; n++)
        t->w[n * K + n % K] = n % 2 ? end : -end;
}

static double error_of(const linear_test *t)
{
    double worst = 0;
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            double sum = t->bias[n];
            for (int k = 0; k < K; k++)
                sum += (double)t->x[m * K + k] * t->w[n * K + k];
            const double off = fabs(sum - t->y[m * N + n]);
            worst = off <= worst ? worst : off; /* a NaN becomes the worst */
        }
    return worst;
}

static mm_status run_linear(mm_vk_dev *d, linear_test *t, mm_err *e)
{
    mm_dev *dev = &d->head;
    const mm_linear_weight w = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, t->w}}, .bias = {{{MM_F32, 1, {N}}, t->bias}}};
    fill(t->x, M * K, 1);
    fill(t->w, N * K, 2);
    fill(t->bias, N, 3);
    if (t->on_grid)
        put_on_grid(t);
    mm_status s = mm_vk_alloc(&t->in, dev, M * K, e);
    if (s == MM_OK)
        s = mm_vk_alloc(&t->out, dev, M * N, e);
    if (s == MM_OK)
        s = mm_vk_linear_weight(&t->weight, dev, &w, e);
    if (s == MM_OK)
        s = mm_vk_write(dev, t->in, 0, t->x, M * K, e);
    if (s == MM_OK)
        s = mm_vk_linear(dev, &(mm_linear_op){.x = {t->in, 0, K}, .y = {t->out, 0, N}, .w = t->weight, .rows = M}, e);
    if (s == MM_OK)
        s = mm_vk_read(dev, t->out, 0, t->y, M * N, e);
    mm_err ignored;
    mm_status drained = mm_vk_drain(d, s == MM_OK ? e : &ignored);
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
    float qkv[T * 3 * WIDTH], y[T * WIDTH];
    mm_dbuf *in, *out;
} attend_test;

static const int64_t cu[] = {0, T0, T};

/* Row `i` of head `h`, softmax and all, in double. */
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
    fill(t->qkv, T * 3 * WIDTH, 4);
    mm_status s = mm_vk_alloc(&t->in, dev, T * 3 * WIDTH, e);
    if (s == MM_OK)
        s = mm_vk_alloc(&t->out, dev, T * WIDTH, e);
    if (s == MM_OK)
        s = mm_vk_write(dev, t->in, 0, t->qkv, T * 3 * WIDTH, e);
    if (s == MM_OK)
        s = mm_vk_attend(dev,
                         &(mm_attend_op){.q = {t->in, 0, 3 * WIDTH},
                                         .k = {t->in, WIDTH, 3 * WIDTH},
                                         .v = {t->in, 2 * WIDTH, 3 * WIDTH},
                                         .out = {t->out, 0, WIDTH},
                                         .heads = HEADS,
                                         .head = HEAD,
                                         .n = 2,
                                         .cu_q = cu,
                                         .cu_k = cu,
                                         .scale = 1},
                         e);
    if (s == MM_OK)
        s = mm_vk_read(dev, t->out, 0, t->y, T * WIDTH, e);
    mm_err ignored;
    mm_status drained = mm_vk_drain(d, s == MM_OK ? e : &ignored);
    if (t->in)
        mm_vk_free(dev, t->in);
    if (t->out)
        mm_vk_free(dev, t->out);
    return s == MM_OK ? drained : s;
}

/* Attention with only `paths` on. */
static mm_status try_attend(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    const uint32_t before = d->paths;
    attend_test *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
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

/* ---- the verdict ---- */

/* The linear layer with only `paths` on. */
static mm_status try_product(mm_vk_dev *d, uint32_t paths, bool on_grid, double *error, mm_err *e)
{
    const uint32_t before = d->paths;
    linear_test *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    t->on_grid = on_grid;
    d->paths = paths;
    mm_status s = run_linear(d, t, e);
    d->paths = before;
    *error = s == MM_OK ? error_of(t) : INFINITY;
    free(t);
    return s;
}

static mm_status try_linear(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_product(d, paths, false, error, e);
}

/* In small tiles and, where they are on, in big ones. */
static mm_status try_tiles(mm_vk_dev *d, uint32_t paths, bool on_grid, double *error, mm_err *e)
{
    double big = 0;
    mm_status s = try_product(d, paths, on_grid, error, e);
    if (s == MM_OK && (d->paths & MM_VK_BIG))
        s = try_product(d, paths | MM_VK_BIG, on_grid, &big, e);
    *error = big <= *error ? *error : big;
    return s;
}

static mm_status try_fp16(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_tiles(d, paths, false, error, e);
}

static mm_status try_int8(mm_vk_dev *d, uint32_t paths, double *error, mm_err *e)
{
    return try_tiles(d, paths, true, error, e);
}

static void turn_off(mm_vk_dev *d, uint32_t path, const char *name, double error)
{
    mm_say(&d->log, MM_LOG_WARN, "vulkan: %s computes wrongly with %s (error %.2g): not used",
           d->card.properties.deviceName, name, error);
    d->paths &= ~path;
    const size_t n = strlen(d->verdict);
    snprintf(d->verdict + n, sizeof d->verdict - n, "%s%s failed", n ? ", " : "", name);
}

/* Sums of integers are exact; sums of eight products in f16 are not. */
static double bar(uint32_t path, double usual)
{
    return path == MM_VK_INT8 ? 1e-3 : path == MM_VK_FP16 ? 5e-2 : usual;
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
    };
    /* sums of 83 products of numbers below 1; f16 keeps eleven bits of each */
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
