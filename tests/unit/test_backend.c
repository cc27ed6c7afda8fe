/* Every operation of the CPU, in every instruction set that this processor has (or of MM_TEST_DEVICE), against plain
 * loops in double precision, on ragged shapes; and the promise that an item's result is bit-identical whatever it is
 * batched with and however many threads there are. */
#include "backend_util.h"

/* Each test body runs once per instruction set. */
static void each_tier(void (*body)(mm_dev *d))
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

/* ---- linear ---- */

typedef struct {
    int64_t m, k, n[MM_MAX_PARTS];
    int parts;
    bool transposed, biased, scaled, residual;
    mm_type type;
    mm_act act;
} linear_case;

static void *as_type(const float *x, int64_t n, mm_type t)
{
    uint16_t *h = malloc((size_t)(n + 1) * 4);
    if (t == MM_F32)
        return memcpy(h, x, (size_t)n * 4);
    for (int64_t i = 0; i < n; i++)
        h[i] = t == MM_F16 ? mm_f32_to_f16(x[i]) : mm_f32_to_bf16(x[i]);
    return h;
}

static void check_linear(mm_dev *d, const linear_case *c)
{
    int64_t n = 0;
    mm_linear_weight lw = {.parts = c->parts, .transposed = c->transposed};
    float *wf[MM_MAX_PARTS], *bf[MM_MAX_PARTS];
    void *wt[MM_MAX_PARTS];
    for (int i = 0; i < c->parts; i++) {
        int64_t size = c->n[i] * c->k;
        float *raw = random_floats(size);
        wt[i] = as_type(raw, size, c->type);
        wf[i] = malloc((size_t)size * 4);
        mm_to_f32(wf[i], wt[i], c->type, size);
        free(raw);
        bf[i] = random_floats(c->n[i]);
        lw.w[i] = c->transposed ? tensor(c->type, wt[i], 2, c->k, c->n[i]) : tensor(c->type, wt[i], 2, c->n[i], c->k);
        if (c->biased && i != 1) /* the second part has none, as Whisper's keys */
            lw.bias[i] = tensor(MM_F32, bf[i], 1, c->n[i]);
        n += c->n[i];
    }
    float *x = random_floats(c->m * c->k), *r = random_floats(c->m * n), *s = random_floats(n);
    double *ref = malloc((size_t)(c->m * n) * sizeof *ref);
    for (int64_t i = 0; i < c->m; i++) {
        int64_t col = 0;
        for (int p = 0; p < c->parts; p++)
            for (int64_t j = 0; j < c->n[p]; j++, col++) {
                double sum = c->biased && p != 1 ? bf[p][j] : 0;
                for (int64_t k = 0; k < c->k; k++)
                    sum += (double)x[i * c->k + k] * wf[p][c->transposed ? k * c->n[p] + j : j * c->k + k];
                ref[i * n + col] = act(c->act, sum) * (c->scaled ? s[col] : 1) + (c->residual ? r[i * n + col] : 0);
            }
    }
    mm_weight *w, *sw = NULL;
    mm_err e = {0};
    if (mm_dev_linear_weight(&w, d, &lw, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_tensor st = tensor(MM_F32, s, 1, n);
    if (c->scaled)
        assert_int_equal(mm_dev_vector(&sw, d, &st, &e), MM_OK);
    mm_mat xm = mat(d, x, c->m, c->k, 5), ym = mat(d, c->residual ? r : NULL, c->m, n, 2);
    float *first = NULL;
    for (int use = 0; use < 3; use++) { /* on the fly, then packed for good: the same bits */
        if (c->residual)
            for (int64_t i = 0; i < c->m; i++)
                mm_dev_write(d, ym.buf, ym.off + i * ym.ld, r + i * n, n);
        mm_dev_linear(d, &(mm_linear_op){.x = xm,
                                         .y = ym,
                                         .w = w,
                                         .rows = c->m,
                                         .act = c->act,
                                         .scale = sw,
                                         .residual = c->residual ? ym : (mm_mat){0}});
        float *y = fetch(d, &ym, c->m, n);
        char what[128];
        snprintf(what, sizeof what, "linear %s %lldx%lldx%lld use %d", mm_dev_name(d), (long long)c->m, (long long)c->k,
                 (long long)n, use);
        close_to(y, ref, c->m * n, 2e-6 * sqrt((double)c->k) + 1e-6, what);
        if (first)
            assert_memory_equal(first, y, (size_t)(c->m * n) * 4);
        else
            first = y;
        if (first != y)
            free(y);
    }
    free(first);
    mm_dev_weight_free(d, w);
    mm_dev_weight_free(d, sw);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, ym.buf);
    for (int i = 0; i < c->parts; i++) {
        free(wf[i]);
        free(bf[i]);
        free(wt[i]);
    }
    free(x);
    free(r);
    free(s);
    free(ref);
}

static void linear_cases(mm_dev *d)
{
    const linear_case fixed[] = {
        {.m = 1, .k = 1, .n = {1}, .parts = 1},
        {.m = 14, .k = 64, .n = {32}, .parts = 1, .biased = true},
        {.m = 197, .k = 192, .n = {64}, .parts = 1, .biased = true, .act = MM_ACT_GELU},
        {.m = 31, .k = 2500, .n = {33}, .parts = 1, .residual = true, .scaled = true},
        {.m = 230, .k = 1025, .n = {40}, .parts = 1, .biased = true, .residual = true},
        {.m = 29, .k = 48, .n = {48, 48, 48}, .parts = 3, .biased = true},
        {.m = 29, .k = 47, .n = {10, 20, 37}, .parts = 3, .biased = true},
        {.m = 29, .k = 47, .n = {10, 20, 37}, .parts = 3, .biased = true, .transposed = true},
        {.m = 9, .k = 70, .n = {100}, .parts = 1, .transposed = true, .type = MM_F16},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        linear_case c = fixed[i];
        if (c.type == MM_U8)
            c.type = MM_F32;
        check_linear(d, &c);
    }
    for (int i = 0; i < 60; i++) {
        linear_case c = {.m = up_to(70), .k = up_to(90), .parts = (int)up_to(3)};
        for (int p = 0; p < c.parts; p++)
            c.n[p] = up_to(50);
        c.transposed = up_to(2) == 1;
        c.biased = up_to(2) == 1;
        c.scaled = up_to(2) == 1;
        c.residual = up_to(2) == 1;
        c.type = (mm_type[]){MM_F32, MM_F16, MM_BF16}[i % 3];
        c.act = (mm_act)(i % 7);
        check_linear(d, &c);
    }
}

static void test_linear(void **state)
{
    (void)state;
    each_tier(linear_cases);
}

/* ---- activations over their whole range ---- */

static void activation_range(mm_dev *d)
{
    enum { N = 4000 };
    float one = 1, *x = malloc(N * sizeof *x);
    double *ref = malloc(N * sizeof *ref);
    mm_weight *w;
    mm_linear_weight lw = {.parts = 1, .w = {tensor(MM_F32, &one, 2, (int64_t)1, (int64_t)1)}};
    assert_int_equal(mm_dev_linear_weight(&w, d, &lw, NULL), MM_OK);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) / 100.0f;
    x[0] = -1e30f;
    x[1] = 1e30f;
    x[2] = -100;
    x[3] = 100;
    for (int a = MM_ACT_NONE; a <= MM_ACT_TANH; a++) {
        mm_mat xm = mat(d, x, N, 1, 0), ym = mat(d, NULL, N, 1, 0);
        mm_dev_linear(d, &(mm_linear_op){.x = xm, .y = ym, .w = w, .rows = N, .act = (mm_act)a});
        float *y = fetch(d, &ym, N, 1);
        for (int i = 0; i < N; i++)
            ref[i] = act((mm_act)a, x[i]);
        char what[64];
        snprintf(what, sizeof what, "activation %d", a);
        close_to(y, ref, N, 3e-7, what);
        free(y);
        mm_dev_free(d, xm.buf);
        mm_dev_free(d, ym.buf);
    }
    mm_dev_weight_free(d, w);
    free(x);
    free(ref);
}

