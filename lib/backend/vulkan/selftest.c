/* selftest.c: does this driver compute what it should? Every path that is on multiplies a ragged matrix, and attention
 * runs once, beside the same in double precision on the host. A fast path that fails is turned off, and says so; a
 * baseline that fails makes the device unusable. */
#include "backend/vulkan/vk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 133, K = 83, N = 150, HEAD = 32, HEADS = 2 };

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
} linear_test;

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

/* The linear layer with only `paths` on. */
static mm_status try_linear(mm_vk_dev *d, uint32_t paths, mm_precision precision, double *error, mm_err *e)
{
    const uint32_t before = d->paths;
    const mm_precision was = d->head.precision;
    linear_test *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    d->paths = paths;
    d->head.precision = precision;
    mm_status s = run_linear(d, t, e);
    d->paths = before;
    d->head.precision = was;
    *error = s == MM_OK ? error_of(t) : INFINITY;
    free(t);
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

mm_status mm_vk_self_test(mm_vk_dev *d, mm_err *e)
{
    static const struct {
        uint32_t path, with;
        const char *name;
        double allowed; /* sums of 83 products of numbers below 1 */
        bool half;
    } fast[] = {
        {MM_VK_TILES, MM_VK_TILES, "tiles", 1e-4, false},
        {MM_VK_BIG, MM_VK_BIG | MM_VK_TILES, "big", 1e-4, false},
        {MM_VK_COOPMAT, MM_VK_COOPMAT, "coopmat", 2e-2, true},
    };
    double error;
    const bool half = d->head.precision == MM_PREC_FP16;
    mm_status s = try_linear(d, 0, d->head.precision, &error, e);
    if (s != MM_OK)
        return s;
    if (!(error < (half ? 2e-2 : 1e-4)))
        return mm_fail(e, MM_FATAL, "vulkan: %s computes wrongly (error %.2g in a matrix product)",
                       d->card.properties.deviceName, error);
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++) {
        if (!(d->paths & fast[i].path) || (fast[i].half && !half))
            continue;
        mm_err failed;
        if (try_linear(d, fast[i].with, d->head.precision, &error, &failed) != MM_OK ||
            !(error < (half ? 2e-2 : fast[i].allowed)))
            turn_off(d, fast[i].path, fast[i].name, error);
    }
    if (!d->verdict[0])
        snprintf(d->verdict, sizeof d->verdict, "passed");
    return MM_OK;
}
