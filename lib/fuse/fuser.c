#include "fuse/fuser.h"

#include "base/hash.h"
#include "base/names.h"
#include "base/suggest.h"

#include <stdlib.h>

enum { BATCH = 128 };

struct mm_fuser {
    mm_fuser_opts o;
    mm_join *join;
    mm_fusion_layout layout;
    mm_arena keep, batch;
    mm_sample *sample[BATCH]; /* of the joined ones below; one sample may own several */
    const mm_features *joined[BATCH];
    int n, samples, ended;
    mm_fuser_tally tally;
    mm_seen seen; /* modalities that came */
};

const char *mm_head_space(const mm_head *h, const char *path, mm_arena *a)
{
    uint64_t digest = MM_HASH_START;
    for (int i = 0; i < h->params.n; i++) {
        const mm_param *p = h->params.p[i];
        digest = mm_hash_more(digest, p->value, (size_t)(p->rows * p->cols) * sizeof *p->value);
    }
    const char *name = strrchr(path, '/');
    return mm_arena_printf(a, "%s/%016llx", name ? name + 1 : path, (unsigned long long)digest);
}

/* ---- names in lists ---- */

static bool listed(const char *list, mm_str wanted)
{
    for (mm_str name; (name = mm_name_next(&list)).p;)
        if (mm_str_eq(name, wanted))
            return true;
    return false;
}

static double reliability_of(const char *list, mm_str wanted)
{
    for (mm_str name; (name = mm_name_next(&list)).p;)
        if (mm_str_eq(name, wanted) && name.p[name.n] == '=')
            return strtod(name.p + name.n + 1, NULL);
    return 1;
}

/* ---- begin and end ---- */

/* "image, text" */
static const char *inputs_of(const mm_head *h, char *out, size_t size)
{
    size_t used = 0;
    *out = 0;
    for (int m = 0; m < h->inputs && used < size; m++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", m ? ", " : "", h->input[m].name);
    return out;
}

/* Whether a head takes all that --of names. */
static mm_status check_inputs(const mm_head *h, const char *of, mm_err *e)
{
    mm_str input[MM_MAX_MODALITIES];
    char hint[160];
    for (int m = 0; m < h->inputs; m++)
        input[m] = mm_str_of(h->input[m].name);
    for (mm_str name; (name = mm_name_next(&of)).p;) {
        int m = 0;
        while (m < h->inputs && !mm_str_eq(input[m], name))
            m++;
        if (m == h->inputs)
            return mm_fail(e, MM_SKIP, "the head takes no %.*s%s", MM_STRF(name),
                           mm_suggest_text(hint, sizeof hint, name, input, h->inputs));
    }
    return MM_OK;
}

mm_status mm_fuser_new(mm_fuser **out, const mm_fuser_opts *o, mm_err *e)
{
    mm_fuser *f = *out = calloc(1, sizeof *f);
    if (!f)
        return mm_fail_memory(e);
    f->o = *o;
    if (o->head && o->labels && !o->head->outputs)
        return mm_fail(e, MM_SKIP, "this head aligns modalities: it has no labels to give");
    if (o->head && check_inputs(o->head, o->of, e) != MM_OK)
        return MM_SKIP;
    const char *of = o->how == MM_FUSE_RULE ? o->of : NULL; /* fixes the layout, in its own order */
    for (mm_str name; (name = mm_name_next(&of)).p;) {
        if (f->layout.n == MM_MAX_MODALITIES)
            return mm_fail(e, MM_SKIP, "at most %d modalities can be fused", MM_MAX_MODALITIES);
        f->layout.of[f->layout.n++].of = name;
    }
    return mm_join_new(&f->join, o->streams, o->memory, e);
}

void mm_fuser_free(mm_fuser *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    mm_join_free(f->join);
    mm_arena_free(&f->keep);
    mm_arena_free(&f->batch);
    free(f);
}

int mm_fuser_next_stream(const mm_fuser *f)
{
    return mm_join_next_stream(f->join);
}

mm_fuser_tally mm_fuser_counts(const mm_fuser *f)
{
    mm_fuser_tally t = f->tally;
    t.torn = mm_join_split_keys(f->join);
    return t;
}

/* ---- what goes out ---- */

static mm_status fail(mm_fuser *f, const mm_features *j, const char *code, const mm_err *why, mm_err *e)
{
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    rec.key = j->key;
    rec.src = j->src;
    rec.part = j->part;
    mm_status s = mm_record_to_error(&rec, &f->batch, "fuse", code, why->text, e);
    if (s == MM_OK)
        f->o.fail(f->o.ctx, &rec, why);
    return s;
}

static mm_status put_attention(mm_fuser *f, const mm_head_result *v, mm_err *e)
{
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    const int64_t dim[2] = {v->queries, v->keys};
    if (!v->attention)
        return MM_OK;
    rec.key = v->j->key;
    rec.src = v->j->src;
    rec.part = v->j->part;
    rec.of = MM_STR("attention");
    rec.space = mm_str_of(f->o.space);
    rec.has_tensor = true;
    rec.tensor.data = v->attention;
    mm_status s = mm_shape_make(&rec.tensor.s, MM_F32, 2, dim, e);
    if (s == MM_OK)
        f->o.put(f->o.ctx, &rec, false);
    return s;
}

/* A record for each output, for each tower that the sample had something for, or one for the joint vector. */
static mm_status put_verdict(mm_fuser *f, const mm_head_result *v, mm_err *e)
{
    mm_record rec;
    const mm_head *h = f->o.head;
    bool align = h->task == MM_TASK_ALIGN;
    int n = f->o.labels ? h->outputs : align ? h->inputs : 1;
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++) {
        if (align && !v->projection[i])
            continue;
        s = f->o.labels ? mm_head_result_label(&rec, v, h, i, &f->batch, e)
                        : mm_head_result_feature(&rec, v, h, i, f->o.space, &f->batch, e);
        if (s == MM_OK)
            f->o.put(f->o.ctx, &rec, true);
    }
    return s == MM_OK && f->o.attention ? put_attention(f, v, e) : s;
}

