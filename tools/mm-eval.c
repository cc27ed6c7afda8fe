/* mm-eval: predictions and their ground truth → metrics. */
#include "cli/grouping.h"
#include "eval/output.h"
#include "eval/predictions.h"
#include "fuse/retrieval.h"

#include <errno.h>

static struct {
    const char *truth, *field, *group, *compare, *retrieval, *svg;
    int format;
    int64_t rounds, seed;
} opt = {.rounds = 1000, .seed = 1};

static const mm_opt options[] = {
    {0, "truth", MM_OPT_STR, &opt.truth, "FILE",
     .help = "take the ground truth from the labels of this stream, by key, instead of from the predictions' records",
     .complete = MM_COMPLETE_FILE, .group = "What to evaluate"},
    {0, "field", MM_OPT_STR, &opt.field, "NAME",
     .help = "evaluate this label field (default: every field, one by one)"},
    {0, "retrieval", MM_OPT_STR, &opt.retrieval, "A:B",
     .help = "evaluate retrieval in both directions: the right answer is the item with the query's key"},
    {0, "compare", MM_OPT_STR, &opt.compare, "FILE",
     .help = "compare with the predictions in FILE, on the samples that both have", .complete = MM_COMPLETE_FILE},
    {0, "group", MM_OPT_STR, &opt.group, "REGEX", .group = "Intervals",
     .help = "the part of a key (the first parentheses, or the whole match) that names its group, such as a speaker or "
             "patient: the bootstrap draws whole groups"},
    {0, "rounds", MM_OPT_INT, &opt.rounds, "N", .help = "bootstrap resamples for the 95 % intervals; 0: no intervals",
     .min = 0, .max = 1000000},
    {0, "seed", MM_OPT_INT, &opt.seed, "N", .help = "seed of the bootstrap", .min = 0, .max = INT64_MAX},
    {'f', "format", MM_OPT_CHOICE, &opt.format, .help = "output format", .group = "Results",
     .choice_at = mm_eval_output_name},
    {0, "svg", MM_OPT_STR, &opt.svg, "FILE", .help = "draw the confusion matrix and the reliability diagram",
     .complete = MM_COMPLETE_FILE},
    {0},
};

static const char *const synopsis[] = {
    "[OPTION]... [STREAM]...",
    "--retrieval A:B [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-fuse -m head.safetensors --label test.mm | mm-eval",
    "mm-eval --group '^[^/]*' --svg report.svg predictions.mm",
    "mm-eval --compare baseline.mm predictions.mm",
    "mm-eval --retrieval image:text aligned.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-eval",
    .summary = "evaluate predictions: accuracy, F1, AUROC, calibration, correlation, recall@k",
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_FILES,
};

typedef struct {
    mm_run r;
    mm_arena arena;
    FILE *out;
} eval;

/* ---- input ---- */

static mm_status take_prediction(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_prediction_set_add(ctx, rec, e);
}

static mm_status take_ground_truth(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_prediction_set_add_ground_truth(ctx, rec, e);
}

static mm_status take_feature(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_dataset_add(ctx, rec, NULL, e);
}

/* The predictions of a file, or (path NULL) of the input, with the ground truth of --truth. */
static mm_prediction_set *read_predictions(eval *v, const char *path)
{
    mm_err e;
    mm_prediction_set *c;
    mm_must(&v->r, mm_prediction_set_new(&c, opt.field, &e), &e);
    if (path)
        mm_in_each_of(&v->r, path, take_prediction, c);
    else
        mm_in_each(&v->r, take_prediction, c);
    if (opt.truth)
        mm_in_each_of(&v->r, opt.truth, take_ground_truth, c);
    return c;
}

/* ---- output ---- */

static void draw(eval *v, const mm_report *report)
{
    FILE *f = fopen(opt.svg, "w");
    if (!f)
        mm_die(&v->r, "%s: %s", opt.svg, strerror(errno));
    mm_report_svg(report, f);
    if (fclose(f) != 0)
        mm_die(&v->r, "%s: %s", opt.svg, strerror(errno));
}

static void put(eval *v, const mm_evaluation *x, int n)
{
    mm_err e;
    mm_must(&v->r, mm_eval_output_at(opt.format)->put(v->out, x, n, &e), &e);
}

/* ---- labels ---- */

/* Ends the program: no prediction of this field has ground truth. `from` is "", or "FILE: " of the predictions. */
static void die_without_ground_truth(eval *v, const mm_prediction_set *c, mm_str field, bool predicted,
                                     const char *from)
{
    char hint[200];
    mm_prediction_set_hint(c, hint, sizeof hint);
    if (predicted && !field.p && *hint)
        mm_die(&v->r, "%sthe true labels have several fields: choose one with --field%s", from, hint);
    if (field.p && *hint)
        mm_die(&v->r, "%sno prediction of %.*s has ground truth%s", from, MM_STRF(field), hint);
    mm_die(&v->r, "%sno label records with ground truth: mm-label --format stream makes them from labelled features",
           from);
}

