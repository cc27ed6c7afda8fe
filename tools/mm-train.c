/* mm-train: labelled feature streams → a head, a small model that fuses modalities and decides. */
#include "base/file.h"
#include "base/names.h"
#include "base/suggest.h"
#include "cli/fusing.h"
#include "cli/grouping.h"
#include "cli/trials.h"
#include "fuse/head_from_data.h"
#include "train/calibrate.h"
#include "train/convergence.h"
#include "train/standardise.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static struct {
    const char *of, *group, *valid, *log;
    int method, loss, weights, precision, solver;
    mm_list fields, grid;
    int64_t hidden, heads, iterations, epochs, batch, accumulate, patience, seed, trials;
    double dropout, modality_dropout, lr, weight_decay, warmup, clip, smoothing, valid_share;
    bool raw, refit;
} opt = {.method = -1,
         .hidden = 128,
         .heads = 4,
         .iterations = 3,
         .batch = 64,
         .accumulate = 1,
         .patience = 10,
         .seed = 1,
         .weight_decay = 0.01,
         .warmup = 0.1,
         .clip = 1,
         .valid_share = 0.2};

static const char *method_at(int i)
{
    const mm_fuse_method *m = mm_fuse_methods()[i];
    return m ? m->name : NULL;
}

static const mm_opt options[] = {
    {0, "method", MM_OPT_CHOICE, &opt.method, .help = "how modalities are fused (mlp; for align: align)",
     .choice_at = method_at},
    {0, "of", MM_OPT_STR, &opt.of, "NAMES",
     .help = "use these modalities, in this order, separated by commas (all that come)"},
    {0, "label", MM_OPT_LIST, &opt.fields, "FIELD",
     .help = "learn this label field; several, separated by commas or given one by one, make one head with "
             "several outputs (all fields that come)"},
    {0, "field", MM_OPT_LIST, &opt.fields, "FIELD", .help = "the same as --label, as mm-label and mm-eval call it"},
    {0, "hidden", MM_OPT_INT, &opt.hidden, "N", .help = "width of a modality's hidden vector, or of the joint space",
     .min = 1, .max = 65536},
    {0, "heads", MM_OPT_INT, &opt.heads, "N", .help = "attention heads", .min = 1, .max = 64},
    {0, "iterations", MM_OPT_INT, &opt.iterations, "N", .help = "rounds of routing by agreement", .min = 1, .max = 64},
    {0, "dropout", MM_OPT_FLOAT, &opt.dropout, "P", .help = "dropout before the output; for align of the input"},
    {0, "modality-dropout", MM_OPT_FLOAT, &opt.modality_dropout, "P",
     .help = "leave a modality of a training sample out with this probability"},
    {0, "loss", MM_OPT_CHOICE, &opt.loss, .help = "the loss of align", .choices = "info-nce|sigmoid"},
    {0, "solver", MM_OPT_CHOICE, &opt.solver,
     .help = "learn from mini-batches, or find the minimum over all samples at once (not with dropout)",
     .choices = "adamw|lbfgs"},
    {0, "epochs", MM_OPT_INT, &opt.epochs, "N",
     .help = "passes over the training samples, at most (30, or as many as make 1000 updates, 2000 with linear "
             "and dempster; 1000 with lbfgs)",
     .min = 1, .max = 1000000},
    {0, "batch", MM_OPT_INT, &opt.batch, "N", .help = "samples of a mini-batch", .min = 1, .max = 1 << 20},
    {0, "accumulate", MM_OPT_INT, &opt.accumulate, "N", .help = "mini-batches that make one update", .min = 1,
     .max = 1 << 20},
    {0, "lr", MM_OPT_FLOAT, &opt.lr, "RATE", .help = "highest learning rate (0.001; 0.01 with linear and dempster)"},
    {0, "weight-decay", MM_OPT_FLOAT, &opt.weight_decay, "W", .help = "decoupled weight decay"},
    {0, "warmup", MM_OPT_FLOAT, &opt.warmup, "SHARE", .help = "share of the updates in which the learning rate rises"},
    {0, "clip", MM_OPT_FLOAT, &opt.clip, "NORM", .help = "largest norm of the gradients; 0 clips nothing"},
    {0, "smoothing", MM_OPT_FLOAT, &opt.smoothing, "E", .help = "label smoothing"},
    {0, "class-weights", MM_OPT_CHOICE, &opt.weights, .help = "weigh classes by their rarity",
     .choices = "none|balanced"},
    {0, "patience", MM_OPT_INT, &opt.patience, "N",
     .help = "stop after N epochs without a better validation loss; 0 never stops early", .min = 0, .max = 1000000},
    {0, "refit", MM_OPT_FLAG, &opt.refit,
     .help = "at the end, train again on the validation samples as well, for as many epochs as were best"},
    {0, "valid", MM_OPT_STR, &opt.valid, "FILE", .help = "validate on the samples of this stream",
     .complete = MM_COMPLETE_FILE},
    {0, "valid-share", MM_OPT_FLOAT, &opt.valid_share, "SHARE",
     .help = "without --valid: validate on this share of the groups"},
    {0, "group", MM_OPT_STR, &opt.group, "REGEX",
     .help = "what names a group in the key (what the first parentheses enclose, if there are any), which is "
             "never split between training and validation (the whole key)"},
    {0, "seed", MM_OPT_INT, &opt.seed, "N", .help = "where the random numbers start; the same seed gives the same file",
     .min = 0, .max = INT64_MAX},
    {0, "raw", MM_OPT_FLAG, &opt.raw, .help = "take vectors as they are, without standardising them"},
    {0, "products", MM_OPT_CHOICE, &opt.precision, .help = "matrix products in bf16, with f32 master weights",
     .choices = "fp32|bf16"},
    {0, "grid", MM_OPT_LIST, &opt.grid, "NAME=VALUES,...",
     .help = "search for the best settings: values of options, as lists (batch=16|32|64) and ranges "
             "(lr=1e-4..1e-2:log); given several times, over all of them; trials run beside each other, as many "
             "as there are threads, and a table of them goes to standard output"},
    {0, "trials", MM_OPT_INT, &opt.trials, "N",
     .help = "with --grid: try N settings, at random where there are more (all points of lists; 16 where there "
             "are ranges)",
     .min = 1, .max = MM_MAX_TRIALS},
    {0, "log", MM_OPT_STR, &opt.log, "FILE", .help = "write one line of TSV for each epoch",
     .complete = MM_COMPLETE_FILE},
    {0},
};

