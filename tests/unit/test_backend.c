/* How a device is opened, and what its operations refuse. */
#include "backend_util.h"
#include "base/cpu.h"

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
        d,
        &(mm_attend_op){
            .q = in, .k = in, .v = in, .out = in, .heads = 1, .head = 8, .n = 2, .cu_q = falling, .k_start = falling});
    refused(d, "fall");
    int64_t two[] = {0, 2}, three[] = {3}, many[] = {4}, none[] = {0};
    mm_attend_op attend = {
        .q = in, .k = in, .v = in, .out = in, .heads = 2, .head = 4, .n = 1, .cu_q = two, .k_start = two};
    mm_dev_attend(d, &attend);
    refused(d, "scale");
    attend.scale = 1;
    attend.kv_heads = 3;
    mm_dev_attend(d, &attend);
    refused(d, "3 of keys");
    attend.kv_heads = 1;
    attend.k_start = none;
    attend.k_count = many; /* of three rows that there are */
    mm_dev_attend(d, &attend);
    refused(d, "leaves its buffer");
    attend.k_count = three;
    attend.bias = in; /* [2 heads, 3 positions, 3 keys] would be six rows */
    attend.bias_rows = 3;
    mm_dev_attend(d, &attend);
    refused(d, "bias");
    attend.bias_rows = 1; /* too few for two queries */
    mm_dev_attend(d, &attend);
    refused(d, "bias");
    attend.bias.buf = NULL;
    attend.distance = in;
    attend.reach = 4; /* nine numbers of eight */
    mm_dev_attend(d, &attend);
    refused(d, "distance");
    attend.distance.buf = NULL;
    attend.q_start = (int64_t[]){-1};
    mm_dev_attend(d, &attend);
    refused(d, "positions");
    attend.q_start = (int64_t[]){INT32_MAX - 1}; /* of the first of two queries */
    mm_dev_attend(d, &attend);
    refused(d, "positions of item 0");
    int32_t ids[] = {0, 3};
    mm_rotate_op rotate = {.x = in, .y = in, .rows = 2, .heads = 2, .head = 4, .pairs = 3, .table = in, .ids = ids};
    mm_dev_rotate(d, &rotate);
    refused(d, "3 pairs");
    rotate.pairs = 2;
    mm_dev_rotate(d, &rotate);
    refused(d, "row 3 of the table");
    mm_dev_glu(d, &(mm_glu_op){.a = in, .b = in, .y = out, .rows = 3, .width = 8});
    refused(d, "glu");
    mm_dev_scatter(d, &(mm_scatter_op){.x = in, .y = in, .rows = 2, .width = 8, .ids = ids});
    refused(d, "scatter: row 3");
    mm_dev_gather(d, &(mm_gather_op){.x = in, .y = out, .rows = 2, .width = 8, .ids = ids});
    refused(d, "gather");
    int64_t lo[] = {0}, hi[] = {9};
    mm_dev_pool_rows(d, &(mm_pool_rows_op){.x = in, .y = out, .width = 8, .n = 1, .lo = lo, .hi = hi});
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
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
