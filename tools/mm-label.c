/* mm-label: says what features show: by the labels they are nearest to, by labelled examples, or by a model's head. */
#include "base/names.h"
#include "base/suggest.h"
#include "cli/fusing.h"
#include "label/load.h"
#include "label/matcher.h"

#include <math.h>

/* Features are compared this many at a time, so that large references pass through the caches once for all of them. */
enum { BATCH = 64 };
static const size_t BATCH_BYTES = (size_t)64 << 20;

static struct {
    const char *against, *knn, *field, *of, *unknown, *head;
    int vote, format;
    int64_t k, top;
    double threshold, scale, quantile;
    bool neighbours, leave_one_out, by_key, distance, no_header, flush;
    mm_studio studio;
} opt = {.unknown = "", .k = 5, .top = 1, .threshold = -INFINITY, .quantile = 0.95, .studio.model_version = "mm-label"};

static const mm_opt options[] = {
    {0, "against", MM_OPT_STR, &opt.against, "FILE", .group = "What to compare with",
     .help = "zero-shot: the features in FILE, one vector for each label (usually the labels as text)",
     .complete = MM_COMPLETE_FILE},
    {0, "knn", MM_OPT_STR, &opt.knn, "FILE", .help = "nearest neighbours: the labelled features in FILE",
     .complete = MM_COMPLETE_FILE},
    {'m', "head", MM_OPT_STR, &opt.head, "HEAD",
     .help = "a trained head (mm-train makes heads): its predictions for each sample, whose features are joined by key",
     .complete = MM_COMPLETE_FILE},
    {0, "of", MM_OPT_STR, &opt.of, "NAME",
     .help = "label only features of NAME: image, text, audio, or what mm-decode --of called them"},
    {0, "field", MM_OPT_STR, &opt.field, "NAME",
     .help = "use entry NAME of labels that are maps, and output NAME of a head that has several"},
    {0, "scale", MM_OPT_FLOAT, &opt.scale, "X", .group = "Zero-shot",
     .help = "multiply cosines by X before the softmax instead of the model's own logit scale (20 where the model has "
             "none)"},
    {'k', "nearest", MM_OPT_INT, &opt.k, "K", .group = "Nearest neighbours",
     .help = "use the K nearest examples, with --by-key the nearest of each of K keys", .min = 1, .max = 100000},
    {0, "vote", MM_OPT_CHOICE, &opt.vote, .help = "what a neighbour counts: its cosine, or one",
     .choices = "similarity|majority"},
    {0, "leave-one-out", MM_OPT_FLAG, &opt.leave_one_out, .help = "leave out examples of the record's own key"},
    {0, "by-key", MM_OPT_FLAG, &opt.by_key,
     .help = "name the nearest examples instead of labels: each is called by its key, needs no label, and scores its "
             "cosine"},
    {0, "distance", MM_OPT_FLAG, &opt.distance,
     .help = "FILE holds normal samples: label each feature normal or anomaly by its mean distance to the K nearest"},
    {0, "quantile", MM_OPT_FLOAT, &opt.quantile, "Q",
     .help = "with --distance: flag a sample whose distance exceeds this quantile of the distances among the normal "
             "samples"},
    {'f', "format", MM_OPT_CHOICE, &opt.format, .group = "Results",
     .help = "what to write; hits: with --knn, a row for each of the K nearest", .choice_at = mm_label_output_name},
    {'n', "top", MM_OPT_INT, &opt.top, "N", .help = "give the N best labels", .min = 1, .max = 1000000},
    {0, "threshold", MM_OPT_FLOAT, &opt.threshold, "P", .help = "leave out labels and hits with a score below P"},
    {0, "unknown", MM_OPT_STR, &opt.unknown, "NAME", .help = "the label where none reaches the threshold"},
    {0, "neighbours", MM_OPT_FLAG, &opt.neighbours,
     .help = "with --knn and --format=jsonl: list the examples that were used"},
    {0, "no-header", MM_OPT_FLAG, &opt.no_header,
     .help = "with --format=tsv and hits: leave out the line of column names"},
    {0, "flush", MM_OPT_FLAG, &opt.flush, .help = "write every result as soon as it is ready"},
    {0, "from-name", MM_OPT_STR, &opt.studio.from_name, "NAME", .group = "Label Studio",
     .help = "name of the control tag (the label field of a head; else \"choice\", \"label\" for windows of sound)"},
    {0, "to-name", MM_OPT_STR, &opt.studio.to_name, "NAME", .help = "name of the object tag (the modality)"},
    {0, "data-key", MM_OPT_STR, &opt.studio.data_key, "NAME",
     .help = "key of the media file in a task's data (the modality)"},
    {0, "data-prefix", MM_OPT_STR, &opt.studio.data_prefix, "TEXT",
     .help = "put TEXT before a source's path, for instance /data/local-files/?d="},
    {0, "model-version", MM_OPT_STR, &opt.studio.model_version, "TEXT", .help = "model version of the predictions"},
    {0},
};

