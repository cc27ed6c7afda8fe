/* fuser_batch.c: samples gather in a batch, which goes through the head (or the rule) at once. What passes while
 * samples wait there waits with them, so that everything leaves in order. */
#include "fuse/fuser_state.h"
#include "fuse/windows.h"

static const size_t PASSED_BYTES = (size_t)16 << 20; /* that wait in a batch */

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
    rec.has_time = v->features->has_time;
    rec.time[0] = v->features->time[0];
    rec.time[1] = v->features->time[1];
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

/* The entry fails, when its turn comes. */
static mm_status fail_entry(mm_fuser_entry *x, const char *code, const mm_err *why, mm_arena *a, mm_err *e)
{
    mm_err *copy = mm_arena_alloc(a, sizeof *copy);
    if (!copy)
        return mm_fail_memory(e);
    *copy = *why;
    x->code = code;
    x->why = copy;
    return MM_OK;
}

/* v[k] for the k-th entry that has not failed. All samples at once; if one does not fit the head, each goes by itself,
 * so that only that one fails. */
static mm_status apply_head(mm_fuser *f, mm_head_result *v, mm_err *e)
{
    const mm_features *sample[MM_FUSER_BATCH];
    mm_fuser_entry *entry[MM_FUSER_BATCH];
    mm_err why;
    int n = 0;
    for (int i = 0; i < f->entries; i++)
        if (f->entry[i].features && !f->entry[i].why) {
            entry[n] = &f->entry[i];
            sample[n++] = f->entry[i].features;
        }
    mm_status s = n ? mm_head_apply(v, f->o.head, sample, n, f->o.pool, &f->batch, &why) : MM_OK;
    if (s == MM_FATAL)
        *e = why;
    if (s != MM_SKIP)
        return s;
    int kept = 0;
    s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++) {
        s = mm_head_apply(&v[kept], f->o.head, &sample[i], 1, f->o.pool, &f->batch, &why);
        kept += s == MM_OK;
        if (s == MM_SKIP)
            s = fail_entry(entry[i], "space", &why, &f->batch, e);
        else if (s != MM_OK)
            *e = why;
    }
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

static void put_passed(mm_fuser *f, const mm_record *rec)
{
    f->owed += rec->kind == MM_KIND_MARK;
    f->o.put(f->o.ctx, rec, false);
}

static void deliver_marks(mm_fuser *f)
{
    if (f->owed && f->o.deliver)
        f->o.deliver(f->o.ctx);
    f->owed = 0;
}

/* Everything of the batch in its turn; v: of the entries that went through the head. */
static mm_status write_entries(mm_fuser *f, const mm_head_result *v, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < f->entries; i++) {
        const mm_fuser_entry *x = &f->entry[i];
        if (x->passed)
            put_passed(f, x->passed);
        else if (x->why)
            s = mm_fuser_failed(f, MM_SKIP, x->features, x->code, x->why, e);
        else
            s = v ? put_result(f, v++, e) : apply_rule(f, x->features, e);
    }
    return s;
}

mm_status mm_fuser_run_batch(mm_fuser *f, mm_err *e)
{
    mm_head_result *v = NULL;
    mm_status s = MM_OK;
    if (f->o.mode == MM_FUSE_HEAD && f->n) {
        v = mm_arena_zalloc(&f->batch, (size_t)f->n, sizeof *v);
        s = v ? apply_head(f, v, e) : mm_fail_memory(e);
    }
    if (s == MM_OK)
        s = write_entries(f, v, e);
    deliver_marks(f);
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    f->entries = f->n = f->samples = f->marks = 0;
    f->passed_bytes = 0;
    mm_arena_reset(&f->batch);
    return s;
}

/* ---- what goes into it ---- */

/* Runs the full batch; its last sample stays, because more of its windows follow. */
static mm_status run_keeping_last(mm_fuser *f, mm_err *e)
{
    mm_sample *last = f->sample[--f->samples];
    mm_status s = mm_fuser_run_batch(f, e);
    f->sample[f->samples++] = last;
    return s;
}

/* Room for the memory of one more sample. */
static mm_status make_room(mm_fuser *f, mm_err *e)
{
    return f->samples == MM_FUSER_ENTRIES || f->entries == MM_FUSER_ENTRIES ? mm_fuser_run_batch(f, e) : MM_OK;
}

/* An entry of the latest sample. */
static mm_status add_entry(mm_fuser *f, mm_fuser_entry x, mm_err *e)
{
    bool full = f->n == MM_FUSER_BATCH || f->entries == MM_FUSER_ENTRIES;
    mm_status s = full ? run_keeping_last(f, e) : MM_OK;
    f->n += x.features && !x.why;
    f->entry[f->entries++] = x;
    return s;
}

/* A sample that fails, after s; MM_SKIP: its error record leaves in its turn. */
static mm_status add_failure(mm_fuser *f, mm_status s, const mm_features *sample, const char *code, const mm_err *why,
                             mm_err *e)
{
    mm_fuser_entry x = {.features = sample};
    if (s != MM_SKIP) {
        *e = *why;
        return s;
    }
    s = fail_entry(&x, code, why, &f->sample[f->samples - 1]->arena, e);
    return s == MM_OK ? add_entry(f, x, e) : s;
}