static void test_activations(void **state)
{
    (void)state;
    each_tier(activation_range);
}

/* ---- convolution ---- */

typedef struct {
    int rank, n, groups;
    int64_t in, out; /* channels */
    int64_t dim[3][3], kernel[3], stride[3], pad[3], trim;
    bool residual;
    mm_act act;
    int64_t gap;
} conv_case;

/* One output element: item at x[dims, ld], weights of output o. */
static double conv_at(const conv_case *c, const int64_t *dim, const float *x, const float *w, int64_t o,
                      const int64_t *at)
{
    const int64_t ci = c->in / c->groups, g = o / (c->out / c->groups),
                  taps = c->kernel[0] * c->kernel[1] * c->kernel[2];
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t k[3] = {t / (c->kernel[1] * c->kernel[2]), t / c->kernel[2] % c->kernel[1], t % c->kernel[2]}, p[3];
        bool inside = true;
        for (int i = 0; i < 3; i++) {
            p[i] = at[i] * c->stride[i] - c->pad[i] + k[i];
            inside = inside && p[i] >= 0 && p[i] < dim[i];
        }
        if (inside)
            for (int64_t i = 0; i < ci; i++)
                sum += (double)x[((p[0] * dim[1] + p[1]) * dim[2] + p[2]) * c->in + g * ci + i] *
                       w[(o * ci + i) * taps + t];
    }
    return sum;
}