static const char *const examples[] = {
    "mm-label --against labels.mm features.mm          zero-shot",
    "mm-label --knn labelled.mm -k 10 features.mm      nearest neighbours",
    "mm-label --knn index.mm -f hits -k 5 query.mm     search by vector",
    "mm-label --knn normal.mm --distance features.mm   anomalies",
    "mm-encode-image -m vit --classify x.mm | mm-label a model's own classes",
    "mm-label -m head.safetensors features.mm          a trained head",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-label",
    .summary = "label features: zero-shot, by nearest neighbours, by a trained head or a model's own",
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES | MM_TAKES_STRICT,
};

/* A record that waits for its batch. */
typedef struct {
    mm_arena arena;
    mm_record rec;
    mm_str text;
    bool ask; /* a feature to compare; others only pass */
} item;

typedef struct {
    mm_run r;
    mm_refs refs;
    mm_head *head;
    mm_threads *pool;
    const mm_label_output *out;
    mm_label_writer w; /* f NULL: a stream goes out */
    bool begun;        /* out->begin was called */
    mm_text_memory texts;
    mm_matcher *matcher;      /* NULL: nothing to compare with */
    int64_t features, labels; /* records of these kinds that came by */
    int64_t passed;           /* … of others, but for errors */
    mm_seen fields_seen;      /* label fields of records that were asked for another */
    mm_seen others;           /* what records are of that --of leaves out */
    mm_arena names;
    item batch[BATCH];
    int n, n_ask;
} label;

static void must(label *l, mm_status s, const mm_err *e)
{
    if (s == MM_FATAL)
        mm_die_of(&l->r, e);
}

/* ---- one result ---- */

/* Begins a text output once it is known whether labels are of several fields: a head says so itself, label records in
 * the stream by naming theirs. */
static void begin_output(label *l, const mm_labelled *first)
{
    mm_err e;
    if (l->begun || !l->w.f)
        return;
    l->begun = true;
    l->w.fields = !opt.field && (l->head ? l->head->outputs > 1 : first && mm_label_field(first->rec).p);
    if (l->out->begin)
        must(l, l->out->begin(&l->w, &e), &e);
}

static void put(label *l, item *it, mm_labelled *x)
{
    mm_err e;
    mm_record out;
    x->rec = &it->rec;
    x->text = it->text;
    if (!opt.distance)
        x->n = mm_scored_cut((mm_scored_label *)x->scored, x->n, (int)opt.top, opt.threshold, mm_str_of(opt.unknown));
    if (!l->w.f) {
        must(l, l->out->record(&out, x, &it->arena, &e), &e);
        mm_out_put(&l->r, &out);
    } else {
        begin_output(l, x);
        must(l, l->out->put(&l->w, x, &e), &e);
    }
    l->r.done++;
}

/* What the references say about query number `query` of the batch. */
static void put_match(label *l, item *it, int query)
{
    mm_err e;
    mm_scored_label *scored;
    mm_labelled x = {.refs = &l->refs};
    must(l, mm_matcher_labels(l->matcher, query, !l->w.f, &scored, &x.n, &it->arena, &e), &e);
    x.scored = scored;
    x.near = mm_matcher_near(l->matcher, query, &x.n_near);
    if (!opt.neighbours && !l->out->searches)
        x.near = NULL;
    put(l, it, &x);
}

/* Whether the record is of the field that is asked for; others are remembered, should none be. */
static bool right_field(label *l, const mm_record *rec)
{
    mm_str field = mm_label_field(rec);
    if (!opt.field || !field.p || mm_str_is(field, opt.field))
        return true;
    mm_seen_add(&l->fields_seen, field, &l->names);
    return false;
}

