/* An item's result is the same to the bit whatever it is batched with, however many threads there are, and while other
 * passes are on their way. */
#include "encode_util.h"

/* Batches of 1 to BATCH of the inputs in an order without pattern, beside each input alone with one thread. */
static void batches_of(const char *tier, const specimen *s, mm_encode_opts o)
{
    mm_dev *one = open_dev(tier, 1);
    fixture alone = setup(s, one, o);
    mm_output want[MOST_INPUTS], got[BATCH];
    for (int i = 0; i < alone.inputs; i++)
        run(&alone, &alone.in[i], 1, &want[i]);
    for (int threads = 1; threads <= (other_device() ? 1 : 4); threads++) {
        mm_dev *d = open_dev(tier, threads);
        fixture b = setup(s, d, o);
        unsigned order = 12345;
        for (int n = 1; n <= BATCH; n++) {
            if (other_device() && n != 3 && n != BATCH)
                continue; /* a device without threads of its own to tell apart, and often a slow one */
            mm_input in[BATCH];
            int which[BATCH];
            for (int i = 0; i < n; i++) {
                order = order * 1103515245u + 12345u;
                which[i] = (int)((order >> 16) % (unsigned)b.inputs);
                in[i] = b.in[which[i]];
            }
            run(&b, in, n, got);
            for (int i = 0; i < n; i++)
                assert_same(&got[i], &want[which[i]], s->name, n, threads);
        }
        teardown(&b);
        close_dev(d);
    }
    teardown(&alone);
    close_dev(one);
}

static void batches(void **state)
{
    (void)state;
    for (int tier = 0; tier < TIERS; tier++)
        for (int i = 0; i < SPECIMENS && have_tier(tier); i++) {
            if (!other_device())
                batches_of(tier_names[tier], &specimens[i], every_state);
            batches_of(tier_names[tier], &specimens[i], own);
            if (golden_has(&specimens[i], "logits.0"))
                batches_of(tier_names[tier], &specimens[i], (mm_encode_opts){.classify = true});
        }
}

/* More passes on their way than a device has places for, each with inputs of its own. */
static void passes_overlap(void **state)
{
    (void)state;
    enum { PASSES = 9 };
    for (int i = 0; i < SPECIMENS; i++) {
        if (other_device() && i % 4 != 0)
            continue; /* drivers that compute on the CPU are slow, and what overlaps is the same for all */
        mm_dev *d = other_device() ? open_dev("", 1) : open_best(2);
        fixture b = setup(&specimens[i], d, every_state);
        mm_output want[MOST_INPUTS], out[PASSES][2];
        mm_err failed[PASSES][2], e = {0};
        mm_pass *pass[PASSES];
        run(&b, b.in, b.inputs, want);
        for (int k = 0; k < PASSES; k++) {
            const mm_input in[2] = {b.in[k % b.inputs], b.in[(k + 1) % b.inputs]};
            assert_int_equal(mm_encoder_start(&pass[k], b.enc, in, 1 + k % 2, out[k], failed[k], &b.arena, &e), MM_OK);
        }
        for (int k = 0; k < PASSES; k++) {
            assert_int_equal(mm_encoder_finish(pass[k], &e), MM_OK);
            for (int j = 0; j < 1 + k % 2; j++) {
                assert_int_equal(failed[k][j].status, MM_OK);
                assert_same(&out[k][j], &want[(k + j) % b.inputs], specimens[i].name, k, j);
            }
        }
        teardown(&b);
        close_dev(d);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches),
        cmocka_unit_test(passes_overlap),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
