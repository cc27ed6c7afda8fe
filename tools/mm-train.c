/* mm-train: labelled feature streams → a head, a small model that fuses modalities and decides. */
#include "cli/tool.h"
#include "train/grid.h"
#include "train/sweep.h"
#include "train/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    const char *method, *of, *loss, *weights, *group, *valid, *precision, *log, *grid, *solver;
    mm_list fields;
    int64_t hidden, heads, iterations, epochs, batch, accumulate, patience, seed, trials;
    double dropout, modality_dropout, lr, weight_decay, warmup, clip, smoothing, valid_share;
    bool raw, refit;
} opt = {.loss = "info-nce",
         .weights = "none",
         .precision = "fp32",
         .solver = "adamw",
         .hidden = 128,
         .heads = 4,
         .iterations = 3,
         .batch = 64,
         .accumulate = 1,
         .patience = 10,
         .seed = 1,
         .lr = 1e-3,
         .weight_decay = 0.01,
         .warmup = 0.1,
         .clip = 1,
         .valid_share = 0.2};

static const mm_opt options[] = {
    {0, "method", MM_OPT_CHOICE, &opt.method, NULL, "how modalities are fused (mlp; for align: align)",
     "mlp|linear|gated|routing|attention|cross|dempster|align", 0, 0, 0},
    {0, "of", MM_OPT_STR, &opt.of, "NAMES", "use these modalities, in this order, separated by commas (all that come)",
     NULL, 0, 0, 0},
    {0, "label", MM_OPT_LIST, &opt.fields, "FIELD",
     "learn this label field; several give one head with several outputs (all fields that come)", NULL, 0, 0, 0},
    {0, "hidden", MM_OPT_INT, &opt.hidden, "N", "width of a modality's hidden vector, or of the joint space", NULL, 0,
     1, 65536},
    {0, "heads", MM_OPT_INT, &opt.heads, "N", "attention heads", NULL, 0, 1, 64},
    {0, "iterations", MM_OPT_INT, &opt.iterations, "N", "rounds of routing by agreement", NULL, 0, 1, 64},
    {0, "dropout", MM_OPT_FLOAT, &opt.dropout, "P", "dropout before the output; for align of the input", NULL, 0, 0, 0},
    {0, "modality-dropout", MM_OPT_FLOAT, &opt.modality_dropout, "P",
     "leave a modality of a training sample out with this probability", NULL, 0, 0, 0},
    {0, "loss", MM_OPT_CHOICE, &opt.loss, NULL, "the loss of align", "info-nce|sigmoid", 0, 0, 0},
    {0, "solver", MM_OPT_CHOICE, &opt.solver, NULL,
     "learn from mini-batches, or find the minimum over all samples at once (not with dropout)", "adamw|lbfgs", 0, 0,
     0},
    {0, "epochs", MM_OPT_INT, &opt.epochs, "N", "passes over the training samples, at most (30; 1000 with lbfgs)", NULL,
     0, 1, 1000000},
    {0, "batch", MM_OPT_INT, &opt.batch, "N", "samples of a mini-batch", NULL, 0, 1, 1 << 20},
    {0, "accumulate", MM_OPT_INT, &opt.accumulate, "N", "mini-batches that make one update", NULL, 0, 1, 1 << 20},
    {0, "lr", MM_OPT_FLOAT, &opt.lr, "RATE", "highest learning rate", NULL, 0, 0, 0},
    {0, "weight-decay", MM_OPT_FLOAT, &opt.weight_decay, "W", "decoupled weight decay", NULL, 0, 0, 0},
    {0, "warmup", MM_OPT_FLOAT, &opt.warmup, "SHARE", "share of the updates in which the learning rate rises", NULL, 0,
     0, 0},
    {0, "clip", MM_OPT_FLOAT, &opt.clip, "NORM", "largest norm of the gradients; 0 clips nothing", NULL, 0, 0, 0},
    {0, "smoothing", MM_OPT_FLOAT, &opt.smoothing, "E", "label smoothing", NULL, 0, 0, 0},
    {0, "class-weights", MM_OPT_CHOICE, &opt.weights, NULL, "weigh classes by their rarity", "none|balanced", 0, 0, 0},
    {0, "patience", MM_OPT_INT, &opt.patience, "N",
     "stop after N epochs without a better validation loss; 0 never stops early", NULL, 0, 0, 1000000},
    {0, "refit", MM_OPT_FLAG, &opt.refit, NULL,
     "at the end, train again on the validation samples as well, for as many epochs as were best", NULL, 0, 0, 0},
    {0, "valid", MM_OPT_STR, &opt.valid, "FILE", "validate on the samples of this stream", NULL, MM_HINT_FILE, 0, 0},
    {0, "valid-share", MM_OPT_FLOAT, &opt.valid_share, "SHARE", "without --valid: validate on this share of the groups",
     NULL, 0, 0, 0},
    {0, "group", MM_OPT_STR, &opt.group, "REGEX",
     "part of the key that names a group, which is never split between training and validation (the whole key)", NULL,
     0, 0, 0},
    {0, "seed", MM_OPT_INT, &opt.seed, "N", "where the random numbers start; the same seed gives the same file", NULL,
     0, 0, INT64_MAX},
    {0, "raw", MM_OPT_FLAG, &opt.raw, NULL, "take vectors as they are, without standardising them", NULL, 0, 0, 0},
    {0, "products", MM_OPT_CHOICE, &opt.precision, NULL, "matrix products in bf16, with f32 master weights",
     "fp32|bf16", 0, 0, 0},
    {0, "grid", MM_OPT_STR, &opt.grid, "NAME=VALUES,...",
     "search for the best settings: values of options, as lists (batch=16|32|64) and ranges (lr=1e-4..1e-2:log); "
     "trials "
     "run beside each other, as many as there are threads, and a table of them goes to standard output",
     NULL, 0, 0, 0},
    {0, "trials", MM_OPT_INT, &opt.trials, "N",
     "with --grid: try N settings, at random where there are more (all points of lists; 16 where there are ranges)",
     NULL, 0, 1, MM_MAX_TRIALS},
    {0, "log", MM_OPT_STR, &opt.log, "FILE", "write one line of TSV for each epoch", NULL, MM_HINT_FILE, 0, 0},
    {0},
};

