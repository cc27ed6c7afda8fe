/* backend_util.h: what tests of the backend share: numbers, devices of every instruction set, matrices on them.
 *
 * With MM_TEST_DEVICE (tests/gpu/run) they test that device in place of the CPU. */
#ifndef BACKEND_UTIL_H
#define BACKEND_UTIL_H

#include "base/cpu.h"
#include "other_device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed;

/* Uniform in -1 .. 1. */
static inline float noise(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)((int32_t)(seed >> 32)) / 2147483648.0f;
}

static inline float *random_floats(int64_t n)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = noise();
    return x;
}

static inline int64_t up_to(int64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((seed >> 33) % (uint64_t)n) + 1;
}

static inline mm_tensor tensor(mm_type t, const void *data, int rank, ...)
{
    mm_tensor x = {.s = {.type = t, .rank = rank}, .data = data};
    va_list ap;
    va_start(ap, rank);
    for (int i = 0; i < rank; i++)
        x.s.dim[i] = va_arg(ap, int64_t);
    va_end(ap);
    return x;
}

/* Environment MM_CPU and the features that it is about: every way of computing that is written. */
typedef struct {
    const char *cpu, *tier;
    uint32_t need;
    bool reduced; /* differs from the ones before in reduced precision only */
} cpu_mask;

static const cpu_mask masks[] = {
    {"portable", "portable", 0, false},
    {"neon,-dot,-bf16", "neon", MM_CPU_NEON, false},
    {"neon", "neon", MM_CPU_NEON | MM_CPU_NEON_DOT | MM_CPU_NEON_BF16, true},
    {"avx2,-vnni", "avx2", MM_CPU_AVX2, false},
    {"avx2", "avx2", MM_CPU_AVX_VNNI, true},
    {"avx512,-amx,-bf16,-vnni", "avx512", MM_CPU_AVX512, false},
    {"avx512,-amx", "avx512", MM_CPU_AVX512_BF16 | MM_CPU_AVX512_VNNI, true},
    {"avx512", "avx512", MM_CPU_AMX_BF16 | MM_CPU_AMX_INT8, true},
};
enum { MASKS = sizeof masks / sizeof *masks };

static inline bool have_mask(const cpu_mask *m)
{
    if (other_device())
        return m == &masks[0];
    return (mm_cpu_features() & m->need) == m->need;
}

static inline mm_dev *open_dev(const cpu_mask *m, mm_precision p, int threads)
{
    mm_dev *d;
    mm_err e = {0};
    if (other_device())
        return open_other(p, threads);
    setenv("MM_CPU", m->cpu, 1);
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .threads = threads, .precision = p}, &e);
    unsetenv("MM_CPU");
    if (s != MM_OK)
        fail_msg("%s", e.text);
    if (!strstr(mm_dev_name(d), m->tier))
        fail_msg("asked for %s, got %s", m->cpu, mm_dev_name(d));
    return d;
}

/* A matrix of rows × width with `gap` unused floats after each row. */
static inline mm_mat mat(mm_dev *d, const float *x, int64_t rows, int64_t width, int64_t gap)
{
    mm_mat m = {.ld = width + gap, .off = 3};
    mm_err e = {0};
    assert_int_equal(mm_dev_alloc(&m.buf, d, rows * m.ld + 3, &e), MM_OK);
    for (int64_t r = 0; x && r < rows; r++)
        mm_dev_write(d, m.buf, m.off + r * m.ld, x + r * width, width);
    return m;
}

/* Flushes, and returns the matrix. */
static inline float *fetch(mm_dev *d, const mm_mat *m, int64_t rows, int64_t width)
{
    float *y = malloc((size_t)(rows * width + 1) * sizeof *y);
    mm_err e = {0};
    for (int64_t r = 0; r < rows; r++)
        mm_dev_read(d, m->buf, m->off + r * m->ld, y + r * width, width);
    if (mm_dev_flush(d, &e) != MM_OK)
        fail_msg("%s", e.text);
    return y;
}

static inline void close_to(const float *y, const double *ref, int64_t n, double tolerance, const char *what)
{
    if (other_device())
        tolerance *= 16; /* other orders of summation, divisions and exponentials of 2-3 units in the last place */
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(y[i] - ref[i]) <= tolerance * (1 + fabs(ref[i]))))
            fail_msg("%s: element %lld of %lld is %.9g, not %.9g", what, (long long)i, (long long)n, y[i], ref[i]);
}

static inline double act(mm_act a, double x)
{
    switch (a) {
    case MM_ACT_NONE: return x;
    case MM_ACT_RELU: return x > 0 ? x : 0;
    case MM_ACT_GELU: return x * 0.5 * erfc(-x / sqrt(2));
    case MM_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case MM_ACT_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case MM_ACT_SILU: return x / (1 + exp(-x));
    case MM_ACT_TANH: return tanh(x);
    }
    return 0;
}

/* The same numbers in another type; the caller frees. */
static inline void *as_type(const float *x, int64_t n, mm_type t)
{
    uint16_t *h = malloc((size_t)(n + 1) * 4);
    if (t == MM_F32)
        return memcpy(h, x, (size_t)n * 4);
    for (int64_t i = 0; i < n; i++)
        h[i] = t == MM_F16 ? mm_f32_to_f16(x[i]) : mm_f32_to_bf16(x[i]);
    return h;
}

/* Runs the body once for every instruction set. */
static inline void each_tier(void (*body)(mm_dev *d))
{
    for (int i = 0; i < MASKS; i++) {
        if (!have_mask(&masks[i]) || masks[i].reduced)
            continue;
        seed = 42;
        mm_dev *d = open_dev(&masks[i], MM_PREC_FP32, 1 + i % 3);
        body(d);
        close_dev(d);
    }
}

#endif
