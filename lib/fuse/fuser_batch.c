/* fuser_batch.c: samples gather in a batch, which goes through the head (or the rule) at once. */
#include "fuse/fuser_state.h"

/* ---- output ---- */

mm_status mm_fuser_failed(mm_fuser *f, mm_status s, const mm_features *sample, const char *code, const mm_err *why,
                          mm_err *e)
{
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    if (s != MM_SKIP) {
        *e = *why;
        return s;
    }
    rec.key = sample->key;
    rec.src = sample->src;
    rec.part = sample->part;
    s = mm_record_to_error(&rec, &f->batch, "fuse", code, why, e);
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
    rec.key = v->features->key;
    rec.src = v->features->src;
    rec.part = v->features->part;
    rec.of = MM_STR("attention");
    rec.space = mm_str_of(f->o.space);
    rec.has_tensor = true;
    rec.tensor.data = v->attention;
    mm_status s = mm_shape_make(&rec.tensor.s, MM_F32, 2, dim, e);
    if (s == MM_OK)
        f->o.put(f->o.ctx, &rec, false);
    return s;
}

/* One record for each output, for each projection (align), or for the joint vector. */
static mm_status put_result(mm_fuser *f, const mm_head_result *v, mm_err *e)
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

/* All samples at once. If one does not fit the head, each goes by itself, so that only that one fails. */
static mm_status apply_head(mm_fuser *f, const mm_features *const *sample, int n, mm_err *e)
{
    mm_err why;
    mm_head_result *v = mm_arena_zalloc(&f->batch, (size_t)n, sizeof *v);
    if (!v)
        return mm_fail_memory(e);
    mm_status s = mm_head_apply(v, f->o.head, sample, n, f->o.pool, &f->batch, &why);
    bool apart = s == MM_SKIP && n > 1;
    if (s != MM_OK && !apart)
        return mm_fuser_failed(f, s, sample[0], "space", &why, e);
    s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++)
        s = apart ? apply_head(f, sample + i, 1, e) : put_result(f, &v[i], e);
    return s;
}

static mm_status apply_rule(mm_fuser *f, const mm_features *sample, mm_err *e)
{
    mm_err why;
    mm_record rec;
    mm_status s = mm_fusion_layout_add(&f->layout, sample, f->o.of != NULL, &f->keep, &why);
    if (s == MM_OK)
        s = mm_combine_features(&rec, sample, &f->layout, f->o.rule, &f->batch, &why);
    if (s != MM_OK)
        return mm_fuser_failed(f, s, sample, "fuse", &why, e);
    f->o.put(f->o.ctx, &rec, true);
    return MM_OK;
}

mm_status mm_fuser_run_batch(mm_fuser *f, mm_err *e)
{
    mm_status s = MM_OK;
    if (f->o.mode == MM_FUSE_HEAD && f->n)
        s = apply_head(f, f->features, f->n, e);
    for (int i = 0; s == MM_OK && f->o.mode == MM_FUSE_RULE && i < f->n; i++)
        s = apply_rule(f, f->features[i], e);
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    f->n = f->samples = 0;
    mm_arena_reset(&f->batch);
    return s;
}

/* ---- samples ---- */

/* Runs the full batch; its last sample stays, because more of its windows follow. */
static mm_status run_keeping_last(mm_fuser *f, mm_err *e)
{
    mm_sample *last = f->sample[--f->samples];
    mm_status s = mm_fuser_run_batch(f, e);
    f->sample[f->samples++] = last;
    return s;
}

/* Whether the sample has a modality that the head takes: without one there is nothing to predict from. */
static bool head_has_input(const mm_fuser *f, const mm_features *sample, mm_err *why)
{
    char takes[120];
    const mm_head *h = f->o.mode == MM_FUSE_HEAD ? f->o.head : NULL;
    for (int m = 0; h && m < h->inputs; m++) {
        const mm_modality_rows *rows = mm_features_find(sample, mm_str_of(h->input[m].name));
        if (rows && rows->rows)
            return true;
    }
    if (h)
        mm_fail(why, MM_SKIP, "%.*s: no features of a modality that the head takes (%s), only of %.*s",
                MM_STRF(sample->key), mm_head_input_names(h, takes, sizeof takes), MM_STRF(sample->of[0].of));
    return !h;
}

