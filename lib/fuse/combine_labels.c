/* combine_labels.c: label records of one sample as sources of evidence. */
#include "fuse/combine.h"
#include "fuse/label_conflict.h"
#include "stream/object.h"

/* The frame of discernment: all classes that the sources name, in order of first appearance. */
typedef struct {
    mm_str *name;
    int n, cap;
} frame;

static int class_of(frame *f, mm_str name)
{
    for (int c = 0; c < f->n; c++)
        if (mm_str_eq(f->name[c], name))
            return c;
    f->name[f->n] = name;
    return f->n++;
}

static mm_status make_frame(frame *f, const mm_record *const *source, int n, mm_arena *a, mm_err *e)
{
    for (int i = 0; i < n; i++) {
        const msgpack_object *l = &source[i]->label;
        if (l->type != MSGPACK_OBJECT_MAP && !mm_object_as_str(l).p)
            return mm_fail(e, MM_SKIP, "%.*s: a label that is not a distribution", MM_STRF(source[i]->key));
        f->cap += l->type == MSGPACK_OBJECT_MAP ? (int)l->via.map.size : 1;
    }
    f->name = mm_arena_zalloc(a, (size_t)f->cap, sizeof *f->name);
    return f->name ? MM_OK : mm_fail_memory(e);
}

/* One source's distribution over the frame; a plain class name has probability 1. */
static mm_status read_source(double *p, frame *f, const mm_record *rec, mm_err *e)
{
    double sum = 0;
    if (rec->label.type != MSGPACK_OBJECT_MAP) {
        p[class_of(f, mm_object_as_str(&rec->label))] = 1;
        return MM_OK;
    }
    for (uint32_t k = 0; k < rec->label.via.map.size; k++) {
        double x;
        const msgpack_object_kv *kv = &rec->label.via.map.ptr[k];
        mm_str name = mm_object_as_str(&kv->key);
        if (!name.p || !mm_object_float(&kv->val, &x) || !(x >= 0))
            return mm_fail(e, MM_SKIP, "%.*s: a label that is not a distribution", MM_STRF(rec->key));
        p[class_of(f, name)] += x;
        sum += x;
    }
    for (int c = 0; sum > 1 && c < f->n; c++) /* rounding, or counts instead of fractions */
        p[c] /= sum;
    return MM_OK;
}

/* The ground truth that the sources carry, which must be the same for all that have it. */
static mm_status ground_truth_of(mm_sourced_label *out, const mm_record *const *source, int n, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++) {
        const msgpack_object *truth = mm_map_get(&source[i]->meta, "truth");
        const mm_sourced_label one = {source[i]->src, truth ? *truth : (msgpack_object){.type = MSGPACK_OBJECT_NIL}};
        if (one.label.type == MSGPACK_OBJECT_NIL)
            continue;
        if (out->label.type == MSGPACK_OBJECT_NIL)
            *out = one;
        s = mm_label_conflict_check(source[i]->key, out, &one, a, e);
    }
    return s;
}

mm_status mm_combine_labels(mm_record *out, const mm_record *const *source, const double *reliability, int n,
                            mm_evidence_rule rule, mm_arena *a, mm_err *e)
{
    frame f = {0};
    mm_status s = make_frame(&f, source, n, a, e);
    const double **p = s == MM_OK ? mm_arena_zalloc(a, (size_t)n, sizeof *p) : NULL;
    double *mass = p ? mm_arena_zalloc(a, (size_t)f.cap, sizeof *mass) : NULL;
    if (s == MM_OK && !mass)
        return mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < n; i++) {
        double *one = mm_arena_zalloc(a, (size_t)f.cap, sizeof *one);
        s = one ? read_source(one, &f, source[i], e) : mm_fail_memory(e);
        p[i] = one;
    }
    if (s != MM_OK)
        return s;
    mm_evidence found = mm_combine_evidence(mass, p, reliability, n, f.n, rule);
    mm_pignistic(mass, found.unknown, f.n);
    *out = mm_record_new(MM_KIND_LABEL);
    out->key = source[0]->key;
    out->src = source[0]->src;
    out->part = source[0]->part;
    out->of = MM_STR("fused");
    mm_sourced_label truth = {0};
    s = ground_truth_of(&truth, source, n, a, e);
    if (s == MM_OK)
        s = mm_object_numbers(&out->label, f.name, mass, (uint32_t)f.n, a, e);
    if (s == MM_OK && truth.label.type != MSGPACK_OBJECT_NIL)
        s = mm_meta_put(out, a, "truth", truth.label, e);
    if (s == MM_OK)
        s = mm_meta_put_float(out, a, "conflict", found.conflict, e);
    if (s == MM_OK)
        s = mm_meta_put_float(out, a, "unknown", found.unknown, e);
    return s == MM_OK && found.total ? mm_meta_put_bool(out, a, "total_conflict", true, e) : s;
}
