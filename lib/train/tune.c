#include "train/tune.h"

#include "base/file.h"
#include "train/standardise.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* One trial in its process. */
typedef struct {
    mm_trial *now;
    int stop_at, epochs; /* the epoch to pause after, and the last one */
} trial_run;

static void head_file(char *path, size_t n, const mm_tune *t, int trial)
{
    snprintf(path, n, "%s/%04d.safetensors", t->dir, trial);
}

static void checkpoint_file(char *path, size_t n, const mm_tune *t, int trial, int rung)
{
    snprintf(path, n, "%s/%04d.rung%d.checkpoint", t->dir, trial, rung);
}

static bool on_epoch(void *ctx, const mm_epoch *row)
{
    trial_run *r = ctx;
    r->now->epochs = row->epoch;
    if (row->best) {
        r->now->best_epoch = row->epoch;
        r->now->loss = row->valid_loss;
        r->now->metric = row->metric;
    }
    return row->epoch < r->stop_at || row->epoch == r->epochs;
}

/* A rung starts from the checkpoint of the previous one, never from its own: that may be the end of a trial whose
 * process died before it wrote the result, which would then be lost. */
static mm_status run_trial(void *ctx, int trial, double fraction, mm_trial *now, mm_err *e)
{
    const mm_tune *t = ctx;
    char start[4096], checkpoint[4096], head[4096];
    mm_head *h = NULL;
    mm_train_opts o;
    trial_run r = {.now = now};
    checkpoint_file(start, sizeof start, t, trial, now->rung - 1);
    checkpoint_file(checkpoint, sizeof checkpoint, t, trial, now->rung);
    head_file(head, sizeof head, t, trial);
    mm_status s = t->begin(t->ctx, trial, &h, &o, e);
    if (s == MM_OK && t->standardise)
        s = mm_standardise(h, t->data, t->split, e);
    if (s == MM_OK) {
        o.start = start;
        o.checkpoint = checkpoint;
        o.checkpoint_every = 1e9; /* only when it pauses */
        r.epochs = o.epochs;
        r.stop_at = (int)ceil(fraction * o.epochs);
        s = mm_train(h, t->data, t->split, &o, NULL, on_epoch, &r, e);
    }
    if (s == MM_OK) {
        now->done = true;
        s = mm_head_save(h, head, e);
    }
    mm_head_free(h);
    return s == MM_EOF ? MM_OK : s;
}

static void on_trial(void *ctx, int trial, const mm_trial *now, const char *why)
{
    const mm_tune *t = ctx;
    t->on_trial(t->ctx, trial, now, why);
}

/* Losses with different definitions are not comparable. */
static bool searches_the_loss(const mm_search_space *g)
{
    static const char *const names[] = {"loss", "smoothing", "class-weights"};
    for (int k = 0; k < g->n; k++)
        for (int i = 0; i < 3; i++)
            if (strcmp(g->dim[k].name, names[i]) == 0)
                return true;
    return false;
}

mm_status mm_tune_run(const mm_tune *t, mm_trial *trial, int *best, mm_err *e)
{
    char path[4096];
    const mm_sweep sweep = {.trials = t->trials,
                            .workers = t->workers,
                            .dir = t->dir,
                            .by_metric = searches_the_loss(&t->grid),
                            .run = run_trial,
                            .on_trial = on_trial,
                            .ctx = (void *)t};
    if (!t->split->n_valid)
        return mm_fail(e, MM_SKIP, "a search needs samples to validate on");
    mm_status s = mm_sweep_begin(t->dir, t->what, t->resume, e);
    if (s == MM_OK)
        s = mm_sweep_run(&sweep, trial, best, e);
    if (s != MM_OK)
        return s;
    head_file(path, sizeof path, t, *best);
    /* a search that was interrupted after this rename has the head in place already */
    if (rename(path, t->output) != 0 && !(errno == ENOENT && mm_file_exists(t->output)))
        return mm_fail(e, MM_FATAL, "%s: %s", t->output, strerror(errno));
    mm_sweep_remove(t->dir);
    return MM_OK;
}

const char *mm_tune_settings(const mm_tune *t, int trial, mm_arena *a)
{
    const char *text = "";
    for (int k = 0; text && k < t->grid.n; k++)
        text =
            mm_arena_printf(a, "%s%s%s=%s", text, k ? " " : "", t->grid.dim[k].name, t->value[trial * t->grid.n + k]);
    return text;
}

/* A cell; empty for a failed trial. */
static void put_cell(FILE *f, double x)
{
    putc('\t', f);
    if (isfinite(x))
        fprintf(f, "%.6g", x);
}

void mm_tune_table(FILE *f, const mm_tune *t, const mm_trial *trial, int best, const char *metric)
{
    const mm_search_space *g = &t->grid;
    fputs("trial", f);
    for (int k = 0; k < g->n; k++)
        fprintf(f, "\t%s", g->dim[k].name);
    fprintf(f, "\trung\tran_epochs\tbest_epoch\tvalid_loss\t%s\tbest\n", metric);
    for (int i = 0; i < t->trials; i++) {
        fprintf(f, "%d", i + 1);
        for (int k = 0; k < g->n; k++)
            fprintf(f, "\t%s", t->value[i * g->n + k]);
        fprintf(f, "\t%d\t%d\t%d", trial[i].rung, trial[i].epochs, trial[i].best_epoch);
        put_cell(f, trial[i].loss);
        put_cell(f, trial[i].metric);
        fprintf(f, "\t%d\n", i == best);
    }
}