/* Whether all required modalities are present; `why` names the first that is not. */
static bool is_complete(const mm_fuser *f, const mm_features *sample, mm_err *why)
{
    const char *list = f->o.require;
    for (mm_str name; (name = mm_name_next(&list)).p;) {
        const mm_modality_rows *rows = mm_features_find(sample, name);
        if (!rows || !rows->rows) {
            mm_fail(why, MM_SKIP, "%.*s: no %.*s", MM_STRF(sample->key), MM_STRF(name));
            return false;
        }
    }
    return true;
}

/* Puts the features into the batch, without the modalities that --of leaves out. */
static mm_status add_features(mm_fuser *f, mm_features *sample, mm_err *e)
{
    mm_err why;
    int kept = 0;
    for (int m = 0; m < sample->n; m++)
        if (mm_fuser_uses(f, sample->of[m].of))
            sample->of[kept++] = sample->of[m];
    sample->n = kept;
    if (!kept)
        return MM_OK;
    bool usable = head_has_input(f, sample, &why);
    if (!usable && f->o.window > 0) /* a window in which nothing happens */
        return MM_OK;
    if (!usable || !is_complete(f, sample, &why))
        return mm_fuser_failed(f, MM_SKIP, sample, "missing", &why, e);
    mm_status s = f->n == MM_FUSER_BATCH ? run_keeping_last(f, e) : MM_OK;
    f->features[f->n++] = sample;
    return s;
}

/* One key that names several things is joined all the same; the caller reports the count. */
static void count(mm_fuser *f, const mm_sample *sample, const mm_features *first)
{
    mm_fuser_tally *t = &f->tally;
    t->records += sample->n;
    t->samples++;
    if (first && first->mixed.p && !t->mixed++)
        t->mixed_example = mm_arena_printf(&f->keep, "%.*s (%.*s, %.*s)", MM_STRF(first->key), MM_STRF(first->src),
                                           MM_STRF(first->mixed));
}

mm_status mm_fuser_add_sample(mm_fuser *f, mm_sample *sample, mm_err *e)
{
    mm_err why;
    mm_features *features = NULL;
    int n = 1;
    mm_status s = f->samples == MM_FUSER_BATCH ? mm_fuser_run_batch(f, e) : MM_OK;
    f->sample[f->samples++] = sample;
    if (s != MM_OK)
        return s;
    if (f->o.window > 0) {
        double hop = f->o.hop > 0 ? f->o.hop : f->o.window;
        s = mm_features_of_windows(&features, &n, sample, f->o.window, hop, &why);
    } else {
        features = mm_arena_alloc(&sample->arena, sizeof *features);
        s = features ? mm_features_of_sample(features, sample, &why) : mm_fail_memory(&why);
    }
    count(f, sample, s == MM_OK && n ? &features[0] : NULL);
    if (s != MM_OK)
        s = mm_fuser_failed(f, s, &(mm_features){.key = sample->key, .part = -1}, "join", &why, e);
    else
        for (int i = 0; s == MM_OK && i < n; i++)
            s = add_features(f, &features[i], e);
    return s == MM_OK && (f->o.flush || f->n == MM_FUSER_BATCH) ? mm_fuser_run_batch(f, e) : s;
}

mm_status mm_fuser_add_record(mm_fuser *f, const mm_record *rec, mm_err *e)
{
    mm_err why;
    mm_sample *sample = NULL;
    mm_status s = f->samples == MM_FUSER_BATCH ? mm_fuser_run_batch(f, e) : MM_OK;
    if (s == MM_OK)
        s = mm_sample_of_record(&sample, rec, e);
    mm_features *features = s == MM_OK ? mm_arena_alloc(&sample->arena, sizeof *features) : NULL;
    if (!features)
        return s == MM_OK ? mm_fail_memory(e) : s;
    f->sample[f->samples++] = sample;
    s = mm_features_of_sample(features, sample, &why);
    features->part = rec->part;
    features->has_time = rec->has_time;
    features->time[0] = rec->time[0];
    features->time[1] = rec->time[1];
    if (s == MM_OK)
        f->features[f->n++] = features;
    else
        s = mm_fuser_failed(f, s, features, "fuse", &why, e);
    return s == MM_OK && f->o.flush ? mm_fuser_run_batch(f, e) : s;
}
