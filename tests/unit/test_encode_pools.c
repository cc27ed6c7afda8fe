/* What is made of hidden states: pools, layers, grids without padding, classes and scales. */
#include "encode_util.h"

static void append_mean(const fixture *b, int i, int64_t from, int64_t to, float **out)
{
    mean_of(b, i, from, to, *out);
    *out += WIDTH;
}

/* modules.json of this model asks for CLS and mean, one after the other, normalised, and at most 9 tokens. */
static void sentence_transformers_pooling(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    fixture b = setup(&specimens[8], d, own);
    mm_output out[MOST_INPUTS];
    float want[2 * WIDTH], *at;
    assert_int_equal(mm_encoder_max_tokens(b.enc), 9);
    run(&b, b.in, 2, out);
    assert_int_equal(out[0].t.s.dim[0], 2 * WIDTH);
    for (int i = 0; i < 2; i++) {
        at = want;
        append_mean(&b, i, 0, 1, &at);
        append_mean(&b, i, 0, -1, &at);
        double sum = 0;
        for (int c = 0; c < 2 * WIDTH; c++)
            sum += (double)want[c] * want[c];
        for (int c = 0; c < 2 * WIDTH; c++)
            want[c] = (float)(want[c] / sqrt(sum));
        assert_close(out[i].t.data, want, 2 * WIDTH, "input %d", i);
    }
    teardown(&b);
    mm_dev_close(d);
}

/* Several layers and pools are concatenated: layer by layer, pool by pool. */
static void layers_and_pools(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    fixture b = setup(&specimens[4], d,
                      (mm_encode_opts){.layers = 2, .layer = {1, -1}, .pools = 2, .pool = {MM_POOL_MEAN, MM_POOL_CLS}});
    mm_output out[MOST_INPUTS];
    run(&b, b.in, b.inputs, out);
    assert_int_equal(out[0].t.s.dim[0], 4 * WIDTH);
    for (int i = 0; i < b.inputs; i++) {
        float mean[WIDTH];
        const float *got = out[i].t.data;
        const mm_tensor *first = wanted(&b, "hidden.%d.1", i);
        assert_close(got + WIDTH, first->data, WIDTH, "CLS of layer 1");
        mean_of(&b, i, 4, -1, mean); /* without CLS and three registers */
        assert_close(got + 2 * WIDTH, mean, WIDTH, "mean of the output");
        assert_close(got + 3 * WIDTH, wanted(&b, "hidden.%d.2", i)->data, WIDTH, "CLS of the output");
    }
    assert_non_null(strstr(mm_encoder_space(b.enc), "/1+2/mean+cls"));
    teardown(&b);
    mm_dev_close(d);
}

/* Padding of a log-mel spectrogram stays out of rows, grid and mean. */
static void padding_is_left_out(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    for (int pooled = 0; pooled < 2; pooled++) {
        fixture b =
            setup(&specimens[13], d, (mm_encode_opts){.pools = 1, .pool = {pooled ? MM_POOL_MEAN : MM_POOL_NONE}});
        mm_output out;
        float mean[WIDTH];
        b.in[0].valid = 13; /* of 40 frames: 7 rows of 20 */
        run(&b, b.in, 1, &out);
        assert_int_equal(out.rows, 7);
        mean_of(&b, 0, 0, 7, mean);
        if (pooled)
            assert_close(out.t.data, mean, WIDTH, "mean over what holds sound");
        else
            assert_close(out.t.data, wanted(&b, "hidden.0.%d", LAYERS)->data, 7 * WIDTH, "the first seven rows");
        teardown(&b);
    }
    mm_dev_close(d);
}

static void labels_and_scales(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    fixture b = setup(&specimens[0], d, (mm_encode_opts){.classify = true});
    assert_int_equal(mm_encoder_classes(b.enc), CLASSES);
    assert_string_equal(mm_encoder_class(b.enc, 2), "a red car");
    assert_null(mm_encoder_class(b.enc, 3));
    teardown(&b);
    char image_space[256];
    b = setup(&specimens[5], d, own);
    snprintf(image_space, sizeof image_space, "%s", mm_encoder_space(b.enc));
    assert_true(mm_encoder_logit_scale(b.enc) > 0);
    teardown(&b);
    b = setup(&specimens[6], d, own);
    assert_string_equal(mm_encoder_space(b.enc), image_space); /* one joint space */
    teardown(&b);
    mm_dev_close(d);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_transformers_pooling),
        cmocka_unit_test(layers_and_pools),
        cmocka_unit_test(padding_is_left_out),
        cmocka_unit_test(labels_and_scales),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
