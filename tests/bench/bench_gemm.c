/* bench_gemm: the linear layer's rate beside the register peak and the memory's rate, measured in the same run.
 *
 *     build/bench/bench_gemm [-j THREADS] [-s SECONDS] [-p fp32|bf16|int8] [MxKxN ...]
 *
 * Weights are packed on the fly (a new weight for each call: what a one-shot process does) and packed for good (what a
 * stream does). Peak, product and reading alternate; each figure is the best of its turns, since a busy machine only
 * ever makes things slower. MM_CPU chooses the tier. int8 weights are always packed for good: "on the fly" is their
 * first use, which finds their scales. The last columns are for few rows, whose time is that of reading the weights:
 * GB/s of packed weights, and of reading as many bytes and nothing else. */
#include "backend/ops.h"
#include "base/clock.h"
#include "peak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *tier;
    double flops[256];
} peak_job;

static void peak_task(void *ctx, int i, int worker)
{
    (void)worker;
    peak_job *p = ctx;
    p->flops[i] = peak_rounds(p->tier, 1 << 20);
}

/* GFLOP/s of all threads on registers alone. */
static double peak_rate(mm_threads *pool, const char *tier)
{
    peak_job p = {.tier = tier};
    int n = mm_threads_count(pool);
    double start = mm_seconds(), sum = 0;
    mm_threads_run(pool, n, peak_task, &p);
    double seconds = mm_seconds() - start;
    for (int i = 0; i < n; i++)
        sum += p.flops[i];
    return sum / seconds * 1e-9;
}

typedef struct {
    const char *bytes;
    int64_t n; /* a multiple of 64 */
    int parts;
    long sum[256];
} read_job;

static void read_task(void *ctx, int i, int worker)
{
    (void)worker;
    typedef long lanes __attribute__((vector_size(64)));
    read_job *r = ctx;
    const lanes *at = (const void *)r->bytes;
    lanes sum[4] = {{0}, {0}, {0}, {0}};
    const int64_t all = r->n / 64, end = all * (i + 1) / r->parts;
    int64_t l = all * i / r->parts;
    for (; l + 4 <= end; l += 4)
        for (int j = 0; j < 4; j++)
            sum[j] += at[l + j];
    for (int j = 0; j < 8; j++)
        r->sum[i] += sum[0][j] + sum[1][j] + sum[2][j] + sum[3][j];
}

/* Seconds in which all threads read as many bytes. */
static double read_seconds(mm_threads *pool, const char *bytes, int64_t n)
{
    read_job r = {.bytes = bytes, .n = n, .parts = mm_threads_count(pool)};
    const double start = mm_seconds();
    mm_threads_run(pool, r.parts, read_task, &r);
    return mm_seconds() - start;
}

typedef struct {
    long m, k, n;
} size;

static float *filled(long n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (long i = 0; x && i < n; i++)
        x[i] = (float)(i * 7919 % 2003) / 1001.5f - 1.0f;
    return x;
}

static mm_weight *make_weight(mm_dev *d, const float *w, const float *b, size s)
{
    mm_linear_weight lw = {
        .parts = 1, .w = {{.s = {MM_F32, 2, {s.n, s.k}}, .data = w}}, .bias = {{.s = {MM_F32, 1, {s.n}}, .data = b}}};
    mm_weight *out;
    mm_err e = {0};
    if (mm_dev_linear_weight(&out, d, &lw, &e) != MM_OK) {
        fprintf(stderr, "bench_gemm: %s\n", e.text);
        exit(1);
    }
    return out;
}

static double one_call(mm_dev *d, const mm_linear_op *op)
{
    mm_err e = {0};
    double start = mm_seconds();
    mm_dev_linear(d, op);
    if (mm_dev_flush(d, &e) != MM_OK) {
        fprintf(stderr, "bench_gemm: %s\n", e.text);
        exit(1);
    }
    return mm_seconds() - start;
}