/* Everything is written with three dimensions here; the missing ones come first and are 1. */
static void check_conv(mm_dev *d, conv_case c)
{
    const int skip = 3 - c.rank;
    int64_t cu_x[4] = {0}, cu_y[4] = {0}, dims[9], odim[3][3], taps = 1;
    for (int i = 0; i < 3; i++)
        taps *= c.kernel[i];
    for (int i = 0; i < c.n; i++) {
        int64_t rows = 1, outs = 1;
        for (int r = 0; r < 3; r++) {
            rows *= c.dim[i][r];
            odim[i][r] =
                mm_conv_out(c.dim[i][r], c.kernel[r], c.stride[r], c.pad[r]) - (c.rank == 1 && r == 2 ? c.trim : 0);
            odim[i][r] = odim[i][r] < 0 ? 0 : odim[i][r];
            outs *= odim[i][r];
            if (r >= skip)
                dims[i * c.rank + r - skip] = c.dim[i][r];
        }
        cu_x[i + 1] = cu_x[i] + rows;
        cu_y[i + 1] = cu_y[i] + outs;
    }
    const int64_t ci = c.in / c.groups, total = cu_y[c.n];
    float *x = random_floats(cu_x[c.n] * c.in), *wf = random_floats(c.out * ci * taps), *b = random_floats(c.out),
          *r = random_floats(total * c.out);
    double *ref = malloc((size_t)(total * c.out + 1) * sizeof *ref);
    for (int i = 0; i < c.n; i++)
        for (int64_t row = 0; row < cu_y[i + 1] - cu_y[i]; row++) {
            int64_t at[3] = {row / (odim[i][1] * odim[i][2]), row / odim[i][2] % odim[i][1], row % odim[i][2]};
            for (int64_t o = 0; o < c.out; o++) {
                double v = conv_at(&c, c.dim[i], x + cu_x[i] * c.in, wf, o, at) + b[o];
                int64_t to = (cu_y[i] + row) * c.out + o;
                ref[to] = act(c.act, v) + (c.residual ? r[to] : 0);
            }
        }
    mm_conv_weight cw = {.groups = c.groups, .bias = tensor(MM_F32, b, 1, c.out)};
    cw.w = (mm_tensor){.s = {.type = MM_F32, .rank = 2 + c.rank, .dim = {c.out, ci}}, .data = wf};
    for (int i = 0; i < c.rank; i++)
        cw.w.s.dim[2 + i] = c.kernel[skip + i];
    mm_weight *w;
    mm_err e = {0};
    if (mm_dev_conv_weight(&w, d, &cw, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_mat xm = mat(d, x, cu_x[c.n], c.in, c.gap), ym = mat(d, NULL, total, c.out, 1), rm = {0};
    if (c.residual)
        rm = mat(d, r, total, c.out, 0);
    mm_conv_op op = {.x = xm,
                     .y = ym,
                     .w = w,
                     .rank = c.rank,
                     .n = c.n,
                     .in_dim = dims,
                     .cu_x = cu_x,
                     .cu_y = cu_y,
                     .trim = c.trim,
                     .act = c.act,
                     .residual = rm};
    for (int i = 0; i < c.rank; i++) {
        op.stride[i] = c.stride[skip + i];
        op.pad[i] = c.pad[skip + i];
    }
    mm_dev_conv(d, &op);
    float *y = fetch(d, &ym, total, c.out);
    char what[128];
    snprintf(what, sizeof what, "conv %s rank %d groups %d", mm_dev_name(d), c.rank, c.groups);
    close_to(y, ref, total * c.out, 2e-6 * sqrt((double)(ci * taps)) + 1e-6, what);
    mm_dev_weight_free(d, w);
    mm_dev_free(d, xm.buf);
    mm_dev_free(d, ym.buf);
    mm_dev_free(d, rm.buf);
    free(x);
    free(wf);
    free(b);
    free(r);
    free(y);
    free(ref);
}

#define LINE(n)                                                                                                        \
    {                                                                                                                  \
        1, 1, n                                                                                                        \
    }
static void conv_cases(mm_dev *d)
{
    const conv_case cases[] = {
        /* the first layer of Wav2Vec2: one channel, k = 10, s = 5 */
        {.rank = 1,
         .n = 2,
         .groups = 1,
         .in = 1,
         .out = 35,
         .dim = {LINE(400), LINE(93)},
         .kernel = LINE(10),
         .stride = LINE(5),
         .act = MM_ACT_GELU},
        /* the later ones, and an item too short for any output */
        {.rank = 1,
         .n = 3,
         .groups = 1,
         .in = 24,
         .out = 40,
         .dim = {LINE(81), LINE(2), LINE(40)},
         .kernel = LINE(3),
         .stride = LINE(2)},
        /* Whisper: padding 1; strided source */
        {.rank = 1,
         .n = 2,
         .groups = 1,
         .in = 20,
         .out = 33,
         .dim = {LINE(30), LINE(17)},
         .kernel = LINE(3),
         .stride = LINE(2),
         .pad = {0, 0, 1},
         .gap = 3,
         .act = MM_ACT_GELU},
        {.rank = 1,
         .n = 2,
         .groups = 1,
         .in = 20,
         .out = 33,
         .dim = {LINE(30), LINE(1)},
         .kernel = LINE(3),
         .stride = LINE(1),
         .pad = {0, 0, 1},
         .residual = true},
        /* the positional convolution: even kernel, groups, trim, residual */
        {.rank = 1,
         .n = 2,
         .groups = 4,
         .in = 20,
         .out = 24,
         .dim = {LINE(50), LINE(7)},
         .kernel = LINE(16),
         .stride = LINE(1),
         .pad = {0, 0, 8},
         .trim = 1,
         .act = MM_ACT_GELU,
         .residual = true},
        /* patches */
        {.rank = 2,
         .n = 2,
         .groups = 1,
         .in = 3,
         .out = 50,
         .dim = {{1, 28, 42}, {1, 14, 14}},
         .kernel = {1, 14, 14},
         .stride = {1, 14, 14}},
        {.rank = 2,
         .n = 1,
         .groups = 1,
         .in = 3,
         .out = 9,
         .dim = {{1, 30, 45}},
         .kernel = {1, 14, 14},
         .stride = {1, 14, 14}},
        {.rank = 2,
         .n = 2,
         .groups = 2,
         .in = 6,
         .out = 10,
         .dim = {{1, 9, 7}, {1, 4, 5}},
         .kernel = {1, 3, 3},
         .stride = {1, 2, 1},
         .pad = {0, 1, 1},
         .gap = 2,
         .residual = true},
        /* tubelets */
        {.rank = 3,
         .n = 1,
         .groups = 1,
         .in = 3,
         .out = 17,
         .dim = {{4, 8, 8}},
         .kernel = {2, 4, 4},
         .stride = {2, 4, 4}},
        {.rank = 3,
         .n = 2,
         .groups = 1,
         .in = 2,
         .out = 5,
         .dim = {{3, 5, 4}, {2, 3, 6}},
         .kernel = {3, 3, 3},
         .stride = {1, 2, 1},
         .pad = {1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conv_case c = cases[i];
        for (int r = 0; r < 3 - c.rank; r++) /* unused dimensions */
            c.kernel[r] = c.stride[r] = 1;
        check_conv(d, c);
    }
}

static void test_conv(void **state)
{
    (void)state;
    each_tier(conv_cases);
}

/* ---- normalisation ---- */

static void check_norm(mm_dev *d, mm_norm_kind kind, const int64_t *cu, int n, int64_t channels, mm_act a, bool biased,
                       float offset)
{
    const int64_t rows = cu[n];
    float *x = random_floats(rows * channels), *g = random_floats(channels), *b = random_floats(channels);
    double *ref = malloc((size_t)(rows * channels + 1) * sizeof *ref);
    for (int64_t i = 0; i < rows * channels; i++)
        x[i] += offset;
    const int64_t sets = kind == MM_NORM_LAYER ? rows : n * channels;
    for (int64_t s = 0; s < sets; s++) { /* one mean and variance each */
        const int64_t item = s / channels, c = s % channels;
        const int64_t count = kind == MM_NORM_LAYER ? channels : cu[item + 1] - cu[item];
        const int64_t first = kind == MM_NORM_LAYER ? s * channels : cu[item] * channels + c;
        const int64_t step = kind == MM_NORM_LAYER ? 1 : channels;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < count; i++)
            mean += x[first + i * step] / (double)count;
        for (int64_t i = 0; i < count; i++)
            var += pow(x[first + i * step] - mean, 2) / (double)count;
        for (int64_t i = 0; i < count; i++) {
            int64_t ch = kind == MM_NORM_LAYER ? i : c, at = first + i * step;
            ref[at] = act(a, (x[at] - mean) / sqrt(var + 1e-5) * g[ch] + (biased ? b[ch] : 0));
        }
    }
    mm_weight *gw, *bw = NULL;
    mm_tensor gt = tensor(MM_F32, g, 1, channels), bt = tensor(MM_F32, b, 1, channels);
    assert_int_equal(mm_dev_vector(&gw, d, &gt, NULL), MM_OK);
    if (biased)
        assert_int_equal(mm_dev_vector(&bw, d, &bt, NULL), MM_OK);
    mm_mat m = mat(d, x, rows, channels, 1);
    mm_dev_norm(d, &(mm_norm_op){.kind = kind,
                                 .x = m,
                                 .y = m,
                                 .rows = rows,
                                 .channels = channels,
                                 .n = n,
                                 .cu = cu,
                                 .gain = gw,
                                 .bias = bw,
                                 .eps = 1e-5f,
                                 .act = a});
    float *y = fetch(d, &m, rows, channels);
    close_to(y, ref, rows * channels, 4e-6 * (1 + fabsf(offset)), kind == MM_NORM_LAYER ? "layer norm" : "group norm");
    mm_dev_weight_free(d, gw);
    mm_dev_weight_free(d, bw);
    mm_dev_free(d, m.buf);
    free(x);
    free(g);
    free(b);
    free(y);
    free(ref);
}

static void norm_cases(mm_dev *d)
{
    for (int i = 0; i < 30; i++) {
        int64_t a = up_to(40), b = a + up_to(40) - 1, cu[] = {0, a, b};
        check_norm(d, MM_NORM_LAYER, cu, 2, up_to(200), i % 2 ? MM_ACT_GELU : MM_ACT_NONE, i % 3 != 0, i % 5 ? 0 : 20);
        check_norm(d, MM_NORM_GROUP_TIME, cu, 2, up_to(70), i % 2 ? MM_ACT_NONE : MM_ACT_GELU, i % 3 != 0,
                   i % 5 ? 0 : 20);
    }
    int64_t cu[] = {0, 1000, 1000, 3001};
    check_norm(d, MM_NORM_GROUP_TIME, cu, 3, 37, MM_ACT_GELU, true, 1);
}

static void test_norm(void **state)
{
    (void)state;
    each_tier(norm_cases);
}

/* ---- attention ---- */

static void check_attend(mm_dev *d, int n, const int64_t *cu_q, const int64_t *cu_k, int heads, int head, bool causal,
                         int64_t q_offset, float size)
{
    const int64_t width = (int64_t)heads * head, nq = cu_q[n], nk = cu_k[n];
    float *q = random_floats(nq * width), *k = random_floats(nk * width), *v = random_floats(nk * width);
    double *ref = calloc((size_t)(nq * width + 1), sizeof *ref), *p = malloc((size_t)(nk + 1) * sizeof *p);
    const float factor = 1 / sqrtf((float)head);
    for (int64_t i = 0; i < nq * width; i++)
        q[i] *= size;
    for (int item = 0; item < n; item++)
        for (int h = 0; h < heads; h++)
            for (int64_t i = cu_q[item]; i < cu_q[item + 1]; i++) {
                double top = -INFINITY, sum = 0;
                int64_t keys = cu_k[item + 1] - cu_k[item], seen = i - cu_q[item] + q_offset + 1;
                keys = causal && seen < keys ? seen : keys;
                for (int64_t j = 0; j < keys; j++) {
                    p[j] = 0;
                    for (int c = 0; c < head; c++)
                        p[j] += (double)q[i * width + h * head + c] * k[(cu_k[item] + j) * width + h * head + c];
                    p[j] *= factor;
                    top = p[j] > top ? p[j] : top;
                }
                for (int64_t j = 0; j < keys; j++)
                    sum += p[j] = exp(p[j] - top);
                for (int64_t j = 0; j < keys; j++)
                    for (int c = 0; c < head; c++)
                        ref[i * width + h * head + c] += p[j] / sum * v[(cu_k[item] + j) * width + h * head + c];
            }
    mm_mat qm = mat(d, q, nq, width, 7), km = mat(d, k, nk, width, 2), vm = mat(d, v, nk, width, 0);
    mm_mat om = mat(d, NULL, nq, width, 1);
    mm_dev_attend(d, &(mm_attend_op){.q = qm,
                                     .k = km,
                                     .v = vm,
                                     .out = om,
                                     .heads = heads,
                                     .head = head,
                                     .n = n,
                                     .cu_q = cu_q,
                                     .cu_k = cu_k,
                                     .scale = factor,
                                     .causal = causal,
                                     .q_offset = q_offset});
    float *y = fetch(d, &om, nq, width);
    char what[128];
    snprintf(what, sizeof what, "attend %s head %d keys %lld", mm_dev_name(d), head, (long long)nk);
    close_to(y, ref, nq * width, 2e-6 * (1 + size), what);
    mm_dev_free(d, qm.buf);
    mm_dev_free(d, km.buf);
    mm_dev_free(d, vm.buf);
    mm_dev_free(d, om.buf);
    free(q);
    free(k);
    free(v);
    free(y);
    free(ref);
    free(p);
}

static void attend_cases(mm_dev *d)
{
    const int widths[] = {32, 64, 80, 96, 128, 1, 7, 33, 72};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        int64_t cu[] = {0, 13, 13, 63, 64};
        check_attend(d, 4, cu, cu, 3, widths[i], i % 2, 0, 1);
        int64_t cu_q[] = {0, 5, 9}, cu_k[] = {0, 21, 50};
        check_attend(d, 2, cu_q, cu_k, 2, widths[i], false, 0, 5);
        check_attend(d, 2, cu_q, cu_k, 2, widths[i], true, 16, 5);
    }
    int64_t far[] = {0, 1100}, one[] = {0, 1}, none[] = {0, 0}; /* several passes; a decoder's step; no keys */
    check_attend(d, 1, far, far, 1, 16, false, 0, 30);
    check_attend(d, 1, far, far, 1, 16, true, 0, 30);
    check_attend(d, 1, one, far, 2, 16, true, 1099, 30);
    check_attend(d, 1, one, none, 2, 16, false, 0, 1);
}

static void test_attend(void **state)
{
    (void)state;
    each_tier(attend_cases);
}

/* ---- gather and pool ---- */

static void gather_cases(mm_dev *d)
{
    enum { ROWS = 300, WIDTH = 301, TABLE = 11 };
    float *t = random_floats(TABLE * WIDTH), *x = random_floats(TABLE * WIDTH);
    int32_t ids[ROWS];
    for (int i = 0; i < ROWS; i++)
        ids[i] = (int32_t)up_to(TABLE + 1) - 2; /* -1: nothing */
    for (int kind = 0; kind < 3; kind++) {
        mm_type type = (mm_type[]){MM_F32, MM_F16, MM_BF16}[kind];
        void *typed = as_type(t, TABLE * WIDTH, type);
        float *exact = malloc(sizeof(float) * TABLE * WIDTH);
        mm_to_f32(exact, typed, type, TABLE * WIDTH);
        mm_tensor tt = tensor(type, typed, 3, (int64_t)1, (int64_t)TABLE, (int64_t)WIDTH);
        mm_weight *w;
        assert_int_equal(mm_dev_table(&w, d, &tt, NULL), MM_OK);
        mm_mat y = mat(d, NULL, ROWS, WIDTH, 4), xm = mat(d, x, TABLE, WIDTH, 1);
        mm_dev_gather(d, &(mm_gather_op){.table = w, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids});
        mm_dev_gather(d, &(mm_gather_op){.x = xm, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids, .add = true});
        mm_dev_gather(d, &(mm_gather_op){.table = w, .y = y, .rows = ROWS, .width = WIDTH, .ids = ids, .add = true});
        float *got = fetch(d, &y, ROWS, WIDTH);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < WIDTH; c++) {
                int at = ids[r] * WIDTH + c;
                float want = ids[r] < 0 ? 0 : exact[at] + x[at] + exact[at];
                assert_true(got[r * WIDTH + c] == want);
            }
        free(got);
        mm_dev_free(d, y.buf);
        mm_dev_free(d, xm.buf);
        mm_dev_weight_free(d, w);
        free(typed);
        free(exact);
    }
    free(t);
    free(x);
}

static void test_gather(void **state)
{
    (void)state;
    each_tier(gather_cases);
}

static void pool_cases(mm_dev *d)
{
    enum { ROWS = 60, WIDTH = 77, N = 5 };
    const int64_t lo[N] = {0, 10, 59, 7, 5}, hi[N] = {1, 50, 60, 7, 60};
    float *x = random_floats(ROWS * WIDTH);
    double ref[N * WIDTH];
    for (int l2 = 0; l2 < 2; l2++) {
        for (int i = 0; i < N; i++) {
            double norm = 0;
            for (int c = 0; c < WIDTH; c++) {
                double s = 0;
                for (int64_t r = lo[i]; r < hi[i]; r++)
                    s += x[r * WIDTH + c];
                ref[i * WIDTH + c] = hi[i] > lo[i] ? s / (double)(hi[i] - lo[i]) : 0;
                norm += pow(ref[i * WIDTH + c], 2);
            }
            for (int c = 0; l2 && norm > 0 && c < WIDTH; c++)
                ref[i * WIDTH + c] /= sqrt(norm);
        }
        mm_mat xm = mat(d, x, ROWS, WIDTH, 2), ym = mat(d, NULL, N, WIDTH, 0);
        mm_dev_pool_rows(d, &(mm_pool_op){.x = xm, .y = ym, .width = WIDTH, .n = N, .lo = lo, .hi = hi, .l2 = l2});
        float *y = fetch(d, &ym, N, WIDTH);
        close_to(y, ref, N * WIDTH, 1e-6, "pool");
        free(y);
        mm_dev_free(d, xm.buf);
        mm_dev_free(d, ym.buf);
    }
    free(x);
}

static void test_threads(void **state)
{
    (void)state;
    each_tier(pool_cases);
}

/* ---- bit-identical whatever the batch and the threads ---- */

enum { ITEMS = 5, WIDE = 96, HIDDEN = 200, HEADS = 3 };
static const int64_t lengths[ITEMS] = {37, 1, 130, 320, 14}; /* together more than a block of rows */

typedef struct {
    float *w1, *w2, *conv, *gain;
} net;

/* A small network over items lo .. hi-1 of x in one batch: norm, linear, attention, linear, conv, group norm. */
static float *run_net(const net *f, const cpu_mask *m, mm_precision p, int threads, const float *x, int lo, int hi,
                      int repeats)
{
    mm_dev *d = open_dev(m, p, threads);
    int64_t cu[ITEMS + 1] = {0}, dims[ITEMS], first = 0;
    for (int i = 0; i < lo; i++)
        first += lengths[i];
    for (int i = lo; i < hi; i++) {
        dims[i - lo] = lengths[i];
        cu[i - lo + 1] = cu[i - lo] + lengths[i];
    }
    const int n = hi - lo;
    const int64_t rows = cu[n], kernel = 5, wide = WIDE, hidden = HIDDEN, three = 3 * WIDE;
    mm_weight *w1, *w2, *cw, *gw;
    mm_linear_weight l1 = {.parts = 1, .w = {tensor(MM_F32, f->w1, 2, three, wide)}};
    mm_linear_weight l2 = {.parts = 1, .w = {tensor(MM_F32, f->w2, 2, hidden, wide)}};
    mm_conv_weight c = {.w = tensor(MM_F32, f->conv, 3, wide, hidden / 4, kernel), .groups = 4};
    mm_tensor g = tensor(MM_F32, f->gain, 1, wide);
    assert_int_equal(mm_dev_linear_weight(&w1, d, &l1, NULL), MM_OK);
    assert_int_equal(mm_dev_linear_weight(&w2, d, &l2, NULL), MM_OK);
    assert_int_equal(mm_dev_conv_weight(&cw, d, &c, NULL), MM_OK);
    assert_int_equal(mm_dev_vector(&gw, d, &g, NULL), MM_OK);
    mm_mat a = mat(d, x + first * WIDE, rows, wide, 0), qkv = mat(d, NULL, rows, three, 0),
           b = mat(d, NULL, rows, wide, 0), h = mat(d, NULL, rows, hidden, 0), y = mat(d, NULL, rows, wide, 0), k = qkv,
           v = qkv;
    k.off += WIDE;
    v.off += 2 * WIDE;
    for (int i = 0; i < repeats; i++) { /* the second time weights are packed for good */
        mm_dev_norm(d, &(mm_norm_op){.x = a, .y = b, .rows = rows, .channels = wide, .gain = gw, .eps = 1e-6f});
        mm_dev_linear(d, &(mm_linear_op){.x = b, .y = qkv, .w = w1, .rows = rows});
        mm_dev_attend(d, &(mm_attend_op){.q = qkv,
                                         .k = k,
                                         .v = v,
                                         .out = b,
                                         .heads = HEADS,
                                         .head = WIDE / HEADS,
                                         .n = n,
                                         .cu_q = cu,
                                         .cu_k = cu,
                                         .scale = 0.2f});
        mm_dev_linear(d, &(mm_linear_op){.x = b, .y = h, .w = w2, .rows = rows, .act = MM_ACT_GELU});
        mm_dev_conv(d, &(mm_conv_op){.x = h,
                                     .y = y,
                                     .w = cw,
                                     .rank = 1,
                                     .n = n,
                                     .in_dim = dims,
                                     .cu_x = cu,
                                     .cu_y = cu,
                                     .stride = {1},
                                     .pad = {2},
                                     .residual = a});
        mm_dev_norm(d, &(mm_norm_op){.kind = MM_NORM_GROUP_TIME,
                                     .x = y,
                                     .y = y,
                                     .rows = rows,
                                     .channels = wide,
                                     .n = n,
                                     .cu = cu,
                                     .gain = gw,
                                     .eps = 1e-6f});
    }
    float *out = fetch(d, &y, rows, wide);
    mm_weight *ws[] = {w1, w2, cw, gw};
    mm_mat ms[] = {a, qkv, b, h, y};
    for (int i = 0; i < 4; i++)
        mm_dev_weight_free(d, ws[i]);
    for (int i = 0; i < 5; i++)
        mm_dev_free(d, ms[i].buf);
    close_dev(d);
    return out;
}

/* Every mask and precision: one thread and all items, against more threads, an item alone, and pairs. */
static void check_identical(const net *f, const cpu_mask *m, mm_precision p, const float *x, int64_t rows)
{
    float *whole = run_net(f, m, p, 1, x, 0, ITEMS, 1);
    for (int threads = 1; threads <= (other_device() ? 1 : 4); threads++) {
        float *again = run_net(f, m, p, threads, x, 0, ITEMS, 1 + threads % 2);
        assert_memory_equal(whole, again, (size_t)rows * WIDE * sizeof(float));
        free(again);
        int64_t at = 0;
        for (int i = 0; i < ITEMS; i++) { /* alone, and with the next one */
            int64_t both = lengths[i] + (i + 1 < ITEMS ? lengths[i + 1] : 0);
            float *alone = run_net(f, m, p, threads, x, i, i + 1, 1);
            assert_memory_equal(whole + at * WIDE, alone, (size_t)lengths[i] * WIDE * sizeof(float));
            float *pair = run_net(f, m, p, threads, x, i, i + 2 <= ITEMS ? i + 2 : ITEMS, 2);
            assert_memory_equal(whole + at * WIDE, pair, (size_t)both * WIDE * sizeof(float));
            free(alone);
            free(pair);
            at += lengths[i];
        }
    }
    free(whole);
}

static void test_bit_identical(void **state)
{
    (void)state;
    seed = 7;
    net f = {random_floats(3 * WIDE * WIDE), random_floats(HIDDEN * WIDE), random_floats(WIDE * (HIDDEN / 4) * 5),
             random_floats(WIDE)};
    int64_t rows = 0;
    for (int i = 0; i < ITEMS; i++)
        rows += lengths[i];
    float *x = random_floats(rows * WIDE);
    static const mm_precision precisions[] = {MM_PREC_FP32, MM_PREC_BF16, MM_PREC_INT8};
    for (int t = 0; t < MASKS; t++)
        for (int p = 0; p < (other_device() ? 1 : 3); p++)
            if (have_mask(&masks[t]) && (p > 0 || !masks[t].reduced))
                check_identical(&f, &masks[t], precisions[p], x, rows);
    free(f.w1);
    free(f.w2);
    free(f.conv);
    free(f.gain);
    free(x);
}

/* ---- what must be refused ---- */

static void refused(mm_dev *d, const char *expected)
{
    mm_err e = {0};
    assert_int_equal(mm_dev_flush(d, &e), MM_FATAL);
    if (!strstr(e.text, expected))
        fail_msg("expected \"%s\" in \"%s\"", expected, e.text);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK); /* reported once */
}