mm_status mm_fuser_pass(mm_fuser *f, const mm_record *rec, mm_err *e)
{
    if (!f->entries) {
        put_passed(f, rec);
        if (f->owed == MM_FUSER_BATCH)
            deliver_marks(f);
        return MM_OK;
    }
    mm_status s = make_room(f, e);
    if (s == MM_OK)
        s = mm_sample_of_record(&f->sample[f->samples], rec, e);
    if (s != MM_OK)
        return s;
    const mm_record *copy = &f->sample[f->samples++]->rec[0];
    s = add_entry(f, (mm_fuser_entry){.passed = copy}, e); /* which may write what was there: counted after that */
    f->passed_bytes += rec->raw.n;
    f->marks += rec->kind == MM_KIND_MARK;
    return s == MM_OK && f->passed_bytes > PASSED_BYTES ? mm_fuser_run_batch(f, e) : s;
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

/* Whether nothing happens in a window. */
static bool is_empty(const mm_features *window)
{
    for (int m = 0; m < window->n; m++)
        if (window->of[m].rows)
            return false;
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
    if (!kept || (f->o.window > 0 && is_empty(sample)))
        return MM_OK;
    bool usable = head_has_input(f, sample, &why);
    if (!usable && f->o.window > 0)
        return MM_OK;
    if (!usable || !is_complete(f, sample, &why))
        return add_failure(f, MM_SKIP, sample, "missing", &why, e);
    return add_entry(f, (mm_fuser_entry){.features = sample}, e);
}

/* One key that names several things is joined all the same; the caller reports the count. */
static void count_mixed(mm_fuser *f, const mm_features *x)
{
    mm_fuser_tally *t = &f->tally;
    if (x->mixed.p && !t->mixed++)
        t->mixed_example =
            mm_arena_printf(&f->keep, "%.*s (%.*s, %.*s)", MM_STRF(x->key), MM_STRF(x->src), MM_STRF(x->mixed));
}

mm_window_grid mm_fuser_grid(const mm_fuser *f)
{
    return (mm_window_grid){f->o.window, f->o.hop > 0 ? f->o.hop : f->o.window};
}

/* The features of a whole sample or of its windows, n of them. On failure what is known of it. */
static mm_status features_of(const mm_fuser *f, mm_sample *sample, mm_features **out, int *n, mm_err *why)
{
    mm_status s;
    *n = 1;
    if (f->o.window > 0) {
        s = mm_features_of_windows(out, n, sample, mm_fuser_grid(f), why);
    } else {
        *out = mm_arena_alloc(&sample->arena, sizeof **out);
        s = *out ? mm_features_of_sample(*out, sample, why) : mm_fail_memory(why);
    }
    if (s != MM_SKIP)
        return s;
    *out = mm_arena_zalloc(&sample->arena, 1, sizeof **out);
    if (!*out)
        return mm_fail_memory(why);
    (*out)->key = sample->key;
    (*out)->part = -1;
    return s;
}

mm_status mm_fuser_add_sample(mm_fuser *f, mm_sample *sample, mm_err *e)
{
    mm_err why;
    mm_features *features = NULL;
    int n;
    mm_status s = make_room(f, e);
    f->sample[f->samples++] = sample;
    if (s != MM_OK)
        return s;
    s = features_of(f, sample, &features, &n, &why);
    f->tally.records += sample->n;
    f->tally.samples++;
    if (s != MM_OK)
        return add_failure(f, s, features, "join", &why, e);
    count_mixed(f, &features[0]);
    for (int i = 0; s == MM_OK && i < n; i++)
        s = add_features(f, &features[i], e);
    return s == MM_OK && f->n == MM_FUSER_BATCH ? mm_fuser_run_batch(f, e) : s;
}

mm_status mm_fuser_add_window(mm_fuser *f, mm_sample *own, mm_features *window, mm_status s, const mm_err *why,
                              mm_err *e)
{
    mm_status room = make_room(f, e);
    f->sample[f->samples++] = own;
    if (room != MM_OK)
        return room;
    if (s != MM_OK)
        return add_failure(f, s, window, "join", why, e);
    count_mixed(f, window);
    s = add_features(f, window, e);
    return s == MM_OK && f->n == MM_FUSER_BATCH ? mm_fuser_run_batch(f, e) : s;
}

mm_status mm_fuser_fail_key(mm_fuser *f, const mm_record *rec, const mm_err *why, mm_err *e)
{
    mm_sample *own = NULL;
    mm_status s = make_room(f, e);
    if (s == MM_OK)
        s = mm_sample_of_record(&own, rec, e);
    if (s != MM_OK)
        return s;
    f->sample[f->samples++] = own;
    mm_features *known = mm_arena_zalloc(&own->arena, 1, sizeof *known);
    if (!known)
        return mm_fail_memory(e);
    known->key = own->key;
    known->part = -1;
    return add_failure(f, MM_SKIP, known, "join", why, e);
}

mm_status mm_fuser_add_record(mm_fuser *f, const mm_record *rec, mm_err *e)
{
    mm_err why;
    mm_sample *sample = NULL;
    mm_status s = make_room(f, e);
    if (s == MM_OK)
        s = mm_sample_of_record(&sample, rec, e);
    mm_features *features = s == MM_OK ? mm_arena_alloc(&sample->arena, sizeof *features) : NULL;
    if (!features) {
        mm_sample_free(sample);
        return s == MM_OK ? mm_fail_memory(e) : s;
    }
    f->sample[f->samples++] = sample;
    s = mm_features_of_sample(features, sample, &why);
    features->part = rec->part;
    features->has_time = rec->has_time;
    features->time[0] = rec->time[0];
    features->time[1] = rec->time[1];
    if (s != MM_OK)
        return add_failure(f, s, features, "fuse", &why, e);
    return add_entry(f, (mm_fuser_entry){.features = features}, e);
}
