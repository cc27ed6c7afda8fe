/* Every architecture beside what transformers computed with the same tiny weights (tests/goldens/make_encode.py), in
 * every instruction set that this processor has, in fp32 and in reduced precision. */
#include "encode_util.h"

static void check_states(fixture *b, const mm_output *out, int i)
{
    for (int k = 0; k <= LAYERS; k++) {
        const mm_tensor *want = wanted(b, "hidden.%d.%d", i, k);
        assert_non_null(want);
        assert_int_equal(out->t.s.dim[0], want->s.dim[0]);
        assert_int_equal(want->s.dim[1], WIDTH);
        for (int64_t r = 0; r < want->s.dim[0]; r++)
            assert_close((const float *)out->t.data + r * 3 * WIDTH + k * WIDTH, (const float *)want->data + r * WIDTH,
                         WIDTH, "%s: input %d, hidden state %d, row %lld", b->s->name, i, k, (long long)r);
    }
}

static void check_grid(const fixture *b, const mm_output *out, int i)
{
    const mm_shape *s = &b->in[i].in.s;
    assert_int_equal(out->has_grid, b->s->prefix >= 0);
    if (b->s->patch > 0) {
        assert_int_equal(out->grid.prefix, b->s->prefix);
        assert_int_equal(out->grid.rows, s->dim[0] / b->s->patch);
        assert_int_equal(out->grid.cols, s->dim[1] / b->s->patch);
        assert_int_equal(out->rows, out->grid.prefix + out->grid.rows * out->grid.cols);
    } else if (b->s->of == MM_OF_AUDIO) {
        assert_int_equal(out->grid.frames, out->rows);
        assert_true(out->grid.step > 0);
    }
}

static void states_match(mm_dev *d, const specimen *s)
{
    fixture b = setup(s, d, every_state);
    mm_output out[MOST_INPUTS];
    run(&b, b.in, b.inputs, out);
    assert_int_equal(out[0].t.s.dim[1], 3 * WIDTH);
    for (int i = 0; i < b.inputs; i++) {
        check_states(&b, &out[i], i);
        check_grid(&b, &out[i], i);
    }
    teardown(&b);
}

static void means_match(mm_dev *d, const specimen *s)
{
    fixture b = setup(s, d, (mm_encode_opts){.pools = 1, .pool = {MM_POOL_MEAN}});
    mm_output out[MOST_INPUTS];
    float mean[WIDTH];
    run(&b, b.in, b.inputs, out);
    for (int i = 0; i < b.inputs; i++) {
        mean_of(&b, i, s->prefix > 0 ? s->prefix : 0, -1, mean);
        assert_int_equal(out[i].t.s.rank, 1);
        assert_close(out[i].t.data, mean, WIDTH, "%s: input %d, mean", s->name, i);
    }
    teardown(&b);
}

/* CLIP's joint space, and logits, where the golden has them. */
static void named_match(mm_dev *d, const specimen *s, const char *name, mm_encode_opts o)
{
    mm_output out[MOST_INPUTS];
    fixture b = setup(s, d, o);
    run(&b, b.in, b.inputs, out);
    for (int i = 0; i < b.inputs; i++) {
        const mm_tensor *want = wanted(&b, "%s.%d", name, i);
        assert_int_equal(out[i].t.s.dim[0], want->s.dim[0]);
        assert_close(out[i].t.data, want->data, want->s.dim[0], "%s: input %d, %s", s->name, i, name);
    }
    teardown(&b);
}

static void reference(void **state)
{
    (void)state;
    int joint = 0, heads = 0;
    for (int tier = 0; tier < TIERS; tier++) {
        if (!have_tier(tier))
            continue;
        mm_dev *d = open_dev(tier_names[tier], 1 + tier % 3);
        for (int i = 0; i < SPECIMENS; i++) {
            const specimen *s = &specimens[i];
            states_match(d, s);
            means_match(d, s);
            if (golden_has(s, "pooled.0") && ++joint)
                named_match(d, s, "pooled", own);
            if (golden_has(s, "logits.0") && ++heads)
                named_match(d, s, "logits", (mm_encode_opts){.classify = true});
        }
        close_dev(d);
    }
    assert_true(joint >= 3 && heads >= 3);
}

/* Reduced precision, beside the same fp32 reference: the mean cosine over all positions of the last hidden state. With
 * 16 channels a rounding error weighs more than in models of real width, whose bars are tests/parity's. */
static void check_reduced(mm_dev *d, double least)
{
    for (int i = 0; i < SPECIMENS; i++) {
        fixture b = setup(&specimens[i], d, every_state);
        mm_output out[MOST_INPUTS];
        double sum = 0;
        int64_t rows = 0;
        run(&b, b.in, b.inputs, out);
        for (int k = 0; k < b.inputs; k++) {
            const mm_tensor *want = wanted(&b, "hidden.%d.%d", k, LAYERS);
            for (int64_t r = 0; r < want->s.dim[0]; r++, rows++)
                sum += cosine_of((const float *)out[k].t.data + r * 3 * WIDTH + LAYERS * WIDTH,
                                 (const float *)want->data + r * WIDTH, WIDTH);
        }
        if (!(sum / (double)rows >= least))
            fail_msg("%s, %s, %s: mean cosine %.6f", b.s->name, mm_dev_name(d), mm_precision_name(mm_dev_precision(d)),
                     sum / (double)rows);
        teardown(&b);
    }
}

static void reduced_precision(void **state)
{
    (void)state;
    static const struct {
        const char *cpu;
        uint32_t need;
    } masks[] = {
        {"portable", 0}, {"neon", MM_CPU_NEON}, {"avx2", MM_CPU_AVX2}, {"avx512,-amx", MM_CPU_AVX512}, {"", 0}};
    static const struct {
        mm_precision p;
        double least;
    } bars[] = {{MM_PREC_BF16, 0.9999}, {MM_PREC_INT16, 0.9999}, {MM_PREC_INT8, 0.998}};
    for (int c = 0; c < 15; c++) {
        const int m = c / 3, p = c % 3;
        if ((mm_cpu_features() & masks[m].need) != masks[m].need)
            continue;
        mm_dev *d;
        mm_err e = {0};
        setenv("MM_CPU", masks[m].cpu, 1);
        assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .precision = bars[p].p}, &e), MM_OK);
        unsetenv("MM_CPU");
        assert_int_equal(mm_dev_precision(d), bars[p].p);
        check_reduced(d, bars[p].least);
        mm_dev_close(d);
    }
}

/* The same on the device that is tested in place of the CPU: fp16, and int8 where it has it. */
static void reduced_elsewhere(void **state)
{
    (void)state;
    if (!other_device())
        skip();
    mm_dev *d = open_other(MM_PREC_FP16, 1);
    check_reduced(d, 0.9999);
    close_dev(d);
    mm_err e;
    const mm_dev_opts int8 = {.name = other_device(), .threads = 1, .precision = MM_PREC_INT8};
    if (mm_dev_open(&d, &int8, &e) != MM_OK) {
        print_message("%s\n", e.text);
        return;
    }
    check_reduced(d, 0.998);
    close_dev(d);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),
        cmocka_unit_test(reduced_precision),
        cmocka_unit_test(reduced_elsewhere),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
