/* mm-train: labelled feature streams → a head, a small model that fuses modalities and predicts. */
#include "cli/fusing.h"
#include "cli/trials.h"
#include "train/standardise.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static struct {
    const char *of, *group, *valid, *log;
    int method, loss, weights, precision, solver;
    mm_list fields, grid;
    int64_t hidden, heads, iterations, epochs, batch, accumulate, patience, seed, trials;
    double dropout, modality_dropout, lr, weight_decay, warmup, clip, smoothing, valid_fraction;
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
         .valid_fraction = 0.2};

static const char *method_at(int i)
{
    const mm_fuse_method *m = mm_fuse_methods()[i];
    return m ? m->name : NULL;
}

static const mm_opt options[] = {
    {0, "method", MM_OPT_CHOICE, &opt.method, .help = "how modalities are fused (default: mlp; for align: align)",
     .choice_at = method_at, .group = "Head"},
    {0, "of", MM_OPT_STR, &opt.of, "NAMES",
     .help = "use these modalities, in this order, separated by commas (default: all)", .group = "Head"},
    {0, "label", MM_OPT_LIST, &opt.fields, "FIELD",
     .help = "learn this label field; several (comma-separated, or the option repeated) make one head with several "
             "outputs (default: all)",
     .group = "Head"},
    {0, "field", MM_OPT_LIST, &opt.fields, "FIELD", .help = "the same as --label, as mm-label and mm-eval call it",
     .group = "Head"},
    {0, "hidden", MM_OPT_INT, &opt.hidden, "N", .help = "width of a modality's hidden vector, or of the joint space",
     .min = 1, .max = 65536, .group = "Head"},
    {0, "heads", MM_OPT_INT, &opt.heads, "N", .help = "attention heads", .min = 1, .max = 64, .group = "Head",
     .with = "method=attention|method=cross|grid"},
    {0, "iterations", MM_OPT_INT, &opt.iterations, "N", .help = "iterations of routing by agreement", .min = 1,
     .max = 64, .group = "Head", .with = "method=routing|grid"},
    {0, "raw", MM_OPT_FLAG, &opt.raw, .help = "do not standardise the input vectors", .group = "Head"},
    {0, "solver", MM_OPT_CHOICE, &opt.solver,
     .help = "AdamW on mini-batches, or L-BFGS on all samples to the minimum (without dropout, not for align)",
     .choices = "adamw|lbfgs", .group = "Training"},
    {0, "epochs", MM_OPT_INT, &opt.epochs, "N",
     .help = "passes over the training samples, at most (default: 30, or as many as make 1000 updates, 2000 with "
             "linear and "
             "dempster; 1000 with lbfgs)",
     .min = 1, .max = 1000000, .group = "Training"},
    {0, "batch", MM_OPT_INT, &opt.batch, "N", .help = "samples in a mini-batch", .min = 1, .max = 1 << 20,
     .group = "Training"},
    {0, "accumulate", MM_OPT_INT, &opt.accumulate, "N", .help = "mini-batches for one update", .min = 1, .max = 1 << 20,
     .group = "Training"},
    {0, "lr", MM_OPT_FLOAT, &opt.lr, "RATE", .above = true, .most = INFINITY,
     .help = "peak learning rate (default: 0.001; 0.01 with linear and dempster)", .group = "Training"},
    {0, "warmup", MM_OPT_FLOAT, &opt.warmup, "FRACTION", .most = 1,
     .help = "fraction of the updates in which the learning rate rises to its peak", .group = "Training"},
    {0, "weight-decay", MM_OPT_FLOAT, &opt.weight_decay, "W", .most = INFINITY,
     .help = "decoupled weight decay; with lbfgs the L2 penalty", .group = "Training"},
    {0, "clip", MM_OPT_FLOAT, &opt.clip, "NORM", .most = INFINITY,
     .help = "clip the gradients to this norm; 0: no clipping", .group = "Training"},
    {0, "dropout", MM_OPT_FLOAT, &opt.dropout, "P", .most = 1,
     .help = "dropout before the output; for align, of the input", .group = "Training"},
    {0, "modality-dropout", MM_OPT_FLOAT, &opt.modality_dropout, "P", .most = 1,
     .help = "leave out a modality of a training sample with this probability", .group = "Training"},
    {0, "loss", MM_OPT_CHOICE, &opt.loss, .help = "the loss of align", .choices = "info-nce|sigmoid",
     .group = "Training", .commands = "align"},
    {0, "smoothing", MM_OPT_FLOAT, &opt.smoothing, "E", .most = 1, .help = "label smoothing", .group = "Training",
     .commands = "classify"},
    {0, "class-weights", MM_OPT_CHOICE, &opt.weights, .help = "balanced: weigh classes inversely to their frequency",
     .choices = "none|balanced", .group = "Training", .commands = "classify"},
    {0, "products", MM_OPT_CHOICE, &opt.precision, .help = "data type of matrix products; weights stay fp32",
     .choices = "fp32|bf16", .group = "Training"},
    {0, "seed", MM_OPT_INT, &opt.seed, "N", .help = "random seed; the same seed gives the same file", .min = 0,
     .max = INT64_MAX, .group = "Training"},
    {0, "log", MM_OPT_STR, &opt.log, "FILE", .help = "write a line of TSV for each epoch", .complete = MM_COMPLETE_FILE,
     .group = "Training"},
    {0, "valid", MM_OPT_STR, &opt.valid, "FILE", .help = "validate on the samples of this stream",
     .complete = MM_COMPLETE_FILE, .group = "Validation"},
    {0, "valid-fraction", MM_OPT_FLOAT, &opt.valid_fraction, "FRACTION", .most = 1, .without = "valid",
     .help = "without --valid: validate on this fraction of the samples", .group = "Validation", .was = "valid-share"},
    {0, "group", MM_OPT_STR, &opt.group, "REGEX",
     .help = "the part of a key (the first parentheses, or the whole match) that names its group, which never both "
             "trains and validates (default: the whole key)",
     .group = "Validation"},
    {0, "patience", MM_OPT_INT, &opt.patience, "N",
     .help = "stop after N epochs without a better validation loss; 0: never stop early", .min = 0, .max = 1000000,
     .group = "Validation"},
    {0, "refit", MM_OPT_FLAG, &opt.refit,
     .help = "at the end, train again on the validation samples too, for as many epochs as were best",
     .group = "Validation"},
    {0, "grid", MM_OPT_LIST, &opt.grid, "NAME=VALUES,...",
     .help = "search for the best settings: values of options, as lists (batch=16|32|64) and ranges "
             "(lr=1e-4..1e-2:log); repeated options are searched together; trials run in parallel, as many as there "
             "are threads, and their table goes to standard output",
     .group = "Search"},
    {0, "trials", MM_OPT_INT, &opt.trials, "N",
     .help = "with --grid: try N settings, drawn at random if there are more (default: all points of lists; 16 with "
             "ranges)",
     .min = 1, .max = MM_MAX_TRIALS, .group = "Search", .with = "grid"},
    {0},
};

