/* mm-label: says what features show: by the labels they are nearest to, by labelled examples, or by a model's head. */
#include "cli/labeller.h"
#include "label/load.h"

#include <math.h>

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
     .help = "multiply cosines by X before the softmax (default: the model's own logit scale, or 20)", .above = true,
     .most = INFINITY, .with = "against"},
    {'k', "nearest", MM_OPT_INT, &opt.k, "K", .group = "Nearest neighbours",
     .help = "use the K nearest examples, with --by-key the nearest of each of K keys", .min = 1, .max = 100000,
     .with = "knn"},
    {0, "vote", MM_OPT_CHOICE, &opt.vote, .help = "what a neighbour counts: its cosine, or one",
     .choices = "similarity|majority", .with = "knn"},
    {0, "leave-one-out", MM_OPT_FLAG, &opt.leave_one_out, .help = "leave out examples of the record's own key",
     .with = "knn"},
    {0, "by-key", MM_OPT_FLAG, &opt.by_key,
     .help = "name the nearest examples instead of labels: each is called by its key, needs no label, and scores its "
             "cosine",
     .with = "knn"},
    {0, "distance", MM_OPT_FLAG, &opt.distance,
     .help = "FILE holds normal samples: label each feature normal or anomaly by its mean distance to the K nearest",
     .with = "knn"},
    {0, "quantile", MM_OPT_FLOAT, &opt.quantile, "Q",
     .help = "with --distance: flag a sample whose distance exceeds this quantile of the distances among the normal "
             "samples",
     .most = 1, .with = "distance"},
    {'f', "format", MM_OPT_CHOICE, &opt.format, .group = "Results",
     .help = "what to write; hits: with --knn, a row for each of the K nearest", .choice_at = mm_label_output_name},
    {'n', "top", MM_OPT_INT, &opt.top, "N", .help = "give the N best labels", .min = 1, .max = 1000000},
    {0, "threshold", MM_OPT_FLOAT, &opt.threshold, "P", .help = "leave out labels and hits with a score below P",
     .least = -1, .most = 1},
    {0, "unknown", MM_OPT_STR, &opt.unknown, "NAME", .help = "the label where none reaches the threshold"},
    {0, "neighbours", MM_OPT_FLAG, &opt.neighbours,
     .help = "with --knn and --format=jsonl: list the examples that were used", .with = "knn"},
    {0, "no-header", MM_OPT_FLAG, &opt.no_header,
     .help = "with --format=tsv and hits: leave out the line of column names", .with = "format=tsv|format=hits"},
    {0, "flush", MM_OPT_FLAG, &opt.flush, .help = "write each result as soon as it is ready"},
    {0, "from-name", MM_OPT_STR, &opt.studio.from_name, "NAME", .group = "Label Studio",
     .help = "name of the control tag (default: the label field of a head; else \"choice\", \"label\" for windows of "
             "sound)",
     .with = "format=label-studio"},
    {0, "to-name", MM_OPT_STR, &opt.studio.to_name, "NAME", .help = "name of the object tag (default: the modality)",
     .with = "format=label-studio"},
    {0, "data-key", MM_OPT_STR, &opt.studio.data_key, "NAME",
     .help = "key of the media file in a task's data (default: the modality)", .with = "format=label-studio"},
    {0, "data-prefix", MM_OPT_STR, &opt.studio.data_prefix, "TEXT",
     .help = "put TEXT before a source's path, for instance /data/local-files/?d=", .with = "format=label-studio"},
    {0, "model-version", MM_OPT_STR, &opt.studio.model_version, "TEXT", .help = "model version of the predictions",
     .with = "format=label-studio"},
    {0},
};

static const char *const synopsis[] = {
    "--against LABELS.mm [OPTION]... [STREAM]...",
    "--knn LABELLED.mm [-k K] [OPTION]... [STREAM]...",
    "-m HEAD [OPTION]... [STREAM]...",
    "[OPTION]... [STREAM]...",
    NULL,
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
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES | MM_TAKES_STRICT,
};

/* Whether it is a search: for examples, whatever labels they carry. */
static bool is_search(void)
{
    return opt.by_key || mm_label_output_at(opt.format)->searches;
}

static void check_options(mm_run *r)
{
    bool hits = mm_label_output_at(opt.format)->searches;
    if (!!opt.against + !!opt.knn + !!opt.head > 1)
        mm_usage(r, "--against, --knn and --head exclude each other");
    if (opt.distance && (!opt.knn || is_search() || isfinite(opt.threshold) || opt.top != 1))
        mm_usage(r, "--distance goes with --knn, and without --by-key, --format=hits, --top and --threshold");
    if (hits && !opt.knn)
        mm_usage(r, "--format=hits needs --knn FILE: what is searched");
    if (hits && opt.top != 1)
        mm_usage(r, "--top counts labels; -k says how many rows --format=hits writes");
    if (is_search() && opt.vote == MM_VOTE_MAJORITY)
        mm_usage(r, "--vote counts labels; a search gives each example its cosine");
}

