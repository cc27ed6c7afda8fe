/* bench_device: the rate of single operations on a device.
 *
 *     build/bench/bench_device [-d DEVICE] [-p fp32|fp16|int8] [-s SECONDS] [MxKxN ...]
 *
 * Each size is run once to warm up (pipelines are made), then in rounds of growing length until a round takes SECONDS;
 * the last round counts. The last column is the process's own processor time, which on a busy machine tells more about
 * a driver that computes on the CPU than the clock does. Attention follows for the same M as sequences of 197 with 12
 * heads of 64. */
#include "backend/ops.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void die(const mm_err *e)
{
    fprintf(stderr, "bench_device: %s\n", e->text);
    exit(1);
}

static float *filled(long n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (long i = 0; x && i < n; i++)
        x[i] = (float)(i * 7919 % 2003) / 1001.5f - 1.0f;
    return x;
}

static mm_mat matrix(mm_dev *d, long rows, long width)
{
    mm_mat m = {.ld = width};
    mm_err e;
    if (mm_dev_alloc(&m.buf, d, rows * width, &e) != MM_OK)
        die(&e);
    float *x = filled(rows * width);
    mm_dev_write(d, m.buf, 0, x, rows * width);
    if (mm_dev_flush(d, &e) != MM_OK)
        die(&e);
    free(x);
    return m;
}

typedef struct {
    double clock, cpu;
} spent;

/* Seconds of one run of op, recorded `n` times between two flushes. */
static spent seconds_of(mm_dev *d, void (*op)(mm_dev *d, const void *what), const void *what, double least)
{
    mm_err e;
    double took = 0;
    for (int n = 1, warm = 1;; warm = 0) {
        double start = mm_seconds();
        clock_t cpu = clock();
        for (int i = 0; i < n; i++)
            op(d, what);
        if (mm_dev_flush(d, &e) != MM_OK)
            die(&e);
        took = mm_seconds() - start;
        cpu = clock() - cpu;
        if (!warm && took >= least)
            return (spent){took / n, (double)cpu / CLOCKS_PER_SEC / n};
        n = warm ? 1 : took < least / 20 ? n * 10 : n * 2;
    }
}

static void report(const char *name, double gflop, spent s)
{
    printf("%-32s %10.3f ms %10.1f GFLOP/s %8.2f GFLOP per processor second\n", name, 1e3 * s.clock, gflop / s.clock,
           gflop / s.cpu);
    fflush(stdout);
}

static void linear(mm_dev *d, const void *what)
{
    mm_dev_linear(d, what);
}

static void attend(mm_dev *d, const void *what)
{
    mm_dev_attend(d, what);
}

static void bench_linear(mm_dev *d, long m, long k, long n, double least)
{
    mm_err e;
    float *w = filled(n * k);
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {n, k}}, w}}};
    mm_linear_op op = {.x = matrix(d, m, k), .y = matrix(d, m, n), .rows = m};
    mm_weight *weight;
    if (mm_dev_linear_weight(&weight, d, &lw, &e) != MM_OK)
        die(&e);
    op.w = weight;
    const spent s = seconds_of(d, linear, &op, least);
    char name[64];
    snprintf(name, sizeof name, "linear %ld x %ld x %ld", m, k, n);
    report(name, 2e-9 * (double)(m * k * n), s);
    fflush(stdout);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, op.x.buf);
    mm_dev_free(d, op.y.buf);
    free(w);
}

static void bench_attend(mm_dev *d, int items, double least)
{
    enum { T = 197, HEADS = 12, HEAD = 64, WIDTH = HEADS * HEAD };
    int64_t *cu = calloc((size_t)items + 1, sizeof *cu);
    for (int i = 0; i < items; i++)
        cu[i + 1] = cu[i] + T;
    mm_mat q = matrix(d, (long)items * T, 3 * WIDTH), out = matrix(d, (long)items * T, WIDTH), k = q, v = q;
    k.off = WIDTH;
    v.off = 2 * WIDTH;
    const mm_attend_op op = {.q = q,
                             .k = k,
                             .v = v,
                             .out = out,
                             .heads = HEADS,
                             .head = HEAD,
                             .n = items,
                             .cu_q = cu,
                             .k_start = cu,
                             .scale = 0.125f};
    const spent s = seconds_of(d, attend, &op, least);
    char name[64];
    snprintf(name, sizeof name, "attend %d x %d, %d heads of %d", items, T, HEADS, HEAD);
    report(name, 4e-9 * items * T * T * WIDTH, s);
    mm_dev_free(d, q.buf);
    mm_dev_free(d, out.buf);
    free(cu);
}

int main(int argc, char **argv)
{
    mm_dev_opts o = {.name = "vulkan"};
    double least = 0.5;
    mm_err e;
    mm_dev *d;
    for (int c; (c = getopt(argc, argv, "d:p:s:")) != -1;)
        switch (c) {
        case 'd': o.name = optarg; break;
        case 'p':
            if (!mm_precision_of(&o.precision, optarg))
                return 2;
            break;
        case 's': least = atof(optarg); break;
        default: return 2;
        }
    if (mm_dev_open(&d, &o, &e) != MM_OK)
        die(&e);
    printf("%s, %s\n", mm_dev_name(d), mm_precision_name(mm_dev_precision(d)));
    static char *const usual[] = {"197x768x768", "197x768x3072", "1576x768x2304", "1576x768x3072", "1576x3072x768"};
    char *const *sizes = optind < argc ? argv + optind : usual;
    int n = optind < argc ? argc - optind : (int)(sizeof usual / sizeof *usual);
    for (int i = 0; i < n; i++) {
        long m, k, cols;
        if (sscanf(sizes[i], "%ldx%ldx%ld", &m, &k, &cols) == 3)
            bench_linear(d, m, k, cols, least);
    }
    bench_attend(d, 1, least);
    bench_attend(d, 8, least);
    mm_dev_close(d);
    return 0;
}