static void bench(mm_dev *d, const char *tier, mm_precision p, size s, double limit)
{
    float *w = filled(s.n * s.k), *b = filled(s.n), *x = filled(s.m * s.k);
    mm_dbuf *xb, *yb;
    mm_err e = {0};
    if (!w || !b || !x || mm_dev_alloc(&xb, d, s.m * s.k, &e) != MM_OK || mm_dev_alloc(&yb, d, s.m * s.n, &e) != MM_OK)
        exit(1);
    mm_dev_write(d, xb, 0, x, s.m * s.k);
    mm_weight *kept = make_weight(d, w, b, s);
    mm_linear_op op = {.x = {xb, 0, s.k}, .y = {yb, 0, s.n}, .rows = s.m, .w = kept};
    one_call(d, &op);
    one_call(d, &op);
    const int64_t bytes = s.k * s.n * (p == MM_PREC_FP32 ? 4 : p == MM_PREC_BF16 ? 2 : 1) / 64 * 64;
    char *memory = aligned_alloc(64, (size_t)bytes + 64);
    if (!memory)
        exit(1);
    memset(memory, 1, (size_t)bytes);
    double peak = 0, fly = 1e9, packed = 1e9, reading = 1e9;
    for (double end = mm_seconds() + limit; mm_seconds() < end;) {
        const double top = peak_rate(mm_dev_threads(d), tier);
        peak = top > peak ? top : peak;
        for (int i = 0; i < 3; i++) {
            op.w = make_weight(d, w, b, s);
            double t = one_call(d, &op);
            fly = t < fly ? t : fly;
            mm_dev_weight_free(d, (mm_weight *)op.w);
            op.w = kept;
            t = one_call(d, &op);
            packed = t < packed ? t : packed;
            t = read_seconds(mm_dev_threads(d), memory, bytes);
            reading = t < reading ? t : reading;
        }
    }
    double work = 2e-9 * (double)s.m * (double)s.k * (double)s.n;
    printf("%ldx%ldx%ld\t%.1f\t%.1f\t%.1f\t%.3f\t%.3f\t%.1f\t%.1f\n", s.m, s.k, s.n, peak, work / fly, work / packed,
           work / fly / peak, work / packed / peak, 1e-9 * (double)bytes / packed, 1e-9 * (double)bytes / reading);
    free(memory);
    fflush(stdout);
    mm_dev_weight_free(d, kept);
    mm_dev_free(d, xb);
    mm_dev_free(d, yb);
    free(w);
    free(b);
    free(x);
}

int main(int argc, char **argv)
{
    static const size sizes[] = {{197, 768, 768},   {197, 768, 2304}, {197, 768, 3072}, {197, 3072, 768},
                                 {1576, 768, 3072}, {128, 768, 3072}, {128, 3072, 768}, {32, 768, 3072},
                                 {499, 1536, 512},  {50, 768, 768},   {9, 384, 1536},   {1, 768, 768}};
    int threads = 0, i = 1;
    double limit = 0.5;
    mm_precision p = MM_PREC_FP32;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (argv[i][1] == 'p')
            p = argv[i + 1][0] == 'b'   ? MM_PREC_BF16
                : argv[i + 1][0] == 'i' ? (argv[i + 1][3] == '1' ? MM_PREC_INT16 : MM_PREC_INT8)
                                        : MM_PREC_FP32;
        else if (argv[i][1] == 'j')
            threads = atoi(argv[i + 1]);
        else
            limit = atof(argv[i + 1]);
    }
    mm_dev *d;
    mm_err e = {0};
    if (mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .threads = threads, .precision = p}, &e) != MM_OK) {
        fprintf(stderr, "bench_gemm: %s\n", e.text);
        return 1;
    }
    char tier[32] = "";
    sscanf(mm_dev_name(d), p == MM_PREC_FP32 ? "cpu (%31[^,]" : "cpu (%*[^,], %31[^,]", tier);
    printf("# %s; GFLOP/s\n# MxKxN\tpeak\ton the fly\tpacked\tfraction\tfraction\tGB/s\tread\n", mm_dev_name(d));
    for (int j = 0; i >= argc && j < (int)(sizeof sizes / sizeof *sizes); j++)
        bench(d, tier, p, sizes[j], limit);
    for (size s; i < argc; i++)
        if (sscanf(argv[i], "%ldx%ldx%ld", &s.m, &s.k, &s.n) == 3)
            bench(d, tier, p, s, limit);
    mm_dev_close(d);
    return 0;
}
