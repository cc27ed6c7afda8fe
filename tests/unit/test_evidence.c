/* Dempster–Shafer combination against published worked examples and a general implementation over all subsets. */
#include "base/rng.h"
#include "fuse/evidence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        fail_msg("got %.12g, expected %.12g", got, want);
}

/* Zadeh, "On the validity of Dempster's rule of combination of evidence", 1979: two doctors, meningitis .99 /
 * concussion 0 / tumour .01 against 0 / .99 / .01: the rule makes the tumour certain under a conflict of .9999. */
static void test_zadeh(void **state)
{
    (void)state;
    const double a[3] = {0.99, 0, 0.01}, b[3] = {0, 0.99, 0.01};
    const double *p[2] = {a, b};
    double mass[3];
    mm_evidence x = mm_combine_evidence(mass, p, NULL, 2, 3, MM_RULE_DEMPSTER);
    near(x.conflict, 0.9999);
    near(mass[0], 0);
    near(mass[1], 0);
    near(mass[2], 1);
    near(x.unknown, 0);
    /* Yager 1987 gives the conflict to "don't know" instead */
    x = mm_combine_evidence(mass, p, NULL, 2, 3, MM_RULE_YAGER);
    near(mass[2], 0.0001);
    near(x.unknown, 0.9999);
}

/* Discounted by reliabilities .9 and .8 (Shafer 1976, ch. 11): m1 = (.54, .36 | .1), m2 = (.56, .24 | .2); by hand
 * K = .54·.24 + .36·.56 = .3312. */
static void test_discounted(void **state)
{
    (void)state;
    const double a[2] = {0.6, 0.4}, b[2] = {0.7, 0.3}, r[2] = {0.9, 0.8};
    const double *p[2] = {a, b};
    double mass[2];
    mm_evidence x = mm_combine_evidence(mass, p, r, 2, 2, MM_RULE_DEMPSTER);
    near(x.conflict, 0.3312);
    near(mass[0], (0.54 * 0.56 + 0.54 * 0.2 + 0.1 * 0.56) / 0.6688);
    near(mass[1], (0.36 * 0.24 + 0.36 * 0.2 + 0.1 * 0.24) / 0.6688);
    near(x.unknown, 0.02 / 0.6688);
    mm_pignistic(mass, x.unknown, 2);
    near(mass[0] + mass[1], 1);
}

static void test_total_conflict(void **state)
{
    (void)state;
    const double a[2] = {1, 0}, b[2] = {0, 1};
    const double *p[2] = {a, b};
    double mass[2];
    mm_evidence x = mm_combine_evidence(mass, p, NULL, 2, 2, MM_RULE_DEMPSTER);
    assert_true(x.total);
    near(x.conflict, 1);
    near(x.unknown, 1);
    near(mass[0], 0);
}

/* Dempster's rule as it is defined: over all pairs of subsets of a frame of four, masks 1..15. */
static void combine_subsets(double *out, const double *a, const double *b)
{
    double conflict = 0;
    for (int i = 0; i < 16; i++)
        out[i] = 0;
    for (int i = 1; i < 16; i++)
        for (int j = 1; j < 16; j++)
            *(i & j ? &out[i & j] : &conflict) += a[i] * b[j];
    for (int i = 1; i < 16; i++)
        out[i] /= 1 - conflict;
}

static void test_against_the_definition(void **state)
{
    (void)state;
    mm_rng g = {.state = 9};
    for (int round = 0; round < 50; round++) {
        double p[3][4], r[3], mass[4], joint[16] = {[15] = 1};
        for (int i = 0; i < 3; i++) {
            double sum = 0, one[16] = {0}, next[16];
            for (int c = 0; c < 4; c++)
                sum += p[i][c] = mm_rng_uniform(&g);
            r[i] = mm_rng_uniform(&g);
            for (int c = 0; c < 4; c++)
                one[1 << c] = r[i] * (p[i][c] /= sum);
            one[15] = 1 - r[i];
            combine_subsets(next, joint, one);
            for (int k = 0; k < 16; k++)
                joint[k] = next[k];
        }
        const double *sources[3] = {p[0], p[1], p[2]};
        mm_evidence x = mm_combine_evidence(mass, sources, r, 3, 4, MM_RULE_DEMPSTER);
        for (int c = 0; c < 4; c++)
            near(mass[c], joint[1 << c]);
        near(x.unknown, joint[15]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zadeh),
        cmocka_unit_test(test_discounted),
        cmocka_unit_test(test_total_conflict),
        cmocka_unit_test(test_against_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