static void test_refusals(void **state)
{
    (void)state;
    mm_dev *d = open_dev(&masks[0], MM_PREC_FP32, 1);
    mm_err e = {0};
    float x[64] = {0};
    mm_weight *w, *v;
    mm_linear_weight lw = {.parts = 1, .w = {tensor(MM_F32, x, 2, (int64_t)4, (int64_t)8)}};
    mm_tensor vt = tensor(MM_F32, x, 1, (int64_t)5);
    assert_int_equal(mm_dev_linear_weight(&w, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_vector(&v, d, &vt, &e), MM_OK);
    mm_mat in = mat(d, x, 3, 8, 0), out = mat(d, NULL, 3, 4, 0);
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = w, .rows = 4});
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = v, .rows = 3}); /* the first error is what counts */
    refused(d, "x leaves its buffer");
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = v, .rows = 3});
    refused(d, "not a linear weight");
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = w, .rows = 3, .scale = v});
    refused(d, "scale");
    mm_dev_read(d, in.buf, 20, x, 10);
    refused(d, "read");
    mm_dev_norm(d, &(mm_norm_op){.x = in, .y = in, .rows = 3, .channels = 8, .gain = v});
    refused(d, "gain");
    int64_t falling[] = {0, 3, 1};
    mm_dev_attend(
        d, &(mm_attend_op){
               .q = in, .k = in, .v = in, .out = in, .heads = 1, .head = 8, .n = 2, .cu_q = falling, .cu_k = falling});
    refused(d, "fall");
    int32_t ids[] = {0, 3};
    mm_dev_gather(d, &(mm_gather_op){.x = in, .y = out, .rows = 2, .width = 8, .ids = ids});
    refused(d, "gather");
    int64_t lo[] = {0}, hi[] = {9};
    mm_dev_pool_rows(d, &(mm_pool_op){.x = in, .y = out, .width = 8, .n = 1, .lo = lo, .hi = hi});
    refused(d, "pool");
    lw.w[0].s.type = MM_I32;
    mm_weight *bad;
    assert_int_equal(mm_dev_linear_weight(&bad, d, &lw, &e), MM_FATAL);
    assert_null(bad);
    assert_int_equal(mm_dev_alloc(&(mm_dbuf *){NULL}, d, -1, &e), MM_FATAL);
    mm_dev_weight_free(d, w);
    mm_dev_weight_free(d, v);
    mm_dev_weight_free(d, NULL);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
    mm_dev_close(NULL);
}

static void test_open(void **state)
{
    (void)state;
    mm_dev *d;
    mm_err e = {0};
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "abacus"}, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "abacus"));
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.precision = MM_PREC_AUTO}, &e), MM_OK);
    assert_int_not_equal(mm_dev_precision(d), MM_PREC_AUTO);
    assert_int_equal(mm_threads_count(mm_dev_threads(d)), mm_cpu_count());
    mm_dev_close(d);
    setenv("MM_CPU", "z80", 1);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "cpu"}, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "z80"));
    unsetenv("MM_CPU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),     cmocka_unit_test(test_linear),  cmocka_unit_test(test_activations),
        cmocka_unit_test(test_conv),     cmocka_unit_test(test_norm),    cmocka_unit_test(test_attend),
        cmocka_unit_test(test_gather),   cmocka_unit_test(test_threads), cmocka_unit_test(test_bit_identical),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