/* ---- one batch ---- */

/* Together, and when one does not fit the head, each by itself: only that one fails. */
static mm_status apply_head(mm_fuser *f, const mm_features *const *j, int n, mm_err *e)
{
    mm_err why;
    mm_head_result *v = mm_arena_zalloc(&f->batch, (size_t)n, sizeof *v);
    if (!v)
        return mm_fail_memory(e);
    mm_status s = mm_head_apply(v, f->o.head, j, n, f->o.pool, &f->batch, &why);
    if (s == MM_FATAL) {
        *e = why;
        return s;
    }
    if (s == MM_SKIP && n == 1)
        return fail(f, j[0], "space", &why, e);
    bool apart = s == MM_SKIP;
    s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++)
        s = apart ? apply_head(f, j + i, 1, e) : put_verdict(f, &v[i], e);
    return s;
}

static mm_status apply_rule(mm_fuser *f, const mm_features *j, mm_err *e)
{
    mm_err why;
    mm_record rec;
    mm_status s = mm_fusion_layout_add(&f->layout, j, f->o.of != NULL, &f->keep, &why);
    if (s == MM_OK)
        s = mm_combine_features(&rec, j, &f->layout, f->o.rule, &f->batch, &why);
    if (s == MM_OK)
        f->o.put(f->o.ctx, &rec, true);
    else if (s == MM_SKIP)
        return fail(f, j, "fuse", &why, e);
    else
        *e = why;
    return s;
}

static mm_status empty_batch(mm_fuser *f, mm_err *e)
{
    mm_status s = MM_OK;
    if (f->o.how == MM_FUSE_HEAD && f->n)
        s = apply_head(f, f->joined, f->n, e);
    for (int i = 0; s == MM_OK && f->o.how == MM_FUSE_RULE && i < f->n; i++)
        s = apply_rule(f, f->joined[i], e);
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    f->n = f->samples = 0;
    mm_arena_reset(&f->batch);
    return s;
}

/* Room for one more sample's results; `keep_last` stays with those that follow. */
static mm_status make_room(mm_fuser *f, bool keep_last, mm_err *e)
{
    mm_sample *last = keep_last ? f->sample[--f->samples] : NULL;
    mm_status s = empty_batch(f, e);
    if (last)
        f->sample[f->samples++] = last;
    return s;
}

/* ---- samples ---- */

/* Which output of a head a label record is; p NULL when it does not say. */
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

/* Whether the label record is of a modality that counts. */
static bool counts(const mm_fuser *f, const mm_record *rec)
{
    return rec->kind == MM_KIND_LABEL && (!f->o.of || listed(f->o.of, mm_record_modality(rec)));
}

/* Combines the sample's label records from number `first` on that are of its field. */
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
        if (!counts(f, rec) || !same_field(rec, &sample->rec[first]))
            continue;
        source[n] = rec;
        reliability[n++] = reliability_of(f->o.reliability, mm_record_modality(rec));
    }
    mm_status s = mm_combine_labels(&out, source, reliability, n, f->o.evidence, &sample->arena, &why);
    if (s == MM_OK && field.p)
        s = mm_meta_put_str(&out, &sample->arena, "field", field, &why);
    if (s == MM_OK)
        f->o.put(f->o.ctx, &out, true);
    else if (s == MM_SKIP)
        return fail(f, &(mm_features){.key = sample->key, .part = -1}, "evidence", &why, e);
    else
        *e = why;
    return s;
}