/* The field's predictions with ground truth; there is at least one. */
static int64_t matched(eval *v, const mm_prediction_set *c, mm_str field, const char *path, mm_prediction **out)
{
    mm_err e;
    int64_t n, without;
    mm_must(&v->r, mm_prediction_set_matched(c, field, out, &n, &without, &v->arena, &e), &e);
    if (!n)
        die_without_ground_truth(v, c, field, without > 0, path ? mm_arena_printf(&v->arena, "%s: ", path) : "");
    if (without)
        mm_warn(&v->r, "predictions%s%.*s that do not count, without a value or ground truth: %lld",
                field.p ? " of " : "", MM_STRF(field), (long long)without);
    return n;
}

/* Evaluates one field, and compares it with the other set, if there is one. */
static void evaluate_field(eval *v, mm_evaluation *x, const mm_prediction_set *c, const mm_prediction_set *other,
                           mm_str field)
{
    mm_err e;
    mm_prediction *p, *others = NULL;
    const mm_resampling how = {opt.group, (int)opt.rounds, (uint64_t)opt.seed};
    int64_t n = matched(v, c, field, NULL, &p);
    if (other) {
        int64_t n_others = matched(v, other, field, opt.compare, &others);
        n = mm_predictions_intersect(p, n, others, n_others);
        if (!n)
            mm_die(&v->r, "%s has no sample in common with these predictions", opt.compare);
    }
    const char **key = mm_arena_alloc(&v->arena, (size_t)n * sizeof *key);
    if (!key)
        mm_die(&v->r, "out of memory");
    for (int64_t i = 0; i < n; i++)
        key[i] = p[i].id;
    mm_grouping_check(&v->r, opt.group, key, n, opt.rounds ? "to draw from for an interval" : NULL);
    x->field = field.p ? mm_arena_strdup(&v->arena, field) : "-";
    x->compared_with = other ? opt.compare : NULL;
    mm_must(&v->r, mm_predictions_evaluate(&x->report, &x->comparison, p, others, n, &how, &v->arena, &e), &e);
    if (opt.svg && !p[0].number)
        draw(v, &x->report);
}

/* One report, or one for each field: the outputs of a head are independent of one another. */
static void evaluate_labels(eval *v)
{
    const mm_str *field;
    mm_prediction_set *c = read_predictions(v, NULL), *other = opt.compare ? read_predictions(v, opt.compare) : NULL;
    int fields = mm_prediction_set_fields(c, &field);
    char hint[200];
    if (opt.field && fields && !mm_prediction_set_has_field(c, opt.field))
        mm_die(&v->r, "no label field %s%s", opt.field, mm_prediction_set_hint(c, hint, sizeof hint));
    if (!fields)
        die_without_ground_truth(v, c, mm_str_of(opt.field), false, "");
    if (fields > 1 && opt.svg)
        mm_die(&v->r, "--svg draws one label field: choose it with --field%s",
               mm_prediction_set_hint(c, hint, sizeof hint));
    mm_evaluation *x = mm_arena_zalloc(&v->arena, (size_t)fields, sizeof *x);
    if (!x)
        mm_die(&v->r, "out of memory");
    for (int i = 0; i < fields; i++)
        evaluate_field(v, &x[i], c, other, field[i]);
    put(v, x, fields);
    mm_prediction_set_free(c);
    mm_prediction_set_free(other);
}

/* ---- retrieval ---- */

static void evaluate_retrieval(eval *v)
{
    mm_err e;
    mm_dataset *set;
    const mm_data *d;
    mm_pairs pairs;
    mm_evaluation x = {.field = "-"};
    char *a = mm_arena_strdup(&v->arena, mm_str_of(opt.retrieval)), *b = a ? strchr(a, ':') : NULL;
    if (!b)
        mm_usage(&v->r, "--retrieval takes two modalities: image:text");
    *b++ = 0;
    mm_must(&v->r, mm_dataset_new(&set, &e), &e);
    mm_in_each(&v->r, take_feature, set);
    mm_must(&v->r, mm_dataset_finish(set, &d, &e), &e);
    mm_must(&v->r, mm_retrieval_pairs(&pairs, d, a, b, &v->arena, &e), &e);
    mm_must(&v->r, mm_report_pairs(&x.report, &pairs, (int)opt.rounds, (uint64_t)opt.seed, &v->arena, &e), &e);
    put(v, &x, 1);
    mm_dataset_free(set);
}

int main(int argc, char **argv)
{
    eval v = {0};
    mm_run_begin(&v.r, &tool, argc, argv);
    if (opt.retrieval && (opt.truth || opt.field || opt.compare || opt.group || opt.svg))
        mm_usage(&v.r, "--truth, --field, --compare, --group and --svg are about labels, --retrieval about vectors");
    v.out = mm_out_text(&v.r);
    opt.retrieval ? evaluate_retrieval(&v) : evaluate_labels(&v);
    mm_out_close(&v.r);
    mm_arena_free(&v.arena);
    return mm_run_end(&v.r);
}
