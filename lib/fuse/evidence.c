#include "fuse/evidence.h"

static double mass_of(const double *p, double r, int class)
{
    return r * p[class];
}

static double unknown_of(const double *p, double r, int classes)
{
    double known = 0;
    for (int c = 0; c < classes; c++)
        known += mass_of(p, r, c);
    return known < 1 ? 1 - known : 0;
}

mm_evidence mm_combine_evidence(double *mass, const double *const *p, const double *r, int n, int classes,
                                mm_evidence_rule rule)
{
    double unknown = 1, sum = 0;
    for (int c = 0; c < classes; c++)
        mass[c] = 1;
    for (int i = 0; i < n; i++) {
        double trust = r ? r[i] : 1, open = unknown_of(p[i], trust, classes);
        for (int c = 0; c < classes; c++)
            mass[c] *= mass_of(p[i], trust, c) + open;
        unknown *= open;
    }
    for (int c = 0; c < classes; c++) {
        mass[c] -= unknown;
        sum += mass[c];
    }
    double kept = sum + unknown;
    mm_evidence out = {.unknown = unknown, .conflict = kept < 1 ? 1 - kept : 0, .total = kept <= 1e-15};
    if (rule == MM_RULE_YAGER) {
        out.unknown += out.conflict;
        return out;
    }
    for (int c = 0; c < classes; c++)
        mass[c] = out.total ? 0 : mass[c] / kept;
    out.unknown = out.total ? 1 : unknown / kept;
    return out;
}

void mm_pignistic(double *mass, double unknown, int classes)
{
    for (int c = 0; c < classes; c++)
        mass[c] += unknown / classes;
}