static void die_of_field(label *l)
{
    char hint[200];
    mm_die(&l->r, "no label field %s%s", opt.field,
           mm_suggest_text(hint, sizeof hint, mm_str_of(opt.field), l->fields_seen.v, l->fields_seen.n));
}

static void die_of_modality(label *l)
{
    char hint[200];
    mm_die(&l->r, "no record is of %s%s", opt.of,
           mm_suggest_text(hint, sizeof hint, mm_str_of(opt.of), l->others.v, l->others.n));
}

/* A label that is there already and that is asked for. */
static bool is_prediction(label *l, const mm_record *rec)
{
    return rec->kind == MM_KIND_LABEL && !l->matcher && (!opt.of || !rec->of.p || mm_str_is(rec->of, opt.of)) &&
           right_field(l, rec);
}

static void put_label_record(label *l, item *it)
{
    mm_labelled x = {0};
    mm_scored_label *scored = NULL;
    mm_err e;
    mm_status s = mm_scored_of_label(&scored, &x.n, &it->rec, &it->arena, &e);
    must(l, s, &e);
    x.scored = scored;
    if (s == MM_OK)
        put(l, it, &x);
    else
        mm_item_failed(&l->r, NULL, &e);
}

static void flush(void *ctx)
{
    label *l = ctx;
    if (!l->w.f)
        mm_out_flush(&l->r);
    else if (fflush(l->w.f) != 0)
        mm_die(&l->r, "cannot write the labels");
}

/* ---- a trained head ---- */

static void put_prediction(void *ctx, const mm_record *rec, bool made)
{
    label *l = ctx;
    item *it = &l->batch[0];
    it->rec = *rec;
    if (made && right_field(l, rec))
        put_label_record(l, it);
    else if (!made && !l->w.f)
        mm_out_put(&l->r, rec);
    l->r.failed += rec->kind == MM_KIND_ERROR; /* reported where it arose */
    mm_arena_reset(&it->arena);
}

static void put_failure(void *ctx, const mm_record *error, const mm_err *why)
{
    label *l = ctx;
    if (!l->w.f)
        mm_out_put(&l->r, error);
    mm_fusing_failed(&l->r, opt.head, error, why);
}

static void work_by_head(label *l)
{
    mm_err e;
    mm_fuser *f;
    mm_fuser_opts o = {.head = l->head,
                       .space = "",
                       .labels = true,
                       .of = opt.of,
                       .flush = opt.flush,
                       .streams = mm_fusing_streams(&l->r),
                       .memory = (size_t)1 << 30,
                       .pool = l->pool,
                       .put = put_prediction,
                       .fail = put_failure,
                       .ctx = l};
    if (mm_fuser_new(&f, &o, &e) != MM_OK)
        mm_die(&l->r, "%s: %s", opt.head, e.text);
    mm_fusing_run(&l->r, f, opt.flush ? flush : NULL, l);
    mm_fuser_free(f);
}

/* ---- a batch ---- */

static void put_item(label *l, item *it, int query)
{
    if (it->ask)
        put_match(l, it, query);
    else if (is_prediction(l, &it->rec))
        put_label_record(l, it);
    else if (!l->w.f)
        mm_out_put(&l->r, &it->rec);
}

static void finish_batch(label *l)
{
    mm_str keys[BATCH];
    mm_err e;
    int q = 0;
    for (int i = 0; i < l->n; i++)
        if (l->batch[i].ask)
            keys[q++] = l->batch[i].rec.key;
    if (l->matcher)
        must(l, mm_matcher_run(l->matcher, keys, q, &e), &e);
    for (int i = 0, query = 0; i < l->n; i++) {
        put_item(l, &l->batch[i], query);
        query += l->batch[i].ask;
    }
    mm_progress(&l->r, l->r.done, 0);
    l->n = l->n_ask = 0;
}

/* ---- input ---- */

/* Whether it is a search: for examples, whatever labels they carry. */
static bool by_keys(void)
{
    return opt.by_key || mm_label_output_at(opt.format)->searches;
}