static const char *const synopsis[] = {
    "classify|regress|align -o HEAD [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-train classify -o head.safetensors labelled.mm",
    "mm-train classify --method gated --modality-dropout 0.3 -o head.safetensors labelled.mm",
    "mm-train align --hidden 256 --dropout 0.2 -o projections.safetensors pairs.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-train",
    .summary = "train classifiers, regressors, fusion heads and projection heads on feature streams",
    .synopsis = synopsis,
    .operands = "classify|regress|align [STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_CHECKPOINT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES,
};

typedef struct {
    mm_run r;
    mm_task task;
    mm_training_data samples;
    mm_training_report report;
    mm_trials trials;
    mm_arena arena;
} train;

/* ---- what the options say ---- */

static const mm_fuse_method *method_of(const train *t)
{
    return opt.method >= 0 ? mm_fuse_methods()[opt.method]
                           : mm_fuse_method_of(t->task == MM_TASK_ALIGN ? "align" : "mlp");
}

static mm_status new_head(const train *t, mm_head **h, mm_err *e)
{
    const mm_data *d = t->samples.data;
    mm_head like = {.method = method_of(t),
                    .task = t->task,
                    .hidden = opt.hidden,
                    .heads = (int)opt.heads,
                    .iterations = (int)opt.iterations,
                    .dropout = (float)opt.dropout};
    if ((strcmp(like.method->name, "align") == 0) != (t->task == MM_TASK_ALIGN))
        return mm_fail(e, MM_SKIP, "--method align and the task align belong together");
    mm_status s = mm_head_inputs_from_data(&like, d, opt.of, e);
    if (s == MM_OK && t->task != MM_TASK_ALIGN)
        s = mm_head_outputs_from_data(&like, d, opt.fields.v, opt.fields.n, e);
    return s == MM_OK ? mm_head_new(h, &like, (uint64_t)opt.seed, e) : s;
}