static const char *const examples[] = {
    "mm-train classify -o head.safetensors labelled.mm",
    "mm-train classify --method gated --modality-dropout 0.3 -o head.safetensors labelled.mm",
    "mm-train align --hidden 256 --dropout 0.2 -o towers.safetensors pairs.mm",
    NULL,
};

static const mm_tool tool = {
    "mm-train",
    "train fusion heads, classifiers and alignment towers on feature streams",
    "classify|regress|align [STREAM]...",
    examples,
    options,
    MM_TAKES_OUTPUT | MM_TAKES_RESUME | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES,
};

typedef struct {
    mm_run r;
    mm_task task;
    mm_dataset *set;
    const mm_data *data;
    uint8_t *validates; /* [n] samples that came from --valid; NULL without it */
    FILE *log;
    mm_epoch best;
    mm_split split;
    mm_arena arena;
    struct { /* --grid */
        mm_settings grid;
        const char **value; /* [trials, grid.n] */
        mm_sweep sweep;
        mm_trial *now; /* in a trial's process: its result */
        int stop_at;   /* … and the epoch behind which it pauses */
    } search;
} train;

static void must(train *t, mm_status s, const mm_err *e)
{
    if (s == MM_FATAL || s == MM_SKIP)
        mm_die(&t->r, "%s", e->text);
}

/* ---- samples ---- */

static bool wanted(mm_str of)
{
    if (!opt.of)
        return true;
    for (const char *p = opt.of; *p; p += strcspn(p, ","), p += *p == ',')
        if (mm_str_eq(of, (mm_str){p, strcspn(p, ",")}))
            return true;
    return false;
}

static void take(train *t, mm_record *rec)
{
    mm_err e;
    if (rec->kind == MM_KIND_FEATURE && !wanted(rec->of))
        rec->has_tensor = false; /* its label still counts */
    must(t, mm_dataset_add(t->set, rec, NULL, &e), &e);
    t->r.done++;
}

