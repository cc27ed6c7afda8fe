#include "label/output.h"
#include "stream/object.h"

#include <stdlib.h>

int mm_scored_cut(mm_scored_label *scored, int n, int top, double threshold, mm_str unknown)
{
    int kept = 0;
    while (kept < n && kept < top && scored[kept].score >= threshold)
        kept++;
    if (kept)
        return kept;
    scored[0] = (mm_scored_label){unknown, n ? scored[0].score : 0};
    return 1;
}

bool mm_labelled_number(const mm_labelled *x)
{
    double number;
    return x->rec->kind == MM_KIND_LABEL && mm_object_float(&x->rec->label, &number);
}

/* The higher score first; of equal ones the first by name. */
static int order(const void *a, const void *b)
{
    const mm_scored_label *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    int d = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);
    return d ? d : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

mm_status mm_scored_of_label(mm_scored_label **scored, int *n, const mm_record *rec, mm_arena *a, mm_err *e)
{
    bool map = rec->label.type == MSGPACK_OBJECT_MAP;
    uint32_t size = map ? rec->label.via.map.size : 1;
    mm_scored_label *g = mm_arena_zalloc(a, (size_t)size + 1, sizeof *g);
    if (!g)
        return mm_fail_memory(e);
    g[0].score = 1;
    for (uint32_t i = 0; map && i < size; i++) {
        const msgpack_object_kv *kv = &rec->label.via.map.ptr[i];
        g[i].name = mm_object_as_str(&kv->key);
        if (!g[i].name.p || !mm_object_float(&kv->val, &g[i].score) || g[i].score != g[i].score)
            return mm_fail(e, MM_SKIP, "%.*s: its label is not a map of names and probabilities", MM_STRF(rec->key));
    }
    mm_status s = map ? MM_OK : mm_label_text(&g[0].name, rec, NULL, a, e);
    if (s != MM_OK)
        return s;
    qsort(g, size, sizeof *g, order);
    *scored = g;
    *n = (int)size;
    return MM_OK;
}
