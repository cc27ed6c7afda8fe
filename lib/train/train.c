#include "train/train.h"

#include "base/clock.h"
#include "base/hash.h"
#include "train/adamw_trainer.h"
#include "train/calibrate.h"
#include "train/checkpoint.h"
#include "train/lbfgs_trainer.h"
#include "train/standardise.h"
#include "train/validate.h"

#include <math.h>
#include <stdlib.h>

/* A training under way, by one of two solvers. */
typedef struct {
    mm_objective objective;
    const mm_split *split;
    mm_threads *pool;
    mm_adamw_trainer adamw;
    mm_lbfgs_trainer *lbfgs; /* NULL: AdamW */
    mm_train_state at;
    float **start; /* parameters before the first epoch, an array for each */
    mm_arena arena;
} trainer;

/* ---- preparation ---- */

static float *class_weights(const mm_data_field *f, const mm_split *s, mm_arena *a)
{
    float *w = mm_arena_zalloc(a, (size_t)f->count, sizeof *w);
    int seen = 0;
    for (int i = 0; w && i < s->n_train; i++) {
        if (f->id[s->train[i]] >= 0) {
            w[f->id[s->train[i]]]++;
            seen++;
        }
    }
    for (int c = 0; w && c < f->count; c++)
        w[c] = w[c] > 0 ? (float)seen / ((float)f->count * w[c]) : 0;
    return w;
}

/* A digest of all that decides the result: a checkpoint of anything else is refused. */
static uint64_t fingerprint_of(const trainer *t)
{
    const mm_train_opts *o = t->objective.opts;
    const mm_head *head = t->objective.head;
    const mm_data *d = t->objective.data;
    const double align_loss = o->align_loss + 1; /* as in the checkpoints that exist */
    const double numbers[] = {
        o->epochs,    o->batch,    o->accumulate,       o->lr,       o->weight_decay,  o->clip,      o->warmup,
        o->smoothing, o->balanced, o->modality_dropout, align_loss,  o->bf16,          o->patience,  (double)o->seed,
        o->solver,    o->refit,    head->hidden,        head->heads, head->iterations, head->dropout};
    uint64_t h = mm_hash_more(MM_HASH_START, numbers, sizeof numbers);
    h = mm_hash_more(h, head->method->name, strlen(head->method->name));
    h = mm_hash_more(h, t->split->train, (size_t)t->split->n_train * sizeof *t->split->train);
    for (int i = 0; i < d->n; i++)
        h = mm_hash_more(h, d->key[i], strlen(d->key[i]));
    for (int m = 0; m < head->inputs; m++)
        if (head->input[m].mean)
            h = mm_hash_more(h, head->input[m].mean, (size_t)head->input[m].width * sizeof(float));
    return h;
}

/* Copies of the parameters' values; NULL when memory is out. */
static float **copy_params(const mm_param_set *set, mm_arena *a)
{
    float **copy = mm_arena_zalloc(a, (size_t)set->n, sizeof *copy);
    for (int i = 0; copy && i < set->n; i++) {
        size_t size = (size_t)mm_param_count(set->p[i]);
        copy[i] = mm_arena_zalloc(a, size, sizeof(float));
        if (!copy[i])
            return NULL;
        memcpy(copy[i], set->p[i]->value, size * sizeof(float));
    }
    return copy;
}

static void keep_params(float *const *values, const mm_param_set *set)
{
    for (int i = 0; i < set->n; i++)
        memcpy(values[i], set->p[i]->value, (size_t)mm_param_count(set->p[i]) * sizeof(float));
}

static void restore_params(mm_param_set *set, float *const *values)
{
    for (int i = 0; i < set->n; i++)
        memcpy(set->p[i]->value, values[i], (size_t)mm_param_count(set->p[i]) * sizeof(float));
}

static mm_status prepare(trainer *t, mm_err *e)
{
    mm_objective *o = &t->objective;
    const mm_head *h = o->head;
    const int32_t *train = t->split->train;
    int n = t->split->n_train;
    t->start = copy_params(&h->params, &t->arena);
    t->at.best = copy_params(&h->params, &t->arena);
    if (!t->start || !t->at.best)
        return mm_fail_memory(e);
    if (h->task == MM_TASK_REGRESS)
        mm_target_scale_fit(o, train, n);
    for (int i = 0; h->task == MM_TASK_CLASSIFY && o->opts->balanced && i < h->outputs; i++) {
        const mm_data_field *f = mm_data_field_of(o->data, h->output[i].name);
        o->class_weight[i] = class_weights(f, t->split, &t->arena);
    }
    t->at.fingerprint = fingerprint_of(t);
    t->at.best_loss = INFINITY;
    return o->opts->solver == MM_SOLVER_LBFGS
               ? mm_lbfgs_trainer_new(&t->lbfgs, o, train, n, o->opts->weight_decay, t->pool, e)
               : mm_adamw_trainer_init(&t->adamw, o, train, n, t->pool, e);
}

static void clean_up(trainer *t)
{
    mm_lbfgs_trainer_free(t->lbfgs);
    mm_adamw_trainer_free(&t->adamw);
    mm_arena_free(&t->arena);
}

/* ---- epochs ---- */