/* Whether the record is one to compare; its vector is then in place. Failures become error records. */
static bool wants(label *l, item *it)
{
    mm_err e;
    mm_record *rec = &it->rec;
    if (rec->kind != MM_KIND_FEATURE)
        return false;
    if (opt.of && !mm_str_is(rec->of, opt.of)) {
        mm_seen_add(&l->others, rec->of, &l->names);
        return false;
    }
    l->features++;
    if (!l->matcher)
        return false;
    bool same = mm_refs_same_space(&l->refs, rec, &e) == MM_OK;
    if (!same && l->refs.of_others)
        mm_die(&l->r, "%s; %s holds no %sfeatures of %s", e.text, opt.knn, by_keys() ? "" : "labelled ", opt.of);
    if (!same)
        mm_die(&l->r, "%s (--of NAME chooses what to label)", e.text);
    mm_status s = mm_matcher_set(l->matcher, l->n_ask, rec, &it->arena, &e);
    must(l, s, &e);
    if (s == MM_OK)
        return true;
    mm_item_failed(&l->r, NULL, &e);
    must(l, mm_record_to_error(rec, &it->arena, "label", "vector", &e, &e), &e);
    return false;
}

static bool step(label *l)
{
    mm_err e;
    item *it = &l->batch[l->n];
    if (mm_in_next(&l->r, &it->arena, &it->rec) != MM_OK)
        return false;
    if (it->rec.kind == MM_KIND_ERROR) { /* reported where it arose; a sink's status tells of it */
        l->r.failed++;
        mm_run_worsen(&l->r, 1);
    }
    l->labels += it->rec.kind == MM_KIND_LABEL;
    l->passed += it->rec.kind != MM_KIND_ERROR && it->rec.kind != MM_KIND_FEATURE;
    if (it->rec.kind == MM_KIND_LABEL && !l->matcher && opt.of && it->rec.of.p && !mm_str_is(it->rec.of, opt.of))
        mm_seen_add(&l->others, it->rec.of, &l->names);
    must(l, mm_text_memory_see(&l->texts, &it->rec, &e), &e);
    it->ask = wants(l, it);
    it->text = (mm_str){0};
    mm_str text = it->ask ? mm_text_memory_of(&l->texts, &it->rec) : (mm_str){0};
    if (text.p)
        it->text = (mm_str){mm_arena_strdup(&it->arena, text), text.n};
    l->n_ask += it->ask;
    l->n++;
    return true;
}

static void work(label *l)
{
    size_t bytes = 0;
    while (step(l)) {
        bytes += l->batch[l->n - 1].rec.raw.n;
        if (l->n == BATCH || bytes > BATCH_BYTES || !l->matcher || opt.flush) {
            finish_batch(l);
            if (opt.flush)
                flush(l);
            bytes = 0;
        }
    }
    finish_batch(l);
    if (l->fields_seen.n && !l->r.done)
        die_of_field(l);
    if (l->others.n && !l->features && !l->r.done)
        die_of_modality(l);
    if (l->features && !l->labels && !l->matcher)
        mm_die(&l->r,
               "features need something to compare with: --against FILE (labels), --knn FILE (examples) or -m HEAD");
    if (!l->features && (l->matcher || !l->labels) && l->passed)
        mm_warn(&l->r, "no record of the input was a feature: mm-encode-image, mm-encode-text and mm-encode-audio make "
                       "them");
}

/* ---- set-up ---- */

static void load(label *l)
{
    mm_err e;
    const char *path = opt.knn ? opt.knn : opt.against;
    bool by_key = by_keys() || opt.distance; /* normal samples need no label */
    mm_load how = {.must_be_labelled = opt.knn && !by_key,
                   .by_key = by_key,
                   .field = opt.field,
                   .texts = l->out->searches,
                   .of = opt.knn ? opt.of : NULL,
                   .log = &l->r.log};
    must(l, mm_refs_load(&l->refs, path, &how, &e), &e);
    if (opt.against)
        must(l, mm_refs_average(&l->refs, &e), &e);
    must(l, mm_refs_sort_labels(&l->refs, &e), &e);
    must(l, mm_threads_new(&l->pool, l->r.threads, &e), &e);
    const mm_matcher_opts o = {.how = opt.against    ? MM_MATCH_ZERO_SHOT
                                      : opt.distance ? MM_MATCH_DISTANCE
                                      : by_keys()    ? MM_MATCH_NEAREST
                                                     : MM_MATCH_VOTES,
                               .refs = &l->refs,
                               .k = (int)(opt.by_key && opt.top > opt.k ? opt.top : opt.k),
                               .rule = (mm_vote_rule)opt.vote,
                               .scale = opt.scale > 0             ? opt.scale
                                        : l->refs.logit_scale > 0 ? l->refs.logit_scale
                                                                  : 20,
                               .quantile = opt.quantile,
                               .leave_one_out = opt.leave_one_out,
                               .by_label = opt.by_key,
                               .batch = BATCH,
                               .pool = l->pool};
    if (mm_matcher_new(&l->matcher, &o, &e) != MM_OK)
        mm_die(&l->r, "%s: %s", path, e.text);
}

