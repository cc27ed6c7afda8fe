#include "cli/labeller.h"

#include "base/name_list.h"
#include "base/suggest.h"
#include "cli/fusing.h"
#include "cli/state.h"
#include "label/load.h"

#include <math.h>

static const size_t BATCH_BYTES = (size_t)64 << 20;
static const size_t FUSER_MEMORY = (size_t)1 << 30;

/* A record that waits for its batch. */
typedef struct {
    mm_arena arena;
    mm_record rec;
    mm_str text;
    bool compared; /* a feature to compare; others only pass */
} item;

typedef struct {
    const mm_labeller *o;
    mm_run *r;
    mm_text_memory texts;
    int64_t features, labels, others; /* records of these kinds; others: but for errors */
    mm_seen fields;                   /* label fields of records that were asked for another */
    mm_seen modalities;               /* those that `of` leaves out */
    mm_arena names;                   /* of both */
    item incoming;                    /* being read, perhaps while the batch is finished */
    item batch[MM_LABEL_BATCH];
    int n, compared, marks;
    size_t bytes;   /* of the batch's records */
    bool asked_for; /* what is written must not wait: it holds a mark, or --flush was given */
} labeller;

/* ---- one result ---- */

static void put(labeller *l, item *it, mm_labelled *x)
{
    mm_err e;
    mm_record out;
    x->rec = &it->rec;
    x->text = it->text;
    mm_must(l->r, mm_label_write(l->o->w, x, &out, &it->arena, &e), &e);
    if (!l->o->w->f)
        mm_out_put(l->r, &out);
    l->r->done++;
}

/* The match of query number `query` of the batch with the references. */
static void put_match(labeller *l, item *it, int query)
{
    mm_err e;
    mm_labelled x = {.refs = l->o->refs};
    mm_must(l->r, mm_matcher_labels(l->o->matcher, query, !l->o->w->f, &x.scored, &x.n, &it->arena, &e), &e);
    x.near = mm_matcher_near(l->o->matcher, query, &x.n_near);
    put(l, it, &x);
}

/* A record that is a prediction: its label map is the distribution. */
static void put_prediction(labeller *l, item *it)
{
    mm_labelled x = {0};
    mm_err e;
    mm_status s = mm_scored_of_label(&x.scored, &x.n, &it->rec, &it->arena, &e);
    if (s == MM_OK)
        put(l, it, &x);
    else if (s == MM_SKIP)
        mm_item_failed(l->r, NULL, &e);
    else
        mm_die_of(l->r, &e);
}

/* Whether the record says that it is of another modality than --of asks for. */
static bool is_left_out(const labeller *l, const mm_record *rec)
{
    return l->o->of && rec->of.p && !mm_str_is(rec->of, l->o->of);
}

static bool is_of_field(labeller *l, const mm_record *rec)
{
    mm_str field = mm_label_field(rec);
    if (!l->o->field || !field.p || mm_str_is(field, l->o->field))
        return true;
    mm_seen_add(&l->fields, field, &l->names);
    return false;
}

static void put_mark(labeller *l, const mm_record *mark)
{
    if (l->o->w->f)
        mm_label_mark(l->o->w, mark);
    else
        mm_out_put(l->r, mark);
}

static void flush(void *ctx)
{
    labeller *l = ctx;
    mm_out_flush(l->r);
    l->asked_for = false;
}

/* ---- a trained head ---- */

static void put_fused(void *ctx, const mm_record *rec, bool made)
{
    labeller *l = ctx;
    item *it = &l->batch[0];
    it->rec = *rec;
    if (made && is_of_field(l, rec))
        put_prediction(l, it);
    else if (rec->kind == MM_KIND_MARK)
        put_mark(l, rec);
    else if (!made && !l->o->w->f)
        mm_out_put(l->r, rec);
    l->r->failed += rec->kind == MM_KIND_ERROR; /* reported where it arose */
    mm_arena_reset(&it->arena);
}

static void put_failure(void *ctx, const mm_record *error, const mm_err *why)
{
    labeller *l = ctx;
    if (!l->o->w->f)
        mm_out_put(l->r, error);
    mm_fusing_failed(l->r, l->o->path, error, why);
}

static void label_samples(labeller *l)
{
    mm_err e;
    mm_fuser *f;
    const mm_fuser_opts o = {.head = l->o->head,
                             .space = "",
                             .labels = true,
                             .of = l->o->of,
                             .flush = l->o->flush,
                             .streams = mm_fusing_streams(l->r),
                             .memory = FUSER_MEMORY,
                             .pool = l->o->pool,
                             .put = put_fused,
                             .fail = put_failure,
                             .deliver = flush,
                             .ctx = l,
                             .log = &l->r->log};
    if (mm_fuser_new(&f, &o, &e) != MM_OK)
        mm_die_in(l->r, l->o->path, &e);
    mm_fusing_run(l->r, f, FUSER_MEMORY, INFINITY);
    mm_fuser_tally t = mm_fuser_counts(f);
    if (!t.taken && t.passed)
        mm_die(l->r, "nothing was labelled");
    mm_fuser_free(f);
}

/* ---- records by themselves, a batch at a time ---- */