static void read_samples(train *t)
{
    mm_arena a = {0};
    mm_record rec;
    while (mm_in_next(&t->r, &a, &rec) == MM_OK) {
        if (rec.kind == MM_KIND_ERROR)
            mm_run_worsen(&t->r, 1);
        take(t, &rec);
        mm_progress(&t->r, t->r.done, 0);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
}

/* Keys of the --valid stream: samples under them validate. */
static void read_validation(train *t, mm_dataset *keys)
{
    mm_reader *in;
    mm_err e;
    mm_arena a = {0};
    mm_record rec;
    mm_status s;
    FILE *f = fopen(opt.valid, "rb");
    if (!f)
        mm_die(&t->r, "%s: %s", opt.valid, strerror(errno));
    must(t, mm_reader_new(&in, fileno(f), opt.valid, &e), &e);
    while ((s = mm_reader_next(in, &a, &rec, &e)) == MM_OK) {
        must(t, mm_dataset_add(keys, &rec, NULL, &e), &e);
        take(t, &rec);
        mm_arena_reset(&a);
    }
    must(t, s, &e);
    mm_reader_free(in);
    mm_arena_free(&a);
    fclose(f);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_all(train *t)
{
    mm_err e;
    mm_dataset *keys;
    const mm_data *valid;
    must(t, mm_dataset_new(&t->set, &e), &e);
    must(t, mm_dataset_new(&keys, &e), &e);
    read_samples(t);
    if (opt.valid)
        read_validation(t, keys);
    must(t, mm_dataset_finish(t->set, &t->data, &e), &e);
    must(t, mm_dataset_finish(keys, &valid, &e), &e);
    if (opt.valid) {
        t->validates = mm_arena_zalloc(&t->arena, (size_t)t->data->n + 1, 1);
        if (valid->n)
            qsort(valid->key, (size_t)valid->n, sizeof *valid->key, by_key);
        for (int i = 0; t->validates && valid->n && i < t->data->n; i++)
            t->validates[i] =
                bsearch(&t->data->key[i], valid->key, (size_t)valid->n, sizeof *valid->key, by_key) != NULL;
    }
    mm_dataset_free(keys);
}

/* ---- the head ---- */

static int place(const mm_data_modality *m)
{
    static const char *const usual[] = {"image", "text", "audio", "video"};
    for (int i = 0; !opt.of && i < 4; i++)
        if (strcmp(m->name, usual[i]) == 0)
            return i;
    return opt.of ? (int)(strstr(opt.of, m->name) - opt.of) : 4;
}

/* Modalities in the order of --of, or image, text, audio, video, others: the order in which a head concatenates them.
 */
static void describe_inputs(train *t, mm_head *like)
{
    int order[MM_MAX_MODALITIES];
    for (int m = 0; m < t->data->modalities; m++) {
        int at = m;
        for (; at > 0 && place(&t->data->modality[m]) < place(&t->data->modality[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = m;
    }
    for (int m = 0; m < t->data->modalities; m++) {
        const mm_data_modality *from = &t->data->modality[order[m]];
        like->input[like->inputs++] = (mm_head_input){.name = from->name, .space = from->space, .width = from->width};
    }
    if (!like->inputs)
        mm_die(&t->r, "no feature records%s%s: mm-encode-image, mm-encode-text and mm-encode-audio make them",
               opt.of ? " of " : "", opt.of ? opt.of : "");
}

static void add_output(train *t, mm_head *like, const mm_data_field *f)
{
    mm_head_output *o = &like->output[like->outputs++];
    *o = (mm_head_output){.name = f->name, .width = 1, .temperature = 1};
    if (t->task != MM_TASK_CLASSIFY)
        return;
    if (f->count < 2)
        mm_die(&t->r, "label field %s has the one value %s: nothing to tell apart", f->name,
               f->count ? f->classes[0] : "");
    o->classes = f->classes;
    o->width = f->count;
}

static void describe_outputs(train *t, mm_head *like)
{
    for (int i = 0; i < opt.fields.n; i++) {
        int f = mm_data_field_of(t->data, opt.fields.v[i]);
        if (f < 0)
            mm_die(&t->r, "no record has a label field %s", opt.fields.v[i]);
        add_output(t, like, &t->data->field[f]);
    }
    for (int f = 0; !opt.fields.n && f < t->data->fields; f++)
        add_output(t, like, &t->data->field[f]);
    if (!like->outputs)
        mm_die(&t->r, "no labels: mm-decode --labels FILE.csv or --label dir brings them along");
}

static mm_head *new_head(train *t)
{
    mm_err e;
    mm_head *h, like = {.task = t->task,
                        .hidden = opt.hidden,
                        .heads = (int)opt.heads,
                        .iterations = (int)opt.iterations,
                        .dropout = (float)opt.dropout};
    const char *method = opt.method ? opt.method : t->task == MM_TASK_ALIGN ? "align" : "mlp";
    if ((strcmp(method, "align") == 0) != (t->task == MM_TASK_ALIGN))
        mm_usage(&t->r, "--method align and the task align belong together");
    like.method = mm_fuse_method_of(method);
    describe_inputs(t, &like);
    if (t->task != MM_TASK_ALIGN)
        describe_outputs(t, &like);
    must(t, mm_head_new(&h, &like, (uint64_t)opt.seed, &e), &e);
    return h;
}

static void split(train *t, const mm_head *h)
{
    mm_err e;
    mm_split *s = &t->split;
    uint8_t *usable = mm_usable_samples(t->data, h, &t->arena);
    if (!t->validates) {
        must(t, mm_split_groups(s, t->data, usable, opt.group, opt.valid_share, (uint64_t)opt.seed, &t->arena, &e), &e);
        return;
    }
    s->train = mm_arena_zalloc(&t->arena, (size_t)t->data->n, sizeof *s->train);
    s->valid = mm_arena_zalloc(&t->arena, (size_t)t->data->n, sizeof *s->valid);
    for (int i = 0; i < t->data->n; i++)
        if (usable[i])
            *(t->validates[i] ? &s->valid[s->n_valid++] : &s->train[s->n_train++]) = i;
}

/* ---- the run ---- */

static int64_t epochs(void)
{
    return opt.epochs ? opt.epochs : *opt.solver == 'l' ? 1000 : 30;
}

static bool on_epoch(void *ctx, const mm_epoch *row)
{
    train *t = ctx;
    if (row->best)
        t->best = *row;
    if (t->log)
        fprintf(t->log, "%d\t%.6g\t%.6g\t%.6g\t%.6g\t%d\n", row->epoch, row->lr, row->train_loss, row->valid_loss,
                row->metric, row->best);
    mm_say(&t->r.log, MM_LOG_INFO, "epoch %d: loss %.4f, validation loss %.4f, metric %.4f%s", row->epoch,
           row->train_loss, row->valid_loss, row->metric, row->best ? " *" : "");
    mm_progress(&t->r, row->epoch, epochs());
    return true;
}

static mm_train_opts train_opts(train *t)
{
    mm_train_opts o = mm_train_defaults();
    o.solver = *opt.solver == 'l' ? MM_SOLVER_LBFGS : MM_SOLVER_ADAMW;
    o.epochs = (int)epochs();
    o.refit = opt.refit;
    o.batch = (int)opt.batch;
    o.accumulate = (int)opt.accumulate;
    o.lr = (float)opt.lr;
    o.weight_decay = (float)opt.weight_decay;
    o.clip = (float)opt.clip;
    o.warmup = (float)opt.warmup;
    o.smoothing = (float)opt.smoothing;
    o.balanced = *opt.weights == 'b';
    o.modality_dropout = (float)opt.modality_dropout;
    o.align_loss = *opt.loss == 's' ? MM_LOSS_SIGMOID : MM_LOSS_INFO_NCE;
    o.bf16 = *opt.precision == 'b';
    o.patience = (int)opt.patience;
    o.seed = (uint64_t)opt.seed;
    o.checkpoint_every = 2; /* seconds: a training that is done sooner needs none */
    o.checkpoint = mm_arena_printf(&t->arena, "%s.checkpoint", t->r.output);
    return o;
}

/* ---- the search ---- */

/* Settings that a trial can have of its own: all but those that decide which samples there are. */
static const mm_opt *searchable(const char *name)
{
    static const char *const names[] = {
        "method",   "hidden", "heads",     "iterations",    "dropout",  "modality-dropout",
        "loss",     "epochs", "batch",     "accumulate",    "lr",       "weight-decay",
        "warmup",   "clip",   "smoothing", "class-weights", "patience", "seed",
        "products", "solver"};
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strcmp(names[i], name) == 0;
    for (const mm_opt *o = options; known && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* Gives the options the trial's values. */
static mm_status apply(const train *t, int trial, mm_arena *a, mm_err *e)
{
    const mm_settings *g = &t->search.grid;
    mm_opt_hit hit[MM_MAX_DIMS];
    for (int k = 0; k < g->n; k++)
        hit[k] = (mm_opt_hit){.opt = searchable(g->dim[k].name), .value = t->search.value[trial * g->n + k]};
    return mm_opts_apply(&(mm_parsed){.hit = hit, .n = g->n}, a, e);
}

static const char *trial_file(train *t, int trial, const char *kind)
{
    return mm_arena_printf(&t->arena, "%s/%04d.%s", t->search.sweep.dir, trial, kind);
}

static bool on_trial_epoch(void *ctx, const mm_epoch *row)
{
    train *t = ctx;
    mm_trial *now = t->search.now;
    now->epochs = row->epoch;
    if (row->best) {
        now->best_epoch = row->epoch;
        now->loss = row->valid_loss;
        now->metric = row->metric;
    }
    return row->epoch < t->search.stop_at || row->epoch == epochs();
}

static mm_status run_trial(void *ctx, int trial, double share, mm_trial *now, mm_err *e)
{
    train *t = ctx;
    t->search.now = now;
    mm_status s = apply(t, trial, &t->arena, e);
    if (s != MM_OK)
        return s;
    mm_head *h = new_head(t);
    mm_train_opts o = train_opts(t);
    o.checkpoint = trial_file(t, trial, "checkpoint");
    o.checkpoint_every = 1e9; /* only where it pauses */
    t->search.stop_at = (int)ceil(share * (double)epochs());
    if (!opt.raw)
        s = mm_standardise(h, t->data, &t->split, e);
    if (s == MM_OK)
        s = mm_train(h, t->data, &t->split, &o, NULL, on_trial_epoch, t, e);
    if (s == MM_OK) {
        now->done = true;
        s = mm_head_save(h, trial_file(t, trial, "safetensors"), e);
        unlink(o.checkpoint);
    }
    mm_head_free(h);
    return s == MM_EOF ? MM_OK : s;
}

static const char *settings(train *t, int trial)
{
    const char *text = "";
    for (int k = 0; text && k < t->search.grid.n; k++)
        text = mm_arena_printf(&t->arena, "%s%s%s=%s", text, k ? " " : "", t->search.grid.dim[k].name,
                               t->search.value[trial * t->search.grid.n + k]);
    return text ? text : "";
}

static void on_trial(void *ctx, int trial, const mm_trial *now, const char *why)
{
    train *t = ctx;
    if (why)
        mm_warn(&t->r, "trial %d (%s) failed: %s", trial + 1, settings(t, trial), why);
    else
        mm_say(&t->r.log, MM_LOG_INFO, "trial %d (%s): validation loss %.4f, metric %.4f after %d epochs", trial + 1,
               settings(t, trial), now->loss, now->metric, now->epochs);
}

/* Losses of unlike definitions say nothing about each other. */
static bool searches_the_loss(const mm_settings *g)
{
    for (int k = 0; k < g->n; k++)
        if (!strcmp(g->dim[k].name, "loss") || !strcmp(g->dim[k].name, "smoothing") ||
            !strcmp(g->dim[k].name, "class-weights"))
            return true;
    return false;
}

static void plan_search(train *t)
{
    mm_err e;
    mm_settings *g = &t->search.grid;
    if (mm_settings_parse(g, opt.grid, &t->arena, &e) != MM_OK)
        mm_usage(&t->r, "--grid: %s", e.text);
    for (int k = 0; k < g->n; k++) {
        if (!strcmp(g->dim[k].name, "wd"))
            g->dim[k].name = "weight-decay";
        const mm_opt *o = searchable(g->dim[k].name);
        if (!o)
            mm_usage(&t->r, "--grid: %s is no setting that can be searched", g->dim[k].name);
        g->dim[k].whole = o->type == MM_OPT_INT;
    }
    if (mm_settings_draw(g, (int)opt.trials, (uint64_t)opt.seed, &t->search.value, &t->search.sweep.trials, &t->arena,
                         &e) != MM_OK)
        mm_usage(&t->r, "--grid: %s", e.text);
    for (int i = 0; i < t->search.sweep.trials; i++) { /* a value that no trial can have is found before the first */
        __typeof__(opt) before = opt;
        mm_status s = apply(t, i, &t->arena, &e);
        opt = before;
        if (s != MM_OK)
            mm_usage(&t->r, "--grid: %s", e.text);
    }
}

static void print_table(train *t, const mm_trial *trial, int best)
{
    FILE *f = t->log ? t->log : stdout;
    const mm_settings *g = &t->search.grid;
    fputs("trial", f);
    for (int k = 0; k < g->n; k++)
        fprintf(f, "\t%s", g->dim[k].name);
    fputs("\trung\tepochs\tbest_epoch\tvalid_loss\tmetric\tbest\n", f);
    for (int i = 0; i < t->search.sweep.trials; i++) {
        fprintf(f, "%d", i + 1);
        for (int k = 0; k < g->n; k++)
            fprintf(f, "\t%s", t->search.value[i * g->n + k]);
        fprintf(f, "\t%d\t%d\t%d\t%.6g\t%.6g\t%d\n", trial[i].rung, trial[i].epochs, trial[i].best_epoch, trial[i].loss,
                trial[i].metric, i == best);
    }
}

static void search(train *t)
{
    mm_err e;
    int best;
    mm_sweep *s = &t->search.sweep;
    *s = (mm_sweep){.trials = s->trials,
                    .workers = t->r.threads ? t->r.threads : mm_cpu_count(),
                    .dir = mm_arena_printf(&t->arena, "%s.search", t->r.output),
                    .by_metric = searches_the_loss(&t->search.grid),
                    .run = run_trial,
                    .told = on_trial,
                    .ctx = t};
    const char *what = mm_arena_printf(&t->arena, "%s, %d trials, seed %lld, %d + %d samples", opt.grid, s->trials,
                                       (long long)opt.seed, t->split.n_train, t->split.n_valid);
    mm_trial *trial = mm_arena_zalloc(&t->arena, (size_t)s->trials, sizeof *trial);
    if (!trial || !what || !s->dir)
        mm_die(&t->r, "out of memory");
    if (!t->split.n_valid)
        mm_die(&t->r, "a search needs samples to validate on: --valid or --valid-share");
    must(t, mm_sweep_begin(s->dir, what, t->r.resume, &e), &e);
    must(t, mm_sweep_run(s, trial, &best, &e), &e);
    if (rename(trial_file(t, best, "safetensors"), t->r.output) != 0)
        mm_die(&t->r, "%s: %s", t->r.output, strerror(errno));
    print_table(t, trial, best);
    mm_sweep_remove(s->dir);
    if (!t->r.quiet)
        fprintf(stderr, "mm-train: %d trials; the best is %d (%s): validation loss %.4f, metric %.4f\n", s->trials,
                best + 1, settings(t, best), trial[best].loss, trial[best].metric);
}

static void take_task(train *t)
{
    static const char *const tasks[] = {"classify", "regress", "align"};
    for (int i = 0; t->r.n_operands && i < 3; i++) {
        if (strcmp(t->r.operands[0], tasks[i]) == 0) {
            t->task = (mm_task)i;
            t->r.operands++;
            t->r.n_operands--;
            return;
        }
    }
    mm_usage(&t->r, "the first operand says what to learn: classify, regress or align");
}

static void train_one(train *t, mm_head *h)
{
    mm_err e;
    mm_pool *pool;
    mm_train_opts o = train_opts(t);
    if (!opt.raw)
        must(t, mm_standardise(h, t->data, &t->split, &e), &e);
    if (t->log && !t->r.resume)
        fputs("epoch\tlr\ttrain_loss\tvalid_loss\tmetric\tbest\n", t->log);
    must(t, mm_pool_new(&pool, t->r.threads ? t->r.threads : mm_cpu_count(), &e), &e);
    if (!t->r.resume)
        unlink(o.checkpoint);
    must(t, mm_train(h, t->data, &t->split, &o, pool, on_epoch, t, &e), &e);
    must(t, mm_head_save(h, t->r.output, &e), &e);
    unlink(o.checkpoint);
    mm_pool_free(pool);
    if (!t->r.quiet)
        fprintf(stderr,
                "mm-train: %d samples, %d of them for validation; best epoch %d: validation loss %.4f, %s %.4f\n",
                t->split.n_train + t->split.n_valid, t->split.n_valid, t->best.epoch, t->best.valid_loss,
                t->task == MM_TASK_CLASSIFY  ? "accuracy"
                : t->task == MM_TASK_REGRESS ? "Pearson"
                                             : "recall@1",
                t->best.metric);
}

int main(int argc, char **argv)
{
    train t = {0};

    mm_run_begin(&t.r, &tool, argc, argv);
    take_task(&t);
    if (!t.r.output)
        mm_usage(&t.r, "-o FILE says where the head goes");
    if (opt.grid)
        plan_search(&t);
    else if (opt.trials)
        mm_usage(&t.r, "--trials goes with --grid");
    read_all(&t);
    mm_head *h = new_head(&t);
    split(&t, h);
    if (opt.log && !(t.log = fopen(opt.log, t.r.resume && !opt.grid ? "a" : "w")))
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    if (opt.grid)
        search(&t);
    else
        train_one(&t, h);
    if (t.log && fclose(t.log) != 0)
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    mm_head_free(h);
    mm_dataset_free(t.set);
    mm_arena_free(&t.arena);
    return mm_run_end(&t.r);
}