static mm_matcher *load_references(mm_run *r, const char *path, mm_refs *refs, mm_threads *pool)
{
    mm_err e;
    mm_matcher *m;
    bool by_key = is_search() || opt.distance; /* normal samples need no label */
    const mm_load how = {.must_be_labelled = opt.knn && !by_key,
                         .by_key = by_key,
                         .field = opt.field,
                         .texts = mm_label_output_at(opt.format)->searches,
                         .of = opt.knn ? opt.of : NULL,
                         .log = &r->log};
    mm_must(r, mm_refs_load(refs, path, &how, &e), &e);
    if (opt.against)
        mm_must(r, mm_refs_average(refs, &e), &e);
    mm_must(r, mm_refs_sort_labels(refs, &e), &e);
    const mm_matcher_opts o = {.how = opt.against    ? MM_MATCH_ZERO_SHOT
                                      : opt.distance ? MM_MATCH_DISTANCE
                                      : is_search()  ? MM_MATCH_NEAREST
                                                     : MM_MATCH_VOTES,
                               .refs = refs,
                               .k = (int)(opt.by_key && opt.top > opt.k ? opt.top : opt.k),
                               .rule = (mm_vote_rule)opt.vote,
                               .scale = opt.scale > 0           ? opt.scale
                                        : refs->logit_scale > 0 ? refs->logit_scale
                                                                : 20,
                               .quantile = opt.quantile,
                               .leave_one_out = opt.leave_one_out,
                               .by_label = opt.by_key,
                               .batch = MM_LABEL_BATCH,
                               .pool = pool};
    if (mm_matcher_new(&m, &o, &e) != MM_OK)
        mm_die_in(r, path, &e);
    return m;
}

/* The head has the output that is asked for, and --from-name does not have to serve several. */
static mm_head *load_head(mm_run *r)
{
    mm_err e;
    mm_head *h;
    mm_must(r, mm_head_load(&h, opt.head, &e), &e);
    mm_must(r, mm_param_set_settle(&h->params, &e), &e);
    mm_str name[MM_MAX_OUTPUTS];
    bool there = !opt.field || !h->outputs;
    for (int i = 0; i < h->outputs; i++) {
        name[i] = mm_str_of(h->output[i].name);
        there |= opt.field && mm_str_is(name[i], opt.field);
    }
    if (!there)
        mm_labeller_die_of_field(r, opt.field, name, h->outputs);
    if (opt.studio.from_name && h->outputs > 1 && !opt.field)
        mm_usage(r, "--from-name names one control, this head has outputs for %d: choose one with --field", h->outputs);
    return h;
}

/* The columns of a text depend on whether labels are of several fields: a head says so itself, label records in the
 * stream by naming theirs. */
static void open_output(mm_run *r, mm_label_writer *w, const mm_head *head, bool compares)
{
    mm_err e;
    const mm_label_output *out = mm_label_output_at(opt.format);
    *w = (mm_label_writer){.out = out,
                           .header = !opt.no_header,
                           .neighbours = opt.neighbours,
                           .fields = opt.field ? 0
                                     : head    ? head->outputs > 1
                                               : -1,
                           .top = opt.distance && out->record ? 2 : (int)opt.top, /* normal and anomaly */
                           .threshold = opt.threshold,
                           .unknown = mm_str_of(opt.unknown),
                           .studio = opt.studio,
                           .log = &r->log};
    if (out->record)
        mm_out_open(r);
    else
        w->f = mm_out_text(r);
    if (head || compares)
        mm_must(r, mm_label_begin(w, NULL, &e), &e);
}

int main(int argc, char **argv)
{
    mm_run r;
    mm_err e;
    mm_refs refs = {0};
    mm_label_writer w;
    mm_threads *pool;
    mm_run_begin(&r, &tool, argc, argv);
    check_options(&r);
    const char *path = opt.knn ? opt.knn : opt.against;
    mm_must(&r, mm_threads_new(&pool, r.threads, &e), &e);
    mm_matcher *matcher = path ? load_references(&r, path, &refs, pool) : NULL;
    mm_head *head = opt.head ? load_head(&r) : NULL;
    open_output(&r, &w, head, matcher);
    mm_labeller_run(&(mm_labeller){.r = &r,
                                   .of = opt.of,
                                   .field = opt.field,
                                   .path = head ? opt.head : path,
                                   .refs = &refs,
                                   .matcher = matcher,
                                   .head = head,
                                   .pool = pool,
                                   .labelled = !is_search(),
                                   .flush = opt.flush,
                                   .w = &w});
    mm_must(&r, mm_label_end(&w, &e), &e);
    mm_in_require(&r);
    mm_out_close(&r);
    mm_matcher_free(matcher);
    mm_refs_free(&refs);
    mm_head_free(head);
    mm_threads_free(pool);
    return mm_run_end(&r);
}
