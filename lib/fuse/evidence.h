/* evidence.h: Dempster–Shafer combination of label distributions.
 *
 * A source gives p over the classes and has the reliability r in 0..1 (Shafer's discounting): mass r·p(A) on each class
 * A, and 1 − r on the whole frame Θ ("don't know"). For masses on single classes and Θ, Dempster's rule is a product:
 * with q(A) = m(A) + m(Θ), the unnormalised combination is m(A) = Π q_i(A) − Π m_i(Θ) and m(Θ) = Π m_i(Θ); the conflict
 * K is 1 minus their sum. Shafer, "A Mathematical Theory of Evidence", 1976; Zadeh, 1979 (his counter-example); Yager,
 * "On the Dempster–Shafer framework and new combination rules", Information Sciences 41, 1987. */
#ifndef MM_FUSE_EVIDENCE_H
#define MM_FUSE_EVIDENCE_H

#include <stdbool.h>

typedef enum {
    MM_RULE_DEMPSTER, /* divides the masses by 1 − K; under total conflict (K = 1) all mass goes to Θ */
    MM_RULE_YAGER,    /* treats conflict as ignorance: K goes to Θ */
} mm_evidence_rule;

typedef struct {
    double unknown;  /* m(Θ) */
    double conflict; /* K, before the rule redistributes it */
    bool total;      /* K = 1: the sources exclude each other */
} mm_evidence;

/* Combines n distributions p[i][classes] (each sums to at most 1; the rest is unknown) with reliabilities
 * r[n] (NULL: all 1) into mass[classes]. */
mm_evidence mm_combine_evidence(double *mass, const double *const *p, const double *r, int n, int classes,
                                mm_evidence_rule rule);

/* Smets' pignistic probability: spreads the unknown mass evenly over the classes, in place. */
void mm_pignistic(double *mass, double unknown, int classes);

#endif
