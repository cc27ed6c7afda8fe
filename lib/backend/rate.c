/* rate.c: how fast a device multiplies, as a figure to compare machines by. */
#include "backend/ops.h"
#include "base/clock.h"

#include <stdlib.h>

enum { M = 512, K = 1024, N = 1024 };

/* Seconds of n products between two flushes. */
static mm_status products(double *seconds, mm_dev *d, const mm_linear_op *op, int n, mm_err *e)
{
    const double start = mm_seconds();
    for (int i = 0; i < n; i++)
        mm_dev_linear(d, op);
    mm_status s = mm_dev_flush(d, e);
    *seconds = mm_seconds() - start;
    return s;
}

static mm_status measure(double *gflops, mm_dev *d, const mm_linear_op *op, mm_err *e)
{
    double seconds;
    mm_status s = products(&seconds, d, op, 2, e); /* pipelines are made, weights packed */
    for (int n = 1; s == MM_OK; n *= 2) {
        s = products(&seconds, d, op, n, e);
        *gflops = 2e-9 * M * K * N * n / seconds;
        if (seconds > 0.2)
            break;
    }
    return s;
}

mm_status mm_dev_rate(double *gflops, mm_dev *d, mm_err *e)
{
    float *w = calloc(N * K, sizeof *w), *x = calloc(M * K, sizeof *x);
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}};
    mm_weight *weight = NULL;
    mm_mat in = {.ld = K}, out = {.ld = N};
    mm_status s = w && x ? MM_OK : mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < M * K; i++)
        x[i] = w[i % (N * K)] = (float)(i % 17) / 17;
    if (s == MM_OK)
        s = mm_dev_linear_weight(&weight, d, &lw, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&in.buf, d, M * K, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&out.buf, d, M * N, e);
    if (s == MM_OK) {
        mm_dev_write(d, in.buf, 0, x, M * K);
        s = measure(gflops, d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = M}, e);
    }
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    free(w);
    free(x);
    return s;
}