/* One epoch and its validation. MM_EOF: L-BFGS has reached the minimum. */
static mm_status epoch(trainer *t, mm_epoch *row, mm_err *e)
{
    mm_validation v;
    mm_train_state *at = &t->at;
    float loss = 0;
    mm_status s = t->lbfgs ? mm_lbfgs_trainer_step(t->lbfgs, &loss, e) : mm_adamw_trainer_epoch(&t->adamw, &loss, e);
    if (s == MM_OK)
        s = mm_validate(&v, &t->objective, t->split->valid, t->split->n_valid, t->pool, e);
    if (s != MM_OK)
        return s;
    /* without a validation loss (no samples, or a single pair) the last epoch is the best */
    float compared = isnan(v.loss) ? -(float)at->epoch : v.loss;
    at->epoch++;
    at->since_best++;
    if (compared < at->best_loss) {
        at->best_loss = compared;
        at->since_best = 0;
        keep_params(at->best, &t->objective.head->params);
    }
    *row = (mm_epoch){.epoch = at->epoch,
                      .lr = t->lbfgs ? NAN : mm_adamw_trainer_lr(&t->adamw),
                      .train_loss = loss,
                      .valid_loss = v.loss,
                      .metric = v.metric,
                      .best = at->since_best == 0};
    if (isnan(row->train_loss))
        return mm_fail(e, MM_FATAL, "the loss became NaN in epoch %d: try a lower learning rate", row->epoch);
    return MM_OK;
}

/* Writes a checkpoint if one is due; *due is when. */
static mm_status save_progress(trainer *t, double *due, mm_err *e)
{
    const mm_train_opts *o = t->objective.opts;
    if (!o->checkpoint || t->lbfgs || mm_seconds() < *due)
        return MM_OK;
    t->at.rng = t->adamw.rng.state;
    *due = mm_seconds() + o->checkpoint_every;
    return mm_checkpoint_save(o->checkpoint, &t->objective.head->params, &t->adamw.adam, &t->at, e);
}

/* Resumes from the checkpoint, if there is one. L-BFGS starts again: it gets to the same minimum, and soon. */
static mm_status load_progress(trainer *t, mm_err *e)
{
    const mm_train_opts *o = t->objective.opts;
    if (!o->checkpoint || t->lbfgs)
        return MM_OK;
    mm_status s =
        mm_checkpoint_load(o->start ? o->start : o->checkpoint, &t->objective.head->params, &t->adamw.adam, &t->at, e);
    if (s == MM_OK)
        t->adamw.rng.state = t->at.rng;
    return s == MM_EOF ? MM_OK : s;
}

static mm_status run(trainer *t, mm_on_epoch on_epoch, void *ctx, mm_err *e)
{
    mm_epoch row;
    const mm_train_opts *o = t->objective.opts;
    double due = mm_seconds() + o->checkpoint_every;
    mm_status s = load_progress(t, e);
    while (s == MM_OK && t->at.epoch < o->epochs && (!o->patience || t->at.since_best < o->patience)) {
        s = epoch(t, &row, e);
        if (s == MM_EOF) /* the minimum */
            return MM_OK;
        if (s != MM_OK)
            break;
        bool stop = on_epoch && !on_epoch(ctx, &row);
        if (stop)
            due = 0; /* to resume from here */
        s = save_progress(t, &due, e);
        if (s == MM_OK && stop)
            s = MM_EOF;
    }
    return s;
}

/* ---- the whole ---- */

static void store_target_scale(const trainer *t)
{
    if (t->objective.head->task == MM_TASK_REGRESS)
        mm_target_scale_store(t->objective.head, &t->objective);
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Trains again from the same start, on the validation samples as well, for as many epochs as were best. */
static mm_status refit(trainer *first, mm_err *e)
{
    const mm_split *s = first->split;
    const mm_objective *o = &first->objective;
    int epochs = first->at.epoch - first->at.since_best;
    mm_split all = {.n_train = s->n_train + s->n_valid};
    mm_epoch row;
    trainer t = {.objective = {.head = o->head, .data = o->data, .opts = o->opts}, .split = &all, .pool = first->pool};
    all.train = mm_arena_alloc(&t.arena, (size_t)all.n_train * sizeof *all.train);
    if (!all.train)
        return mm_fail_memory(e);
    memcpy(all.train, s->train, (size_t)s->n_train * sizeof *all.train);
    memcpy(all.train + s->n_train, s->valid, (size_t)s->n_valid * sizeof *all.train);
    qsort(all.train, (size_t)all.n_train, sizeof *all.train, ascending);
    restore_params(&o->head->params, first->start);
    mm_status status = prepare(&t, e);
    while (status == MM_OK && t.at.epoch < epochs)
        status = epoch(&t, &row, e);
    if (status == MM_OK || status == MM_EOF)
        store_target_scale(&t);
    clean_up(&t);
    return status == MM_EOF ? MM_OK : status;
}

mm_status mm_train(mm_head *h, const mm_data *d, const mm_split *split, const mm_train_opts *o, mm_threads *pool,
                   mm_on_epoch on_epoch, void *ctx, mm_err *e)
{
    trainer t = {.objective = {.head = h, .data = d, .opts = o}, .split = split, .pool = pool};
    if (split->n_train < 2)
        return mm_fail(e, MM_FATAL, "%d samples are too few to train on", split->n_train);
    if (o->solver == MM_SOLVER_LBFGS && (h->task == MM_TASK_ALIGN || h->dropout > 0 || o->modality_dropout > 0))
        return mm_fail(e, MM_FATAL, "L-BFGS needs a loss that never changes: it has no dropout and no align");
    mm_status s = prepare(&t, e);
    if (s == MM_OK)
        s = run(&t, on_epoch, ctx, e);
    if (s == MM_OK) {
        restore_params(&h->params, t.at.best);
        s = mm_calibrate(h, &t.objective, split->valid, split->n_valid, pool, e);
    }
    if (s == MM_OK && o->refit && split->n_valid)
        s = refit(&t, e);
    else if (s == MM_OK)
        store_target_scale(&t);
    clean_up(&t);
    return s;
}
