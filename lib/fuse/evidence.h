/* evidence.h: Dempster–Shafer combination of label distributions.
 *
 * A source says p over the classes and is trusted with r in 0..1 (Shafer's discounting): mass r·p(A) on each class A, 1
 * − r on the whole frame Θ ("don't know"). For masses on single classes and Θ, Dempster's rule is a product: with q(A)
 * = m(A) + m(Θ), the unnormalised combination is m(A) = Π q_i(A) − Π m_i(Θ), m(Θ) = Π m_i(Θ), and what is missing to 1
 * is the conflict K. Shafer, "A Mathematical Theory of Evidence", 1976; Zadeh, 1979 (his counter-example); Yager, "On
 * the Dempster–Shafer framework and new combination rules", Information Sciences 41, 1987. */
#ifndef MM_FUSE_EVIDENCE_H
#define MM_FUSE_EVIDENCE_H

#include <stdbool.h>

typedef enum {
    MM_RULE_DEMPSTER, /* masses divided by 1 − K; under total conflict (K = 1) everything goes to Θ */
    MM_RULE_YAGER,    /* the conflict is ignorance: K goes to Θ */
} mm_evidence_rule;

typedef struct {
    double unknown;  /* m(Θ) */
    double conflict; /* K, before the rule dealt with it */
    bool total;      /* K = 1: the sources exclude each other */
} mm_evidence;

/* Combines n distributions p[i][classes] (each summing to at most 1; the rest counts as unknown) with reliabilities
 * r[n] (NULL: all 1) into mass[classes]. */
mm_evidence mm_combine_evidence(double *mass, const double *const *p, const double *r, int n, int classes,
                                mm_evidence_rule rule);

/* Smets' pignistic probability: unknown mass shared equally; in place. */
void mm_pignistic(double *mass, double unknown, int classes);

#endif