/* That the head has the output that is asked for, and that one name is not to serve several. */
static void check_head(label *l)
{
    const mm_head *h = l->head;
    bool there = !opt.field || !h->outputs;
    for (int i = 0; i < h->outputs; i++) {
        there |= opt.field && strcmp(h->output[i].name, opt.field) == 0;
        mm_seen_add(&l->fields_seen, mm_str_of(h->output[i].name), &l->names);
    }
    if (!there)
        die_of_field(l);
    if (opt.studio.from_name && h->outputs > 1 && !opt.field)
        mm_usage(&l->r, "--from-name names one control, this head has outputs for %d: choose one with --field",
                 h->outputs);
    l->fields_seen.n = 0;
}

static void load_head(label *l)
{
    mm_err e;
    if (mm_head_load(&l->head, opt.head, &e) != MM_OK)
        mm_die_of(&l->r, &e);
    check_head(l);
    must(l, mm_threads_new(&l->pool, l->r.threads, &e), &e);
}

static void check_options(label *l)
{
    if (!!opt.against + !!opt.knn + !!opt.head > 1)
        mm_usage(&l->r, "--against, --knn and --head cannot be had at once");
    if (opt.distance && (!opt.knn || by_keys() || isfinite(opt.threshold) || opt.top != 1))
        mm_usage(&l->r, "--distance goes with --knn, and without --by-key, --format=hits, --top and --threshold");
    if (!(opt.quantile >= 0 && opt.quantile <= 1))
        mm_usage(&l->r, "--quantile must be within 0 and 1");
    if (l->out->searches && !opt.knn)
        mm_usage(&l->r, "--format=hits needs --knn FILE: what is searched");
    if (l->out->searches && opt.top != 1)
        mm_usage(&l->r, "--top counts labels; of --format=hits -k says how many");
    if (by_keys() && opt.vote == MM_VOTE_MAJORITY)
        mm_usage(&l->r, "--vote counts labels; a search gives each example its cosine");
    if (!opt.knn && (opt.leave_one_out || opt.neighbours || opt.by_key))
        mm_usage(&l->r, "--%s needs --knn", opt.neighbours ? "neighbours" : opt.by_key ? "by-key" : "leave-one-out");
}

static void open_output(label *l)
{
    if (l->out->record) {
        mm_out_open(&l->r);
        return;
    }
    l->w = (mm_label_writer){.f = mm_out_text(&l->r),
                             .header = !opt.no_header,
                             .top = (int)opt.top,
                             .threshold = opt.threshold,
                             .studio = opt.studio,
                             .log = &l->r.log};
    if (l->matcher || l->head) /* else the first label record tells */
        begin_output(l, NULL);
}

static void clean_up(label *l)
{
    for (int i = 0; i < BATCH; i++)
        mm_arena_free(&l->batch[i].arena);
    mm_arena_free(&l->texts.arena);
    mm_arena_free(&l->names);
    mm_matcher_free(l->matcher);
    mm_refs_free(&l->refs);
    mm_head_free(l->head);
    mm_threads_free(l->pool);
}

int main(int argc, char **argv)
{
    static label l;
    mm_err e;
    mm_run_begin(&l.r, &tool, argc, argv);
    l.out = mm_label_output_at(opt.format);
    check_options(&l);
    if (opt.knn || opt.against)
        load(&l);
    if (opt.head)
        load_head(&l);
    open_output(&l);
    opt.head ? work_by_head(&l) : work(&l);
    begin_output(&l, NULL);
    if (l.out->end)
        must(&l, l.out->end(&l.w, &e), &e);
    mm_in_require(&l.r);
    mm_out_close(&l.r);
    clean_up(&l);
    return mm_run_end(&l.r);
}
