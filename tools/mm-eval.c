/* mm-eval: predictions beside the truth → figures. */
#include "cli/grouping.h"
#include "eval/compare.h"
#include "eval/predictions.h"
#include "fuse/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { TEXT, JSON }; /* --format */

static struct {
    const char *truth, *field, *group, *compare, *retrieval, *svg;
    int format;
    int64_t rounds, seed;
} opt = {.rounds = 1000, .seed = 1};

static const mm_opt options[] = {
    {0, "truth", MM_OPT_STR, &opt.truth, "FILE",
     .help = "take the truth from the labels of this stream, by key, instead of what the samples carried",
     .complete = MM_COMPLETE_FILE},
    {0, "field", MM_OPT_STR, &opt.field, "NAME",
     .help = "judge this label field alone (each by itself where there are several)"},
    {0, "retrieval", MM_OPT_STR, &opt.retrieval, "A:B",
     .help = "instead of labels, judge how well features of A find those of B under the same key, and the other "
             "way round"},
    {0, "compare", MM_OPT_STR, &opt.compare, "FILE",
     .help = "compare with the predictions in FILE on the samples that both have", .complete = MM_COMPLETE_FILE},
    {0, "group", MM_OPT_STR, &opt.group, "REGEX",
     .help = "what names a group, a speaker or a patient, in the key (what the first parentheses enclose, if "
             "there are any): the bootstrap draws whole groups"},
    {0, "rounds", MM_OPT_INT, &opt.rounds, "N", .help = "resamples of the bootstrap; 0: no intervals", .min = 0,
     .max = 1000000},
    {0, "seed", MM_OPT_INT, &opt.seed, "N", .help = "where the bootstrap's random numbers start", .min = 0,
     .max = INT64_MAX},
    {'f', "format", MM_OPT_CHOICE, &opt.format, .help = "what to write", .choices = "text|json"},
    {0, "svg", MM_OPT_STR, &opt.svg, "FILE", .help = "draw the confusion matrix and the calibration curve",
     .complete = MM_COMPLETE_FILE},
    {0},
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
    .summary = "judge predictions: accuracy, F1, AUROC, calibration, correlation, recall@k",
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

static void must(eval *v, mm_status s, const mm_err *e)
{
    if (s == MM_FATAL || s == MM_SKIP)
        mm_die(&v->r, "%s", e->text);
}

/* ---- input ---- */

static mm_status take_prediction(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_prediction_set_add(ctx, rec, e);
}

static mm_status take_target(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_prediction_set_add_truth(ctx, rec, e);
}

static mm_status take_feature(void *ctx, mm_record *rec, mm_err *e)
{
    return mm_dataset_add(ctx, rec, NULL, e);
}

/* ---- output ---- */

static void draw(eval *v, const mm_report *report)
{
    if (!opt.svg)
        return;
    FILE *f = fopen(opt.svg, "w");
    if (!f)
        mm_die(&v->r, "%s: %s", opt.svg, strerror(errno));
    mm_report_svg(report, f);
    if (fclose(f) != 0)
        mm_die(&v->r, "%s: %s", opt.svg, strerror(errno));
}

static json_t *as_json(eval *v, const mm_report *report, const mm_comparison *c)
{
    json_t *j = mm_report_json(report);
    if (j && c)
        json_object_set_new(j, "comparison", mm_comparison_json(c, opt.compare));
    if (!j)
        mm_die(&v->r, "out of memory");
    return j;
}

static void put_json(eval *v, json_t *j)
{
    if (json_dumpf(j, v->out, JSON_INDENT(2)) != 0)
        mm_die(&v->r, "cannot write the report");
    fputc('\n', v->out);
    json_decref(j);
}

static void put_text(eval *v, const mm_report *report, const mm_comparison *c)
{
    mm_report_text(report, v->out);
    if (c)
        mm_comparison_text(c, opt.compare, v->out);
}

/* ---- labels ---- */

static mm_prediction_set *collect(eval *v, const char *path)
{
    mm_err e;
    mm_prediction_set *c;
    must(v, mm_prediction_set_new(&c, opt.field, &e), &e);
    if (path)
        mm_in_each_of(&v->r, path, take_prediction, c);
    else
        mm_in_each(&v->r, take_prediction, c);
    if (opt.truth)
        mm_in_each_of(&v->r, opt.truth, take_target, c);
    return c;
}

/* Ends the program: nothing of this field can be judged. `from` is "" or the file of the predictions with a colon. */
static void die_without_truth(eval *v, const mm_prediction_set *c, mm_str field, bool predicted, const char *from)
{
    char hint[200];
    mm_prediction_set_hint(c, hint, sizeof hint);
    if (predicted && !field.p && *hint)
        mm_die(&v->r, "%sthe true labels have several fields: choose one with --field%s", from, hint);
    if (field.p && *hint)
        mm_die(&v->r, "%sno prediction of %.*s with a truth beside it%s", from, MM_STRF(field), hint);
    mm_die(&v->r, "%sno label records with a truth: mm-label --format stream makes them from labelled features", from);
}

/* The field's predictions that have a truth, of which there must be some. */
static int64_t judged_of(eval *v, const mm_prediction_set *c, mm_str field, const char *path, mm_prediction **judged)
{
    mm_err e;
    int64_t n, without;
    must(v, mm_prediction_set_matched(c, field, judged, &n, &without, &v->arena, &e), &e);
    if (!n)
        die_without_truth(v, c, field, without > 0, path ? mm_arena_printf(&v->arena, "%s: ", path) : "");
    if (without)
        mm_warn(&v->r, "predictions%s%.*s without a value or a truth beside them, which do not count: %lld",
                field.p ? " of " : "", MM_STRF(field), (long long)without);
    return n;
}

/* Leaves in a and b the samples that both have; both are in order of id. */
static int64_t common(mm_prediction *a, int64_t na, mm_prediction *b, int64_t nb)
{
    int64_t n = 0;
    for (int64_t i = 0, j = 0; i < na && j < nb;) {
        int order = strcmp(a[i].id, b[j].id);
        if (order == 0) {
            a[n] = a[i++];
            b[n++] = b[j++];
        } else if (order < 0) {
            i++;
        } else {
            j++;
        }
    }
    return n;
}

static void compare_classes(eval *v, mm_comparison *c, const mm_prediction *a, const mm_prediction *b, int64_t n,
                            const int64_t *group)
{
    mm_err e;
    uint8_t *right = mm_arena_alloc(&v->arena, 2 * (size_t)n);
    if (!right)
        mm_die(&v->r, "out of memory");
    for (int64_t i = 0; i < n; i++) {
        right[i] = strcmp(a[i].predicted, a[i].target) == 0;
        right[n + i] = strcmp(b[i].predicted, b[i].target) == 0;
    }
    must(v, mm_compare_classes(c, right, right + n, n, group, (int)opt.rounds, (uint64_t)opt.seed, &e), &e);
}

static void compare_numbers(eval *v, mm_comparison *c, const mm_number_predictions *a, const mm_prediction *others,
                            int64_t n)
{
    mm_err e;
    mm_number_predictions b;
    if (!others[0].number)
        mm_die(&v->r, "%s does not predict numbers", opt.compare);
    must(v, mm_predictions_as_numbers(&b, others, n, NULL, &v->arena, &e), &e);
    must(v,
         mm_compare_numbers(c, a->target, a->predicted, b.predicted, n, a->group, (int)opt.rounds, (uint64_t)opt.seed,
                            &e),
         &e);
}

static void check_groups(eval *v, const mm_prediction *judged, int64_t n)
{
    const char **key = mm_arena_alloc(&v->arena, (size_t)n * sizeof *key);
    if (!key)
        mm_die(&v->r, "out of memory");
    for (int64_t i = 0; i < n; i++)
        key[i] = judged[i].id;
    mm_grouping_check(&v->r, opt.group, key, n, opt.rounds ? "to draw from for an interval" : NULL);
}

/* Predictions of one field beside those of --compare. */
typedef struct {
    mm_class_predictions p;
    mm_number_predictions q;
    mm_report report;
    mm_comparison comparison;
} verdict;

static void judge_field(eval *v, verdict *k, const mm_prediction_set *c, const mm_prediction_set *other, mm_str field)
{
    mm_err e;
    mm_prediction *judged, *others = NULL;
    int64_t n = judged_of(v, c, field, NULL, &judged);
    if (other) {
        int64_t n_others = judged_of(v, other, field, opt.compare, &others);
        n = common(judged, n, others, n_others);
        if (!n)
            mm_die(&v->r, "%s has no sample in common with these predictions", opt.compare);
    }
    check_groups(v, judged, n);
    bool numbers = judged[0].number;
    if (numbers) {
        must(v, mm_predictions_as_numbers(&k->q, judged, n, opt.group, &v->arena, &e), &e);
        must(v, mm_report_numbers(&k->report, &k->q, (int)opt.rounds, (uint64_t)opt.seed, &v->arena, &e), &e);
    } else {
        must(v, mm_predictions_as_classes(&k->p, judged, n, opt.group, &v->arena, &e), &e);
        must(v, mm_report_classes(&k->report, &k->p, (int)opt.rounds, (uint64_t)opt.seed, &v->arena, &e), &e);
        draw(v, &k->report);
    }
    if (other && numbers)
        compare_numbers(v, &k->comparison, &k->q, others, n);
    else if (other)
        compare_classes(v, &k->comparison, judged, others, n, k->p.group);
}

/* One report, or one a field where a head has several outputs: what is right in one says nothing about another. */
static void judge_labels(eval *v)
{
    const mm_str *field;
    mm_prediction_set *c = collect(v, NULL), *other = opt.compare ? collect(v, opt.compare) : NULL;
    int fields = mm_prediction_set_fields(c, &field);
    char hint[200];
    json_t *all = fields > 1 ? json_object() : NULL;
    if (!fields)
        die_without_truth(v, c, mm_str_of(opt.field), false, "");
    if (fields > 1 && opt.svg)
        mm_die(&v->r, "--svg draws one label field: choose it with --field%s",
               mm_prediction_set_hint(c, hint, sizeof hint));
    for (int i = 0; i < fields; i++) {
        verdict k = {0};
        const mm_comparison *compared = other ? &k.comparison : NULL;
        const char *name = field[i].p ? mm_arena_strdup(&v->arena, field[i]) : "-";
        judge_field(v, &k, c, other, field[i]);
        if (fields > 1 && opt.format == TEXT)
            fprintf(v->out, "%sfield                %s\n", i ? "\n" : "", name);
        if (opt.format == TEXT)
            put_text(v, &k.report, compared);
        else if (all)
            json_object_set_new(all, name, as_json(v, &k.report, compared));
        else
            put_json(v, as_json(v, &k.report, compared));
    }
    if (all && opt.format == JSON)
        put_json(v, json_pack("{s:O}", "fields", all));
    json_decref(all);
    mm_prediction_set_free(c);
    mm_prediction_set_free(other);
}

/* ---- retrieval ---- */

/* Rows of a modality, L2-normalised, and the number of the sample that owns each. */
static float *rows_of(eval *v, const mm_data *d, int m, const int32_t *number, int64_t *n, int64_t **owner)
{
    const mm_data_modality *x = &d->modality[m];
    float *rows = mm_arena_alloc(&v->arena, (size_t)(x->cu[d->n] * x->width) * sizeof *rows);
    *owner = mm_arena_alloc(&v->arena, (size_t)x->cu[d->n] * sizeof **owner);
    if (!rows || !*owner)
        mm_die(&v->r, "out of memory");
    *n = 0;
    for (int i = 0; i < d->n; i++) {
        for (int64_t r = x->cu[i]; number[i] >= 0 && r < x->cu[i + 1]; r++) {
            double sum = 0;
            for (int64_t k = 0; k < x->width; k++)
                sum += (double)x->x[r * x->width + k] * x->x[r * x->width + k];
            for (int64_t k = 0; k < x->width; k++)
                rows[*n * x->width + k] = (float)(x->x[r * x->width + k] / (sum > 0 ? sqrt(sum) : 1));
            (*owner)[(*n)++] = number[i];
        }
    }
    return rows;
}

static int named_modality(eval *v, const mm_data *d, const char *name)
{
    int m = mm_data_modality_of(d, name);
    if (m < 0)
        mm_die(&v->r, "no features of %s", name);
    return m;
}

static void judge_retrieval(eval *v)
{
    mm_dataset *set;
    const mm_data *d;
    mm_report report;
    mm_err e;
    char *a = mm_arena_strdup(&v->arena, mm_str_of(opt.retrieval)), *b = a ? strchr(a, ':') : NULL;
    if (!b)
        mm_usage(&v->r, "--retrieval takes two modalities: image:text");
    *b++ = 0;
    must(v, mm_dataset_new(&set, &e), &e);
    mm_in_each(&v->r, take_feature, set);
    must(v, mm_dataset_finish(set, &d, &e), &e);
    int ma = named_modality(v, d, a), mb = named_modality(v, d, b);
    const mm_data_modality *x = &d->modality[ma], *y = &d->modality[mb];
    if (strcmp(x->space, y->space) != 0 || x->width != y->width)
        mm_die(&v->r, "%s and %s are not in one space: %s and %s; mm-train align brings them together", a, b, x->space,
               y->space);
    int32_t *number = mm_arena_alloc(&v->arena, (size_t)(d->n + 1) * sizeof *number), have = 0;
    for (int i = 0; number && i < d->n; i++) /* one vector of a, any number of b */
        number[i] = x->cu[i + 1] == x->cu[i] + 1 && y->cu[i + 1] > y->cu[i] ? have++ : -1;
    if (!number || !have)
        mm_die(&v->r, "no key has one vector of %s and some of %s", a, b);
    mm_pairs p = {.width = x->width, .name_a = a, .name_b = b};
    int64_t *owner_a, *owner_b;
    p.a = rows_of(v, d, ma, number, &p.na, &owner_a);
    p.b = rows_of(v, d, mb, number, &p.nb, &owner_b);
    p.owner = owner_b;
    must(v, mm_report_pairs(&report, &p, (int)opt.rounds, (uint64_t)opt.seed, &v->arena, &e), &e);
    if (opt.format == TEXT)
        put_text(v, &report, NULL);
    else
        put_json(v, as_json(v, &report, NULL));
    mm_dataset_free(set);
}

int main(int argc, char **argv)
{
    eval v = {0};
    mm_run_begin(&v.r, &tool, argc, argv);
    if (opt.retrieval && (opt.truth || opt.field || opt.compare || opt.group || opt.svg))
        mm_usage(&v.r, "--truth, --field, --compare, --group and --svg concern labels, --retrieval judges vectors");
    v.out = mm_out_text(&v.r);
    if (opt.retrieval)
        judge_retrieval(&v);
    else
        judge_labels(&v);
    mm_out_close(&v.r);
    mm_arena_free(&v.arena);
    return mm_run_end(&v.r);
}
