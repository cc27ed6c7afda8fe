#include "fuse/combine.h"

#include <math.h>

static mm_str keep_text(mm_arena *keep, mm_str s)
{
    return (mm_str){s.p ? mm_arena_strdup(keep, s) : NULL, s.n};
}

static mm_modality_rows *place_for(mm_fusion_layout *l, mm_str of, mm_arena *keep)
{
    int at = l->n++;
    for (; at > 0 && mm_modality_compare(of, l->of[at - 1].of) < 0; at--)
        l->of[at] = l->of[at - 1];
    l->of[at] = (mm_modality_rows){.of = keep_text(keep, of)};
    return &l->of[at];
}

mm_status mm_fusion_layout_add(mm_fusion_layout *l, const mm_features *j, bool fixed, mm_arena *keep, mm_err *e)
{
    for (int m = 0; m < j->n; m++) {
        const mm_modality_rows *from = &j->of[m];
        mm_modality_rows *to = NULL;
        for (int i = 0; i < l->n; i++)
            if (mm_str_eq(l->of[i].of, from->of))
                to = &l->of[i];
        if (!to && (fixed || l->n == MM_MAX_MODALITIES))
            continue;
        if (!to)
            to = place_for(l, from->of, keep);
        if (!to->width) {
            to->width = from->width;
            to->space = keep_text(keep, from->space);
        }
        if (to->width != from->width || !mm_str_eq(to->space, from->space))
            return mm_fail(e, MM_SKIP, "%.*s: %.*s vectors of the space %.*s, those before were of %.*s",
                           MM_STRF(j->key), MM_STRF(from->of), MM_STRF(from->space), MM_STRF(to->space));
    }
    return MM_OK;
}

static void add_mean(float *sum, const mm_modality_rows *p)
{
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->width; c++)
            sum[c] += p->x[r * p->width + c] / (float)p->rows;
}

/* Sets of to "image+text" and space to "concat(space,space)". */
static mm_status put_names(mm_record *out, const mm_fusion_layout *l, const char *rule, mm_arena *a, mm_err *e)
{
    const char *of = "", *space = "";
    for (int m = 0; of && space && m < l->n; m++) {
        of = mm_arena_printf(a, "%s%s%.*s", of, m ? "+" : "", MM_STRF(l->of[m].of));
        space = mm_arena_printf(a, "%s%s%.*s", space, m ? "," : "", MM_STRF(l->of[m].space));
    }
    space = space ? mm_arena_printf(a, "%s(%s)", rule, space) : NULL;
    if (!of || !space)
        return mm_fail_memory(e);
    out->of = mm_str_of(of);
    out->space = mm_str_of(space);
    return MM_OK;
}

/* meta.missing: the names of the layout's modalities that the sample lacks */
static mm_status name_missing(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_arena *a, mm_err *e)
{
    const char *missing = "";
    for (int m = 0; missing && m < l->n; m++) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (!p || !p->rows)
            missing = mm_arena_printf(a, "%s%s%.*s", missing, *missing ? "," : "", MM_STRF(l->of[m].of));
    }
    if (!missing)
        return mm_fail_memory(e);
    return *missing ? mm_meta_put_str(out, a, "missing", mm_str_of(missing), e) : MM_OK;
}

static mm_status concatenate(float **x, int64_t *width, const mm_features *j, const mm_fusion_layout *l, mm_arena *a,
                             mm_err *e)
{
    *width = 0;
    for (int m = 0; m < l->n; m++) {
        if (!l->of[m].width)
            return mm_fail(e, MM_SKIP, "%.*s: no sample so far had %.*s, so its width is not known", MM_STRF(j->key),
                           MM_STRF(l->of[m].of));
        *width += l->of[m].width;
    }
    float *to = *x = mm_arena_zalloc(a, (size_t)*width, sizeof *to);
    if (!to)
        return mm_fail_memory(e);
    for (int m = 0; m < l->n; to += l->of[m++].width) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (p)
            add_mean(to, p);
    }
    return MM_OK;
}

static mm_status reduce(float **x, int64_t *width, const mm_features *j, const mm_fusion_layout *l, bool max,
                        mm_arena *a, mm_err *e)
{
    int seen = 0;
    *x = NULL;
    for (int m = 0; m < l->n; m++) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (!p || !p->rows)
            continue;
        if (seen && p->width != *width)
            return mm_fail(e, MM_SKIP, "%.*s: vectors of width %lld and %lld: only concat takes different widths",
                           MM_STRF(j->key), (long long)*width, (long long)p->width);
        *width = p->width;
        float *one = mm_arena_zalloc(a, (size_t)p->width, sizeof *one);
        if (!one)
            return mm_fail_memory(e);
        add_mean(one, p);
        for (int64_t c = 0; seen && c < p->width; c++)
            one[c] = max ? fmaxf((*x)[c], one[c]) : (*x)[c] + one[c];
        *x = one;
        seen++;
    }
    if (!seen)
        return mm_fail(e, MM_SKIP, "%.*s: no features to fuse", MM_STRF(j->key));
    for (int64_t c = 0; !max && c < *width; c++)
        (*x)[c] /= (float)seen;
    return MM_OK;
}

mm_status mm_combine_features(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_combine_rule rule,
                              mm_arena *a, mm_err *e)
{
    static const char *const rules[] = {"concat", "mean", "max"};
    float *x = NULL;
    int64_t width = 0;
    mm_status s = rule == MM_COMBINE_CONCAT ? concatenate(&x, &width, j, l, a, e)
                                            : reduce(&x, &width, j, l, rule == MM_COMBINE_MAX, a, e);
    if (s == MM_OK)
        s = mm_features_vector(out, j, x, width, a, e);
    if (s == MM_OK)
        s = put_names(out, l, rules[rule], a, e);
    return s == MM_OK ? name_missing(out, j, l, a, e) : s;
}
