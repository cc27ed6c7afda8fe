/* The Vulkan device with large jobs and many: buffers beyond a binding's range, recordings that serve again, recordings
 * longer than the descriptor sets, and products of every size of tile. */
#include "vulkan_util.h"

/* ---- beyond a binding's range ---- */

/* A product, a gathering and a norm whose matrices are larger than the 128 MiB that a device must let a shader see; the
 * last rows are compared with the same rows computed alone. */
static void check_large(mm_dev *d)
{
    enum { K = 384, N = 16, LAST = 5 };
    const int64_t rows = ((int64_t)140 << 20) / (K * (int64_t)sizeof(float));
    mm_err e;
    float *x = malloc((size_t)(rows * K) * sizeof *x), *w = malloc(N * K * sizeof *w), whole[LAST * N], alone[LAST * N];
    for (int64_t i = 0; i < rows * K; i++)
        x[i] = (float)((int64_t)i * 7919 % 2003) / 1001.5f - 1;
    for (int i = 0; i < N * K; i++)
        w[i] = (float)((int64_t)i * 104729 % 1009) / 504.5f - 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}};
    const mm_tensor t = {{MM_F32, 2, {rows, K}}, x}, ones = {{MM_F32, 1, {K}}, w};
    mm_weight *weight, *table, *gain;
    mm_mat in = {.ld = K}, out = {.ld = N}, few = {.ld = K};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_table(&table, d, &t, &e), MM_OK);
    assert_int_equal(mm_dev_vector(&gain, d, &ones, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, rows * K, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, rows * N, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&few.buf, d, LAST * K, &e), MM_OK);
    int32_t *ids = malloc((size_t)rows * sizeof *ids);
    for (int64_t r = 0; r < rows; r++)
        ids[r] = (int32_t)r;
    const mm_mat end = {.buf = out.buf, .off = (rows - LAST) * N, .ld = N};
    /* everything by way of the table, normed in place, multiplied */
    mm_dev_gather(d, &(mm_gather_op){.table = table, .y = in, .rows = rows, .width = K, .ids = ids});
    mm_dev_norm(d, &(mm_norm_op){.x = in, .y = in, .rows = rows, .channels = K, .gain = gain, .eps = 1e-6f});
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = rows});
    mm_dev_read(d, out.buf, end.off, whole, LAST * N);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    /* the last rows by themselves */
    mm_dev_write(d, few.buf, 0, x + (rows - LAST) * K, LAST * K);
    mm_dev_norm(d, &(mm_norm_op){.x = few, .y = few, .rows = LAST, .channels = K, .gain = gain, .eps = 1e-6f});
    mm_dev_linear(d, &(mm_linear_op){.x = few, .y = end, .w = weight, .rows = LAST});
    mm_dev_read(d, out.buf, end.off, alone, LAST * N);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    assert_memory_equal(whole, alone, sizeof whole);
    mm_dev_weight_free(d, weight);
    mm_dev_weight_free(d, table);
    mm_dev_weight_free(d, gain);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_free(d, few.buf);
    free(x);
    free(w);
    free(ids);
}

static void test_large(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    check_large(d);
    mm_dev_close(d);
}

/* Quantised rows have less room than that: they are made and multiplied piece by piece. */
static void test_large_int8(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e;
    if (open_int8(&d, &e) != MM_OK) {
        print_message("%s\n", e.text);
        skip();
    }
    check_large(d);
    mm_dev_close(d);
}

/* ---- recordings that serve again ---- */

/* The identity of one buffer after the other, of two lengths in turns, with new numbers each time. */
static void test_replay(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    enum { TIMES = 40 };
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    const int64_t before = ((const mm_vk_dev *)d)->replays;
    float w[WIDE * WIDE] = {0}, x[ROWS * WIDE], y[ROWS * WIDE];
    for (int i = 0; i < WIDE; i++)
        w[i * WIDE + i] = 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {WIDE, WIDE}}, w}}};
    mm_weight *weight;
    mm_mat in = {.ld = WIDE}, out = {.ld = WIDE};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, ROWS * WIDE, &e), MM_OK);
    for (int t = 0; t < TIMES; t++) {
        const int64_t rows = t / 8 % 2 ? ROWS : 4;
        if (t % 20 == 0) { /* a new buffer, which may get the old one's name */
            mm_dev_free(d, out.buf);
            assert_int_equal(mm_dev_alloc(&out.buf, d, ROWS * WIDE, &e), MM_OK);
        }
        for (int i = 0; i < ROWS * WIDE; i++)
            x[i] = (float)(i * (t + 1) % 1000);
        mm_dev_write(d, in.buf, 0, x, rows * WIDE);
        mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = rows});
        mm_dev_read(d, out.buf, 0, y, rows * WIDE);
        assert_int_equal(mm_dev_flush(d, &e), MM_OK);
        assert_memory_equal(x, y, (size_t)(rows * WIDE) * sizeof *x);
    }
    assert_true(((const mm_vk_dev *)d)->replays - before >= TIMES / 4);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
}

/* ---- long recordings ---- */