/* Outputs of one head are questions of their own: evidence is combined field by field. */
static mm_status combine_evidence(mm_fuser *f, mm_sample *sample, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < sample->n; i++) {
        bool seen = !counts(f, &sample->rec[i]);
        for (int k = 0; !seen && k < i; k++)
            seen = counts(f, &sample->rec[k]) && same_field(&sample->rec[k], &sample->rec[i]);
        if (!seen)
            s = combine_field(f, sample, i, e);
    }
    mm_sample_free(sample);
    mm_arena_reset(&f->batch);
    return s;
}

/* Whether there is anything that the head takes: without, its answer would be about nothing. */
static bool head_takes(const mm_fuser *f, const mm_features *j, mm_err *why)
{
    for (int m = 0; f->o.how == MM_FUSE_HEAD && m < f->o.head->inputs; m++) {
        const mm_modality_rows *part = mm_features_find(j, mm_str_of(f->o.head->input[m].name));
        if (part && part->rows)
            return true;
    }
    if (f->o.how != MM_FUSE_HEAD)
        return true;
    char takes[120];
    mm_fail(why, MM_SKIP, "%.*s: no features of a modality that the head takes (%s), but of %.*s", MM_STRF(j->key),
            inputs_of(f->o.head, takes, sizeof takes), MM_STRF(j->of[0].of));
    return false;
}

/* Whether nothing that is required is missing; the first missing one is named. */
static bool complete(const mm_fuser *f, const mm_features *j, mm_err *why)
{
    const char *list = f->o.require;
    for (mm_str name; (name = mm_name_next(&list)).p;) {
        const mm_modality_rows *part = mm_features_find(j, name);
        if (!part || !part->rows) {
            mm_fail(why, MM_SKIP, "%.*s: no %.*s", MM_STRF(j->key), MM_STRF(name));
            return false;
        }
    }
    return true;
}

/* Into the batch, with the modalities that count. */
static mm_status keep_joined(mm_fuser *f, mm_features *j, mm_err *e)
{
    mm_err why;
    int kept = 0;
    for (int m = 0; m < j->n; m++)
        if (!f->o.of || listed(f->o.of, j->of[m].of))
            j->of[kept++] = j->of[m];
    j->n = kept;
    if (!kept)
        return MM_OK;
    bool of_use = head_takes(f, j, &why);
    if (!of_use && f->o.window > 0) /* a window in which nothing happens */
        return MM_OK;
    if (!of_use || !complete(f, j, &why))
        return fail(f, j, "missing", &why, e);
    mm_status s = f->n == BATCH ? make_room(f, true, e) : MM_OK; /* more windows than fit */
    f->joined[f->n++] = j;
    return s;
}

/* One key for several things would be joined all the same: whoever reads the count may know better. */
static void count(mm_fuser *f, const mm_sample *sample, const mm_features *j)
{
    mm_fuser_tally *t = &f->tally;
    t->records += sample->n;
    t->samples++;
    if (!j || !j->mixed.p)
        return;
    if (!t->mixed++)
        t->such = mm_arena_printf(&f->keep, "%.*s (%.*s, %.*s)", MM_STRF(j->key), MM_STRF(j->src), MM_STRF(j->mixed));
}

static mm_status take_sample(mm_fuser *f, mm_sample *sample, mm_err *e)
{
    mm_err why;
    mm_features *j = NULL;
    int n = 1;
    mm_status s = f->samples == BATCH ? make_room(f, false, e) : MM_OK;
    f->sample[f->samples++] = sample;
    if (s != MM_OK)
        return s;
    if (f->o.window > 0) {
        s = mm_features_of_windows(&j, &n, sample, f->o.window, f->o.hop > 0 ? f->o.hop : f->o.window, &why);
    } else {
        j = mm_arena_alloc(&sample->arena, sizeof *j);
        s = j ? mm_features_of_sample(j, sample, &why) : mm_fail_memory(&why);
    }
    count(f, sample, s == MM_OK && n ? &j[0] : NULL);
    if (s == MM_SKIP)
        s = fail(f, &(mm_features){.key = sample->key, .part = -1}, "join", &why, e);
    else if (s != MM_OK)
        *e = why;
    else
        for (int i = 0; s == MM_OK && i < n; i++)
            s = keep_joined(f, &j[i], e);
    return s == MM_OK && (f->o.flush || f->n == BATCH) ? empty_batch(f, e) : s;
}

static mm_status take_ready(mm_fuser *f, mm_err *e)
{
    mm_status s = MM_OK;
    for (mm_sample *one; s == MM_OK && (one = mm_join_next(f->join));)
        s = f->o.how == MM_FUSE_EVIDENCE ? combine_evidence(f, one, e) : take_sample(f, one, e);
    return s;
}

