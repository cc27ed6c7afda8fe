/* precision_util.h: what tests of reduced precision share: a linear layer whose weights are known as the device gets
 * them. */
#ifndef PRECISION_UTIL_H
#define PRECISION_UTIL_H

#include "backend_util.h"

typedef struct {
    int64_t m, k, n[MM_MAX_PARTS];
    int parts;
    bool transposed, biased;
    mm_type type;
} layer_case;

/* A linear layer with its weights [N,K] as floats beside the tensors that the device reads. */
typedef struct {
    mm_linear_weight lw;
    void *typed[MM_MAX_PARTS];
    float *bias[MM_MAX_PARTS], *w, *b, *x;
    int64_t m, k, n;
} layer;

static inline float in_type(float x, mm_type t, void *at)
{
    if (t == MM_F32)
        memcpy(at, &x, 4);
    else {
        uint16_t h = t == MM_F16 ? mm_f32_to_f16(x) : mm_f32_to_bf16(x);
        memcpy(at, &h, 2);
    }
    mm_to_f32(&x, at, t, 1);
    return x;
}

static inline layer make_layer(const layer_case *c)
{
    layer l = {.m = c->m, .k = c->k, .lw = {.parts = c->parts, .transposed = c->transposed}};
    for (int p = 0; p < c->parts; p++)
        l.n += c->n[p];
    l.w = malloc((size_t)(l.n * l.k) * sizeof *l.w);
    l.b = malloc((size_t)l.n * sizeof *l.b);
    l.x = random_floats(l.m * l.k);
    for (int64_t i = 0; i < l.m; i++) /* rows of very different size: each has its own scale */
        for (int64_t k = 0; k < l.k; k++)
            l.x[i * l.k + k] *= powf(10, (float)(i % 7) - 3);
    int64_t at = 0;
    for (int p = 0; p < c->parts; at += c->n[p], p++) {
        l.typed[p] = malloc((size_t)(c->n[p] * l.k) * 4);
        l.bias[p] = random_floats(c->n[p]);
        for (int64_t j = 0; j < c->n[p]; j++) {
            for (int64_t k = 0; k < l.k; k++) {
                int64_t place = c->transposed ? k * c->n[p] + j : j * l.k + k;
                float x = noise() * powf(10, (float)(j % 5) - 2);
                l.w[(at + j) * l.k + k] =
                    in_type(j % 11 == 10 ? 0 : x, c->type, (char *)l.typed[p] + (size_t)place * mm_type_size(c->type));
            }
            l.b[at + j] = c->biased ? l.bias[p][j] : 0;
        }
        l.lw.w[p] =
            c->transposed ? tensor(c->type, l.typed[p], 2, l.k, c->n[p]) : tensor(c->type, l.typed[p], 2, c->n[p], l.k);
        if (c->biased)
            l.lw.bias[p] = tensor(MM_F32, l.bias[p], 1, c->n[p]);
    }
    return l;
}

static inline void free_layer(layer *l)
{
    for (int p = 0; p < l->lw.parts; p++) {
        free(l->typed[p]);
        free(l->bias[p]);
    }
    free(l->w);
    free(l->b);
    free(l->x);
}

/* The device's result, twice: weights packed on the fly and packed for good give the same bits. */
static inline float *run_layer(mm_dev *d, const layer *l)
{
    mm_weight *w;
    mm_err e = {0};
    if (mm_dev_linear_weight(&w, d, &l->lw, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_mat x = mat(d, l->x, l->m, l->k, 3), y = mat(d, NULL, l->m, l->n, 5);
    float *first = NULL;
    for (int use = 0; use < 3; use++) {
        mm_dev_linear(d, &(mm_linear_op){.x = x, .y = y, .w = w, .rows = l->m});
        float *out = fetch(d, &y, l->m, l->n);
        if (first) {
            assert_memory_equal(first, out, (size_t)(l->m * l->n) * 4);
            free(out);
        } else
            first = out;
    }
    mm_dev_weight_free(d, w);
    mm_dev_free(d, x.buf);
    mm_dev_free(d, y.buf);
    return first;
}

/* Not what the other device computes, if there is one; or not at all on it. */
static inline bool left_out(mm_precision p)
{
    mm_dev *d;
    mm_err e;
    if (!other_device())
        return false;
    if (p == MM_PREC_BF16)
        return true;
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = other_device(), .threads = 1, .precision = p}, &e);
    if (s != MM_OK)
        print_message("%s\n", e.text);
    mm_dev_close(d);
    return s != MM_OK;
}

#endif