/* Whether the feature is one to compare; its vector is then in place. Failures become error records. */
static bool wants(labeller *l, item *it)
{
    const mm_labeller *o = l->o;
    mm_err e, why;
    if (it->rec.kind != MM_KIND_FEATURE)
        return false;
    if (o->of && !mm_str_is(it->rec.of, o->of)) {
        mm_seen_add(&l->modalities, it->rec.of, &l->names);
        return false;
    }
    l->features++;
    if (!o->matcher)
        return false;
    if (mm_refs_same_space(o->refs, &it->rec, &why) != MM_OK) {
        if (o->refs->of_others)
            mm_die(l->r, "%s; %s holds no %sfeatures of %s", why.text, o->path, o->labelled ? "labelled " : "", o->of);
        mm_die(l->r, "%s; --of NAME chooses what to label", why.text);
    }
    mm_status s = mm_matcher_set(o->matcher, l->compared, &it->rec, &it->arena, &why);
    if (s == MM_OK)
        return true;
    if (s == MM_FATAL)
        mm_die_of(l->r, &why);
    mm_item_failed(l->r, NULL, &why);
    mm_must(l->r, mm_record_to_error(&it->rec, &it->arena, "label", "vector", &why, &e), &e);
    return false;
}

static bool read_item(labeller *l)
{
    const mm_labeller *o = l->o;
    mm_err e;
    item *it = &l->incoming;
    mm_record *rec = &it->rec;
    if (mm_in_next(l->r, &it->arena, rec) != MM_OK)
        return false;
    if (rec->kind == MM_KIND_ERROR) { /* reported where it arose, but the exit status of a sink counts */
        l->r->failed++;
        mm_run_worsen(l->r, 1);
    }
    l->labels += rec->kind == MM_KIND_LABEL;
    l->others += rec->kind != MM_KIND_ERROR && rec->kind != MM_KIND_FEATURE && rec->kind != MM_KIND_MARK;
    mm_must(l->r, mm_text_memory_see(&l->texts, rec, &e), &e);
    it->compared = wants(l, it);
    mm_str text = it->compared ? mm_text_memory_of(&l->texts, rec) : (mm_str){0};
    it->text = text.p ? (mm_str){mm_arena_strdup(&it->arena, text), text.n} : (mm_str){0};
    if (rec->kind == MM_KIND_LABEL && !o->matcher && is_left_out(l, rec))
        mm_seen_add(&l->modalities, rec->of, &l->names);
    l->compared += it->compared;
    l->marks += rec->kind == MM_KIND_MARK;
    l->bytes += rec->raw.n;
    item emptied = l->batch[l->n];
    l->batch[l->n++] = *it;
    l->incoming = emptied;
    return true;
}

static void finish_batch(labeller *l)
{
    const mm_labeller *o = l->o;
    mm_str keys[MM_LABEL_BATCH];
    mm_err e;
    int query = 0;
    for (int i = 0; i < l->n; i++)
        if (l->batch[i].compared)
            keys[query++] = l->batch[i].rec.key;
    if (o->matcher)
        mm_must(l->r, mm_matcher_run(o->matcher, keys, query, &e), &e);
    query = 0;
    for (int i = 0; i < l->n; i++) {
        item *it = &l->batch[i];
        if (it->compared)
            put_match(l, it, query++);
        else if (it->rec.kind == MM_KIND_LABEL && !o->matcher && !is_left_out(l, &it->rec) && is_of_field(l, &it->rec))
            put_prediction(l, it);
        else if (it->rec.kind == MM_KIND_MARK)
            put_mark(l, &it->rec);
        else if (!o->w->f)
            mm_out_put(l->r, &it->rec);
    }
    mm_progress(l->r, l->r->done, 0);
    l->asked_for |= l->marks || o->flush;
    if (l->asked_for && o->matcher) /* the next batch takes a while */
        flush(l);
    for (int i = 0; i < l->n; i++)
        if (l->batch[i].rec.raw.n > MM_KEPT_ARENA)
            mm_arena_free(&l->batch[i].arena);
    l->n = l->compared = l->marks = 0;
    l->bytes = 0;
}

/* More input is not there yet, and somebody waits for what came before it. */
static void answer(void *ctx)
{
    labeller *l = ctx;
    if (l->marks || (l->o->flush && l->n))
        finish_batch(l);
    if (l->asked_for)
        flush(l);
}

void mm_labeller_die_of_field(mm_run *r, const char *field, const mm_str *names, int n)
{
    char hint[200];
    mm_die(r, "no label field %s%s", field, mm_suggest_text(hint, sizeof hint, mm_str_of(field), names, n));
}

/* Reports what the command line asks for and the input does not have. */
static void check_what_came(labeller *l)
{
    const mm_labeller *o = l->o;
    char hint[200];
    if (l->fields.n && !l->r->done)
        mm_labeller_die_of_field(l->r, o->field, l->fields.v, l->fields.n);
    if (l->modalities.n && !l->features && !l->r->done)
        mm_die(l->r, "no record is of %s%s", o->of,
               mm_suggest_text(hint, sizeof hint, mm_str_of(o->of), l->modalities.v, l->modalities.n));
    if (l->features && !l->labels && !o->matcher)
        mm_die(l->r, "features need something to compare with: --against FILE (labels), --knn FILE (examples) or "
                     "-m HEAD");
    if (!l->features && (o->matcher || !l->labels) && l->others)
        mm_die(l->r, "no record of the input was a feature: mm-encode-image, mm-encode-text and mm-encode-audio make "
                     "them");
}

static void label_records(labeller *l)
{
    mm_in_on_wait(l->r, answer, l);
    while (read_item(l))
        if (l->n == MM_LABEL_BATCH || l->bytes > BATCH_BYTES || !l->o->matcher)
            finish_batch(l);
    finish_batch(l);
    check_what_came(l);
}

void mm_labeller_run(const mm_labeller *o)
{
    labeller l = {.o = o, .r = o->r};
    o->head ? label_samples(&l) : label_records(&l);
    for (int i = 0; i < MM_LABEL_BATCH; i++)
        mm_arena_free(&l.batch[i].arena);
    mm_arena_free(&l.incoming.arena);
    mm_arena_free(&l.texts.arena);
    mm_arena_free(&l.names);
}