/* ---- towers: nothing is joined, each record goes through its own modality's ---- */

static bool by_tower(const mm_fuser *f)
{
    return f->o.how == MM_FUSE_HEAD && f->o.head->task == MM_TASK_ALIGN && !(f->o.window > 0);
}

static bool has_tower(const mm_fuser *f, mm_str of)
{
    for (int m = 0; m < f->o.head->inputs; m++)
        if (mm_str_is(of, f->o.head->input[m].name))
            return !f->o.of || listed(f->o.of, of);
    return false;
}

static mm_status take_alone(mm_fuser *f, const mm_record *rec, mm_err *e)
{
    mm_err why;
    mm_sample *sample = NULL;
    mm_status s = f->samples == BATCH ? make_room(f, false, e) : MM_OK;
    if (s == MM_OK)
        s = mm_sample_of_record(&sample, rec, e);
    mm_features *j = s == MM_OK ? mm_arena_alloc(&sample->arena, sizeof *j) : NULL;
    if (!j)
        return s == MM_OK ? mm_fail_memory(e) : s;
    f->sample[f->samples++] = sample;
    s = mm_features_of_sample(j, sample, &why);
    j->part = rec->part;
    j->has_time = rec->has_time;
    j->time[0] = rec->time[0];
    j->time[1] = rec->time[1];
    if (s == MM_OK)
        f->joined[f->n++] = j;
    else if (s == MM_SKIP)
        s = fail(f, j, "fuse", &why, e);
    else
        *e = why;
    return s == MM_OK && f->o.flush ? empty_batch(f, e) : s;
}

/* ---- records ---- */

static mm_status pass(mm_fuser *f, const mm_record *rec)
{
    f->tally.passed += rec->kind != MM_KIND_ERROR;
    f->o.put(f->o.ctx, rec, false);
    return MM_OK;
}

mm_status mm_fuser_take(mm_fuser *f, int stream, const mm_record *rec, mm_err *e)
{
    bool ours = rec->kind == (f->o.how == MM_FUSE_EVIDENCE ? MM_KIND_LABEL : MM_KIND_FEATURE);
    if (ours)
        mm_seen_add(&f->seen, mm_record_modality(rec), &f->keep);
    f->tally.taken += ours;
    if (by_tower(f)) {
        if (ours && rec->has_tensor && has_tower(f, rec->of))
            return take_alone(f, rec, e);
        mm_status s = empty_batch(f, e); /* a text stays in front of its vector */
        return s == MM_OK ? pass(f, rec) : s;
    }
    if (!ours)
        return pass(f, rec);
    mm_status s = mm_join_add(f->join, stream, rec, e);
    return s == MM_OK ? take_ready(f, e) : s;
}

mm_status mm_fuser_end(mm_fuser *f, int stream, mm_err *e)
{
    mm_join_end(f->join, stream);
    mm_status s = take_ready(f, e);
    return s == MM_OK && ++f->ended == f->o.streams ? empty_batch(f, e) : s;
}

/* ---- what was asked for and did not come ---- */

const char *mm_fuser_input_hint(const mm_fuser *f)
{
    return f->o.how == MM_FUSE_EVIDENCE
               ? "a label record: mm-label --format stream and mm-fuse -m HEAD --label make them"
               : "a feature: mm-encode-image, mm-encode-text and mm-encode-audio make them";
}

/* s, and which name of a list no record is of; MM_OK: there is none. */
static mm_status check_names(const mm_fuser *f, const char *list, mm_status s, mm_err *e)
{
    char hint[200];
    mm_str name = mm_seen_missing(&f->seen, list);
    if (!name.p)
        return MM_OK;
    return mm_fail(e, s, "no record is of %.*s%s", MM_STRF(name),
                   mm_suggest_text(hint, sizeof hint, name, f->seen.v, f->seen.n));
}

mm_status mm_fuser_check(const mm_fuser *f, mm_err *e)
{
    const mm_head *h = f->o.head;
    char takes[120];
    mm_status s = check_names(f, f->o.reliability, MM_FATAL, e);
    if (s == MM_OK)
        s = check_names(f, f->o.of, MM_SKIP, e);
    if (s != MM_OK)
        return s;
    if (!h || !f->seen.n || f->seen.n == MM_MOST_SEEN || !(by_tower(f) || f->o.window > 0)) /* samples say it */
        return MM_OK;
    for (int m = 0; m < h->inputs; m++)
        if (mm_seen_has(&f->seen, mm_str_of(h->input[m].name)))
            return MM_OK;
    return mm_fail(e, MM_SKIP, "the head takes features of %s; what came is of %.*s%s",
                   inputs_of(h, takes, sizeof takes), MM_STRF(f->seen.v[0]), f->seen.n > 1 ? " and others" : "");
}