static mm_train_opts train_opts(const train *t)
{
    mm_train_opts o = mm_train_defaults();
    o.solver = (mm_solver)opt.solver;
    o.refit = opt.refit;
    o.batch = (int)opt.batch;
    o.accumulate = (int)opt.accumulate;
    o.epochs = opt.epochs ? (int)opt.epochs : mm_train_epochs(&o, method_of(t), t->samples.split.n_train);
    o.lr = opt.lr > 0 ? (float)opt.lr : mm_train_lr(method_of(t));
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

static void train_one(train *t, mm_head *h)
{
    mm_err e;
    mm_threads *pool;
    mm_train_opts o = train_opts(t);
    mm_training_report *report = &t->report;
    report->solver = o.solver;
    report->convergence = mm_convergence_new(o.epochs);
    o.checkpoint_every = 2; /* a training that takes less needs no checkpoint */
    o.checkpoint = mm_arena_printf(&t->arena, "%s.checkpoint", t->r.output);
    if (!opt.raw) {
        mm_must(&t->r, mm_standardise(h, t->samples.data, &t->samples.split, &e), &e);
        mm_training_say_columns(report, h);
    }
    if (report->log && !t->r.resume)
        fputs("epoch\tlr\ttrain_loss\tvalid_loss\tmetric\tbest\n", report->log);
    mm_must(&t->r, mm_threads_new(&pool, t->r.threads, &e), &e);
    if (!t->r.resume && unlink(o.checkpoint) == 0)
        mm_warn(&t->r, "%s of an interrupted training is discarded; --resume would have continued from it",
                o.checkpoint);
    mm_must(&t->r, mm_train(h, t->samples.data, &t->samples.split, &o, pool, mm_training_epoch, report, &e), &e);
    mm_must(&t->r, mm_head_save(h, t->r.output, &e), &e);
    unlink(o.checkpoint);
    mm_threads_free(pool);
    mm_training_say_result(report, h);
    mm_training_say_doubts(report, h);
}

/* ---- the tool ---- */

/* Options that decide which samples there are, or are about the search itself. */
static const char *const fixed[] = {"of",    "label", "field",  "valid", "valid-fraction",
                                    "group", "grid",  "trials", "log",   NULL};

static mm_status begin_trial(void *ctx, mm_head **h, mm_train_opts *o, mm_err *e)
{
    *o = train_opts(ctx);
    return new_head(ctx, h, e);
}

static void begin(train *t, int argc, char **argv)
{
    mm_run_begin(&t->r, &tool, argc, argv);
    if (!t->r.n_operands)
        mm_usage(&t->r, "the first operand says what to learn: classify, regress or align");
    if (!mm_task_of(&t->task, t->r.operands[0]))
        mm_usage(&t->r, "the first operand says what to learn: classify, regress or align, not '%s'", t->r.operands[0]);
    t->r.operands++;
    t->r.n_operands--;
    if (!t->r.output)
        mm_usage(&t->r, "-o FILE says where the head goes");
    t->samples = (mm_training_data){.of = opt.of,
                                    .valid = opt.valid,
                                    .group = opt.group,
                                    .fraction = opt.valid_fraction,
                                    .seed = (uint64_t)opt.seed};
    t->report = (mm_training_report){.run = &t->r, .data = &t->samples, .task = t->task, .arena = &t->arena};
    t->trials = (mm_trials){.run = &t->r,
                            .options = options,
                            .fixed = fixed,
                            .report = &t->report,
                            .arena = &t->arena,
                            .begin = begin_trial,
                            .ctx = t,
                            .tune.standardise = !opt.raw,
                            .seed = (uint64_t)opt.seed};
}

int main(int argc, char **argv)
{
    train t = {0};
    mm_head *h;
    mm_err e;
    begin(&t, argc, argv);
    if (opt.grid.n)
        mm_trials_plan(&t.trials, &opt.grid, (int)opt.trials, &opt, sizeof opt);
    mm_training_data_read(&t.samples, &t.r);
    mm_must(&t.r, new_head(&t, &h, &e), &e);
    mm_fusing_say_mixed(&t.r, t.samples.data->mixed, t.samples.data->mixed_key);
    mm_training_data_split(&t.samples, &t.r, h);
    mm_training_say_labels(&t.report, h);
    if (opt.log && !(t.report.log = fopen(opt.log, t.r.resume && !opt.grid.n ? "a" : "w")))
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    opt.grid.n ? mm_trials_run(&t.trials) : train_one(&t, h);
    if (t.report.log && fclose(t.report.log) != 0)
        mm_die(&t.r, "%s: %s", opt.log, strerror(errno));
    mm_head_free(h);
    mm_training_data_free(&t.samples);
    mm_arena_free(&t.arena);
    return mm_run_end(&t.r);
}