static const char *const examples[] = {
    "mm-train classify -o head.safetensors labelled.mm",
    "mm-train classify --method gated --modality-dropout 0.3 -o head.safetensors labelled.mm",
    "mm-train align --hidden 256 --dropout 0.2 -o towers.safetensors pairs.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-train",
    .summary = "train fusion heads, classifiers and alignment towers on feature streams",
    .operands = "classify|regress|align [STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_CHECKPOINT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES,
};

typedef struct {
    mm_run r;
    mm_task task;
    mm_dataset *set, *valid; /* valid: keys of --valid */
    const mm_data *data;
    mm_seen modalities; /* that came, wanted or not */
    mm_split split;
    FILE *log;
    mm_epoch best;
    mm_convergence falling;
    mm_tune tune;
    const char *grid; /* all that --grid says */
    mm_arena arena;
} train;

static void must(train *t, mm_status s, const mm_err *e)
{
    mm_must(&t->r, s, e);
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

/* ---- samples ---- */

static bool wanted(mm_str of)
{
    const char *list = opt.of;
    for (mm_str name; (name = mm_name_next(&list)).p;)
        if (mm_str_eq(of, name))
            return true;
    return !opt.of;
}

static mm_status take(void *ctx, mm_record *rec, mm_err *e)
{
    train *t = ctx;
    if (rec->kind == MM_KIND_FEATURE)
        mm_seen_add(&t->modalities, mm_record_modality(rec), &t->arena);
    if (rec->kind == MM_KIND_FEATURE && !wanted(mm_record_modality(rec)))
        rec->has_tensor = false; /* its label still counts */
    return mm_dataset_add(t->set, rec, NULL, e);
}

static mm_status take_valid(void *ctx, mm_record *rec, mm_err *e)
{
    train *t = ctx;
    mm_status s = mm_dataset_add(t->valid, rec, NULL, e);
    return s == MM_OK ? take(ctx, rec, e) : s;
}

/* A head without a modality that was asked for is not what was asked for. */
static void check_modalities(train *t)
{
    char hint[200];
    mm_str name = mm_seen_missing(&t->modalities, opt.of);
    if (name.p)
        mm_die(&t->r, "no record is of %.*s%s", MM_STRF(name),
               mm_suggest_text(hint, sizeof hint, name, t->modalities.v, t->modalities.n));
}

static void read_all(train *t)
{
    mm_err e;
    must(t, mm_dataset_new(&t->set, &e), &e);
    must(t, mm_dataset_new(&t->valid, &e), &e);
    mm_in_each(&t->r, take, t);
    if (opt.valid)
        mm_in_each_of(&t->r, opt.valid, take_valid, t);
    check_modalities(t);
    must(t, mm_dataset_finish(t->set, &t->data, &e), &e);
}

/* --group that does something else than whoever gave it thinks lets a speaker both train and validate. */
static void check_groups(train *t, const uint8_t *usable)
{
    const char **key = mm_arena_alloc(&t->arena, (size_t)(t->data->n + 1) * sizeof *key);
    int n = 0;
    if (!key)
        mm_die(&t->r, "out of memory");
    for (int i = 0; i < t->data->n; i++)
        if (usable[i])
            key[n++] = t->data->key[i];
    mm_grouping_check(&t->r, opt.group, key, n, opt.valid_share > 0 ? "to validate with" : NULL);
}

static void split(train *t, const mm_head *h)
{
    mm_err e;
    const mm_data *valid;
    uint8_t *usable = mm_usable_samples(t->data, h, &t->arena);
    if (!usable)
        mm_die(&t->r, "out of memory");
    must(t, mm_dataset_finish(t->valid, &valid, &e), &e);
    if (!opt.valid)
        check_groups(t, usable);
    must(t,
         opt.valid ? mm_split_keys(&t->split, t->data, usable, valid, &t->arena, &e)
                   : mm_split_groups(&t->split, t->data, usable, opt.group, opt.valid_share, (uint64_t)opt.seed,
                                     &t->arena, &e),
         &e);
    if (!opt.valid && opt.group && opt.valid_share > 0 && !t->split.n_valid)
        mm_warn(&t->r,
                "nothing is left to validate with: the first group drawn is far larger than --valid-share %g of "
                "the samples; another --seed draws another, a larger --valid-share takes it",
                opt.valid_share);
}

/* ---- what the options say ---- */

static const char *method_name(const train *t)
{
    return opt.method >= 0 ? method_at(opt.method) : t->task == MM_TASK_ALIGN ? "align" : "mlp";
}

static mm_status new_head(const train *t, mm_head **h, mm_err *e)
{
    mm_head like = {.task = t->task,
                    .hidden = opt.hidden,
                    .heads = (int)opt.heads,
                    .iterations = (int)opt.iterations,
                    .dropout = (float)opt.dropout};
    const char *method = method_name(t);
    if ((strcmp(method, "align") == 0) != (t->task == MM_TASK_ALIGN))
        return mm_fail(e, MM_SKIP, "--method align and the task align belong together");
    like.method = mm_fuse_method_of(method);
    mm_status s = mm_head_inputs_from_data(&like, t->data, opt.of, e);
    if (s == MM_OK && t->task != MM_TASK_ALIGN)
        s = mm_head_outputs_from_data(&like, t->data, opt.fields.v, opt.fields.n, e);
    return s == MM_OK ? mm_head_new(h, &like, (uint64_t)opt.seed, e) : s;
}

static mm_train_opts train_opts(const train *t)
{
    mm_train_opts o = mm_train_defaults();
    const mm_fuse_method *method = mm_fuse_method_of(method_name(t));
    o.solver = (mm_solver)opt.solver;
    o.refit = opt.refit;
    o.batch = (int)opt.batch;
    o.accumulate = (int)opt.accumulate;
    o.epochs = opt.epochs ? (int)opt.epochs : mm_train_epochs(&o, method, t->split.n_train);
    o.lr = opt.lr > 0 ? (float)opt.lr : mm_train_lr(method);
    o.weight_decay = (float)opt.weight_decay;
    o.clip = (float)opt.clip;
    o.warmup = (float)opt.warmup;
    o.smoothing = (float)opt.smoothing;
    o.balanced = opt.weights == 1;
    o.modality_dropout = (float)opt.modality_dropout;
    o.align_loss = (mm_align_loss)opt.loss;
    o.bf16 = opt.precision == 1;
    o.patience = (int)opt.patience;
    o.seed = (uint64_t)opt.seed;
    return o;
}

/* ---- one training ---- */

static const char *const metrics[] = {"accuracy", "Pearson", "recall@1"}; /* by task */

/* "validation loss 0.1234, accuracy 0.9876", a dash for what the data do not define; empty without validation. */
static const char *validated(const train *t, const char *before, double loss, double metric, char out[128])
{
    char number[2][32] = {"-", "-"};
    if (!isnan(loss))
        snprintf(number[0], sizeof number[0], "%.4f", loss);
    if (!isnan(metric))
        snprintf(number[1], sizeof number[1], "%.4f", metric);
    *out = 0;
    if (t->split.n_valid)
        snprintf(out, 128, "%svalidation loss %s, %s %s", before, number[0], metrics[t->task], number[1]);
    return out;
}

/* A cell of a table: empty where there is nothing to tell. */
static void put_cell(FILE *f, double x)
{
    if (!isnan(x))
        fprintf(f, "%.6g", x);
    putc('\t', f);
}

static bool on_epoch(void *ctx, const mm_epoch *row)
{
    train *t = ctx;
    char judged[128];
    const double cells[] = {row->lr, row->train_loss, row->valid_loss, row->metric};
    if (row->best)
        t->best = *row;
    mm_convergence_add(&t->falling, row);
    if (t->log) {
        fprintf(t->log, "%d\t", row->epoch);
        for (int i = 0; i < 4; i++)
            put_cell(t->log, cells[i]);
        fprintf(t->log, "%d\n", row->best);
    }
    validated(t, ", ", row->valid_loss, row->metric, judged);
    mm_say(&t->r.log, MM_LOG_INFO, "epoch %d: loss %.4f%s%s", row->epoch, row->train_loss, judged,
           row->best && t->split.n_valid ? " *" : "");
    mm_progress_note(&t->r, "loss %.4f%s", row->train_loss, judged);
    mm_progress(&t->r, row->epoch, t->falling.epochs);
    return true;
}

/* ", temperature 0.84", of several outputs each with its name. */
static const char *temperatures(train *t, const mm_head *h)
{
    const char *text = "";
    for (int i = 0; text && t->task == MM_TASK_CLASSIFY && t->split.n_valid && i < h->outputs; i++)
        text = mm_arena_printf(&t->arena, "%s, %s%stemperature %.3g", text, h->outputs > 1 ? h->output[i].name : "",
                               h->outputs > 1 ? " " : "", (double)h->output[i].temperature);
    return text ? text : "";
}

/* Labels that a regression cannot use. */
static void say_no_numbers(train *t, const mm_head *h)
{
    for (int o = 0; t->task == MM_TASK_REGRESS && o < h->outputs; o++) {
        const mm_data_field *f = &t->data->field[mm_data_field_of(t->data, h->output[o].name)];
        int n = 0, last = -1;
        for (int i = 0; i < t->data->n; i++) {
            if (f->id[i] >= 0 && isnan(f->number[i])) {
                last = f->id[i];
                n++;
            }
        }
        if (n)
            mm_warn(&t->r, "labels of %s that are no numbers and do not count: %d, such as \"%s\"", f->name, n,
                    f->classes[last]);
    }
}

/* Which columns vary too little to count; with -v, for models have such as well. */
static void say_dead_columns(train *t, const mm_head *h)
{
    for (int m = 0; m < h->inputs; m++) {
        const mm_head_input *in = &h->input[m];
        const char *list = "";
        int n = 0;
        for (int64_t c = 0; list && c < in->width; c++)
            if (isinf(in->std[c]) && ++n <= 10)
                list = mm_arena_printf(&t->arena, "%s%s%lld", list, n > 1 ? ", " : "", (long long)c + 1);
        if (n && list)
            mm_say(&t->r.log, MM_LOG_INFO, "%d of %lld columns of %s do not vary and are left out: %s%s", n,
                   (long long)in->width, in->name, list, n > 10 ? ", ..." : "");
    }
}

static void say_bounds(train *t, const mm_head *h)
{
    for (int i = 0; t->task == MM_TASK_CLASSIFY && t->split.n_valid && i < h->outputs; i++)
        if (mm_temperature_is_bound(h->output[i].temperature))
            mm_warn(
                &t->r,
                "the temperature of %s stopped at an end of its range, %.3g: its probabilities are not to be relied on",
                h->output[i].name, (double)h->output[i].temperature);
}

/* What whoever trained should know before trusting the head. */
static void say_doubts(train *t, const mm_head *h)
{
    const mm_convergence *f = &t->falling;
    say_bounds(t, h);
    if (t->split.n_valid && isnan(t->best.valid_loss))
        mm_warn(&t->r, "the samples for validation are too few to say anything: the last epoch is taken for the best");
    if (opt.solver == MM_SOLVER_LBFGS && f->seen == f->epochs)
        mm_warn(&t->r, "the minimum is not reached after %d iterations: more --epochs get there", f->epochs);
    else if (opt.solver != MM_SOLVER_LBFGS && mm_still_improving(f))
        mm_warn(&t->r, "the loss was still falling when %d epochs were over: more --epochs or a higher --lr learn more",
                f->epochs);
}

/* How many feature records the samples that were used are made of. */
static long long records_of(const train *t)
{
    int64_t n = 0;
    for (int i = 0; i < t->split.n_train; i++)
        n += t->data->records[t->split.train[i]];
    for (int i = 0; i < t->split.n_valid; i++)
        n += t->data->records[t->split.valid[i]];
    return n;
}

/* "best epoch 7: validation loss 0.1234, accuracy 0.9876, temperature 1.1", or what the last epoch came to. */
static void say_result(train *t, const mm_head *h)
{
    char judged[128];
    int valid = t->split.n_valid, all = t->split.n_train + valid;
    long long records = records_of(t);
    if (t->r.quiet)
        return;
    if (valid)
        fprintf(stderr, "mm-train: %d samples of %lld records, %d of them for validation; best epoch %d: %s%s\n", all,
                records, valid, t->best.epoch, validated(t, "", t->best.valid_loss, t->best.metric, judged),
                temperatures(t, h));
    else
        fprintf(stderr, "mm-train: %d samples of %lld records, none for validation; %d epochs: loss %.4f\n", all,
                records, t->best.epoch, t->best.train_loss);
}

static void train_one(train *t, mm_head *h)
{
    mm_err e;
    mm_threads *pool;
    mm_train_opts o = train_opts(t);
    t->falling = mm_convergence_new(o.epochs);
    o.checkpoint_every = 2; /* seconds: a training that is done sooner needs none */
    o.checkpoint = mm_arena_printf(&t->arena, "%s.checkpoint", t->r.output);
    if (!opt.raw) {
        must(t, mm_standardise(h, t->data, &t->split, &e), &e);
        say_dead_columns(t, h);
    }
    if (t->log && !t->r.resume)
        fputs("epoch\tlr\ttrain_loss\tvalid_loss\tmetric\tbest\n", t->log);
    must(t, mm_threads_new(&pool, t->r.threads, &e), &e);
    if (!t->r.resume && unlink(o.checkpoint) == 0)
        mm_warn(&t->r, "%s of an interrupted training is discarded; --resume would have continued from it",
                o.checkpoint);
    must(t, mm_train(h, t->data, &t->split, &o, pool, on_epoch, t, &e), &e);
    must(t, mm_head_save(h, t->r.output, &e), &e);
    unlink(o.checkpoint);
    mm_threads_free(pool);
    say_result(t, h);
    say_doubts(t, h);
}

/* ---- the search ---- */

/* What decides which samples there are is the same for all trials. */
static const char *const fixed[] = {"of",    "label", "field",  "valid", "valid-share",
                                    "group", "grid",  "trials", "log",   NULL};

static mm_status begin_trial(void *ctx, int trial, mm_head **h, mm_train_opts *o, mm_err *e)
{
    train *t = ctx;
    mm_status s = mm_trials_apply(&t->tune, options, trial, &t->arena, e);
    *o = train_opts(t);
    return s == MM_OK ? new_head(t, h, e) : s;
}

static void on_trial(void *ctx, int trial, const mm_trial *now, const char *why)
{
    train *t = ctx;
    char judged[128];
    const char *settings = mm_tune_settings(&t->tune, trial, &t->arena);
    if (why)
        mm_warn(&t->r, "trial %d (%s) failed: %s", trial + 1, settings, why);
    else
        mm_say(&t->r.log, MM_LOG_INFO, "trial %d (%s): %s after %d epochs", trial + 1, settings,
               validated(t, "", now->loss, now->metric, judged), now->epochs);
}

/* What the grid says, before anything is read: a value that no trial can have is found now. */
static void plan_search(train *t)
{
    mm_err e;
    mm_tune *u = &t->tune;
    t->grid = opt.grid.v[0];
    for (int i = 1; t->grid && i < opt.grid.n; i++)
        t->grid = mm_arena_printf(&t->arena, "%s,%s", t->grid, opt.grid.v[i]);
    if (!t->grid)
        mm_die(&t->r, "out of memory");
    mm_status s = mm_trials_plan(u, options, fixed, t->grid, (int)opt.trials, (uint64_t)opt.seed, &t->arena, &e);
    for (int i = 0; s == MM_OK && i < u->trials; i++) {
        __typeof__(opt) before = opt;
        s = mm_trials_apply(u, options, i, &t->arena, &e);
        opt = before;
    }
    if (s != MM_OK)
        mm_usage(&t->r, "--grid: %s", e.text);
}

static void search(train *t)
{
    mm_err e;
    int best;
    char judged[128];
    mm_head *h;
    mm_tune *u = &t->tune;
    u->data = t->data;
    u->split = &t->split;
    u->standardise = !opt.raw;
    u->workers = t->r.threads;
    u->output = t->r.output;
    u->dir = mm_arena_printf(&t->arena, "%s.search", t->r.output);
    u->what = mm_arena_printf(&t->arena, "%s, %d trials, seed %lld, %d + %d samples", t->grid, u->trials,
                              (long long)opt.seed, t->split.n_train, t->split.n_valid);
    u->resume = t->r.resume;
    if (!u->resume && u->dir && mm_dir_exists(u->dir))
        mm_warn(&t->r, "%s of an interrupted search is discarded; --resume would have continued from it", u->dir);
    u->begin = begin_trial;
    u->told = on_trial;
    u->ctx = t;
    mm_trial *trial = mm_arena_zalloc(&t->arena, (size_t)u->trials, sizeof *trial);
    if (!trial || !u->what || !u->dir)
        mm_die(&t->r, "out of memory");
    must(t, mm_tune_run(u, trial, &best, &e), &e);
    must(t, mm_head_load(&h, t->r.output, &e), &e);
    mm_tune_table(t->log ? t->log : stdout, u, trial, best, metrics[t->task]);
    if (!t->r.quiet)
        fprintf(stderr, "mm-train: %d trials; the best is %d (%s): %s%s\n", u->trials, best + 1,
                mm_tune_settings(u, best, &t->arena), validated(t, "", trial[best].loss, trial[best].metric, judged),
                temperatures(t, h));
    say_bounds(t, h);
    mm_head_free(h);
}

int main(int argc, char **argv)
{
    train t = {0};
    mm_head *h;
    mm_err e;
    mm_run_begin(&t.r, &tool, argc, argv);
    take_task(&t);
    if (!t.r.output)
        mm_usage(&t.r, "-o FILE says where the head goes");
    if (opt.grid.n)
        plan_search(&t);
    else if (opt.trials)
        mm_usage(&t.r, "--trials goes with --grid");
    read_all(&t);
    must(&t, new_head(&t, &h, &e), &e);
    mm_fusing_say_mixed(&t.r, t.data->mixed, t.data->mixed_key);
    split(&t, h);
    say_no_numbers(&t, h);
    if (opt.log && !(t.log = fopen(opt.log, t.r.resume && !opt.grid.n ? "a" : "w")))
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    opt.grid.n ? search(&t) : train_one(&t, h);
    if (t.log && fclose(t.log) != 0)
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    mm_head_free(h);
    mm_dataset_free(t.set);
    mm_dataset_free(t.valid);
    mm_arena_free(&t.arena);
    return mm_run_end(&t.r);
}
