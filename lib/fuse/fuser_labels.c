/* fuser_labels.c: the label records of a joined sample, combined as evidence. */
#include "fuse/fuser_state.h"

#include <stdlib.h>

/* Which output of a head a label record holds; p NULL: it does not say. */
static mm_str field_of(const mm_record *rec)
{
    const msgpack_object *field = mm_map_get(&rec->meta, "field");
    return field ? mm_object_as_str(field) : (mm_str){0};
}

static bool same_field(const mm_record *a, const mm_record *b)
{
    mm_str x = field_of(a), y = field_of(b);
    return !x.p == !y.p && mm_str_eq(x, y);
}

static bool takes_part(const mm_fuser *f, const mm_record *rec)
{
    return rec->kind == MM_KIND_LABEL && mm_fuser_uses(f, mm_record_modality(rec));
}

mm_status mm_check_reliability(const char *list, mm_err *e)
{
    for (mm_str name; (name = mm_name_next(&list)).p;) {
        char *end = NULL;
        const char *value = name.p + name.n + 1;
        double r = name.p[name.n] == '=' ? strtod(value, &end) : -1;
        if (!end || end == value || end != list || !(r >= 0 && r <= 1))
            return mm_fail(e, MM_SKIP, "a reliability is NAME=R, with R from 0 to 1, not '%.*s'", (int)(list - name.p),
                           name.p);
    }
    return MM_OK;
}

/* The value of a name in "NAME=R,…"; 1 where the list does not have it. */
static double reliability_of(const char *list, mm_str wanted)
{
    for (mm_str name; (name = mm_name_next(&list)).p;)
        if (mm_str_eq(name, wanted) && name.p[name.n] == '=')
            return strtod(name.p + name.n + 1, NULL);
    return 1;
}

/* Combines record `first` with the later ones of the same field. */
static mm_status combine_field(mm_fuser *f, mm_sample *sample, int first, mm_err *e)
{
    mm_err why = {0};
    mm_record out;
    mm_str field = field_of(&sample->rec[first]);
    double *reliability = mm_arena_zalloc(&sample->arena, (size_t)sample->n, sizeof *reliability);
    const mm_record **source = mm_arena_zalloc(&sample->arena, (size_t)sample->n, sizeof *source);
    int n = 0;
    if (!reliability || !source)
        return mm_fail_memory(e);
    for (int i = first; i < sample->n; i++) {
        const mm_record *rec = &sample->rec[i];
        if (!takes_part(f, rec) || !same_field(rec, &sample->rec[first]))
            continue;
        source[n] = rec;
        reliability[n++] = reliability_of(f->o.reliability, mm_record_modality(rec));
    }
    mm_status s = mm_combine_labels(&out, source, reliability, n, f->o.evidence, &sample->arena, &why);
    if (s == MM_OK && field.p)
        s = mm_meta_put_str(&out, &sample->arena, "field", field, &why);
    if (s != MM_OK)
        return mm_fuser_failed(f, s, &(mm_features){.key = sample->key, .part = -1}, "evidence", &why, e);
    f->o.put(f->o.ctx, &out, true);
    return MM_OK;
}

mm_status mm_fuser_combine_labels(mm_fuser *f, mm_sample *sample, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < sample->n; i++) {
        bool done = !takes_part(f, &sample->rec[i]);
        for (int k = 0; !done && k < i; k++)
            done = takes_part(f, &sample->rec[k]) && same_field(&sample->rec[k], &sample->rec[i]);
        if (!done)
            s = combine_field(f, sample, i, e);
    }
    mm_sample_free(sample);
    mm_arena_reset(&f->batch);
    return s;
}
