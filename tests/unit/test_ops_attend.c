/* Attention, in every instruction set that this processor has (or on MM_TEST_DEVICE), beside plain loops in double
 * precision, on ragged shapes. */
#include "backend_util.h"

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
    int64_t q_start[8];
    for (int i = 0; i < n; i++)
        q_start[i] = q_offset;
    mm_dev_attend(d, &(mm_attend_op){.q = qm,
                                     .k = km,
                                     .v = vm,
                                     .out = om,
                                     .heads = heads,
                                     .head = head,
                                     .n = n,
                                     .cu_q = cu_q,
                                     .k_start = cu_k,
                                     .scale = factor,
                                     .causal = causal,
                                     .q_start = q_start});
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
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attend),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