/* More dispatches between two flushes than there are descriptor sets, each with a table of its own in the staging
 * memory; later tables are larger, so that they reach where the first one after a submission lies. Row r of y becomes
 * row r * 7 % ROWS_X of x. */
static void test_long_recording(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    enum { LONG = 9000, FIRST = 4097, LATER = 16, WIDTH = 3, ROWS_X = 500, ALL = FIRST + LATER * (LONG - FIRST) };
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    float x[ROWS_X * WIDTH], *y = malloc(ALL * WIDTH * sizeof *y);
    for (int i = 0; i < ROWS_X * WIDTH; i++)
        x[i] = (float)i;
    mm_mat in = {.ld = WIDTH}, out = {.ld = WIDTH};
    assert_int_equal(mm_dev_alloc(&in.buf, d, ROWS_X * WIDTH, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, ALL * WIDTH, &e), MM_OK);
    mm_dev_write(d, in.buf, 0, x, ROWS_X * WIDTH);
    for (int i = 0, r = 0; i < LONG; i++) {
        const int rows = i < FIRST ? 1 : LATER;
        const mm_mat to = {.buf = out.buf, .off = r * WIDTH, .ld = WIDTH};
        int32_t ids[LATER];
        for (int k = 0; k < rows; k++, r++)
            ids[k] = r * 7 % ROWS_X;
        mm_dev_gather(d, &(mm_gather_op){.x = in, .y = to, .rows = rows, .width = WIDTH, .ids = ids});
    }
    mm_dev_read(d, out.buf, 0, y, ALL * WIDTH);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    for (int r = 0; r < ALL; r++)
        assert_memory_equal(y + r * WIDTH, x + r * 7 % ROWS_X * WIDTH, WIDTH * sizeof *y);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
    free(y);
}

/* ---- the size of a tile ---- */

/* How many rows a product has decides about its shader: a row's bits must not depend on them. 1,600 rows take the large
 * tiles where a device has them, nine the small ones, and up to eight the shaders for few rows. With a bias and ragged
 * widths, for which the self-test has compiled most pipelines. `needs`: a path that has to be on. */
static void check_tile_sizes(const char *paths, const char *off, const char *needs, mm_precision precision)
{
    enum { K = 75, N = 766, MANY = 1600, FEW = 9 };
    static const int counts[] = {9, 8, 3, 2, 1};
    mm_dev *d;
    mm_err e;
    setenv("MM_VULKAN_ENABLE", paths, 1);
    setenv("MM_VULKAN_DISABLE", off, 1);
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1, .precision = precision}, &e);
    unsetenv("MM_VULKAN_ENABLE");
    unsetenv("MM_VULKAN_DISABLE");
    if (s != MM_OK || !strstr(mm_dev_name(d), needs)) { /* too small a device for them, or without that precision */
        print_message("%s\n", s != MM_OK ? e.text : mm_dev_name(d));
        mm_dev_close(d);
        return;
    }
    float *x = malloc(MANY * K * sizeof *x), *w = malloc(N * K * sizeof *w);
    float *many = malloc(FEW * N * sizeof *many), *few = malloc(FEW * N * sizeof *few);
    for (int i = 0; i < MANY * K; i++)
        x[i] = (float)((int64_t)i * 7919 % 2003) / 1001.5f - 1;
    for (int i = 0; i < N * K; i++)
        w[i] = (float)((int64_t)i * 104729 % 1009) / 504.5f - 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}, .bias = {{{MM_F32, 1, {N}}, x}}};
    mm_weight *weight;
    mm_mat in = {.ld = K}, out = {.ld = N};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, MANY * K, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, MANY * N, &e), MM_OK);
    mm_dev_write(d, in.buf, 0, x, MANY * K);
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = MANY});
    mm_dev_read(d, out.buf, 0, many, FEW * N);
    for (int i = 0; i < 5; i++) {
        mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = counts[i]});
        mm_dev_read(d, out.buf, 0, few, counts[i] * N);
        assert_int_equal(mm_dev_flush(d, &e), MM_OK);
        if (memcmp(many, few, (size_t)(counts[i] * N) * sizeof *few))
            fail_msg("%s: %d rows", mm_dev_name(d), counts[i]);
    }
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
    free(x);
    free(w);
    free(many);
    free(few);
}

static void test_tile_sizes(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    check_tile_sizes("tiles,big", "wide", "big", MM_PREC_FP32);
    check_tile_sizes("tiles,big,fp16", "wide", "big", MM_PREC_FP16);
    check_tile_sizes("tiles,big,int8", "wide", "big", MM_PREC_INT8);
    check_tile_sizes("coopmat", "", "coopmat", MM_PREC_FP16);
    check_tile_sizes("wide", "", "wide", MM_PREC_FP32);
    check_tile_sizes("", "wide,tiles,big,coopmat", "", MM_PREC_FP32); /* the baseline */
}

int main(void)
{
    hide_caches();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),          cmocka_unit_test(test_large_int8), cmocka_unit_test(test_replay),
        cmocka_unit_test(test_long_recording), cmocka_unit_test(test_tile_sizes),
    };
    return cmocka_run_group_tests(tests, look, NULL);
}
