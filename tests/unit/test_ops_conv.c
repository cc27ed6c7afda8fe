/* Convolutions of one to three dimensions, in every instruction set that this processor has (or on MM_TEST_DEVICE),
 * beside plain loops in double precision. */
#include "backend_util.h"

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
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
