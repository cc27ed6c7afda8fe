#include "train/train.h"

#include "base/clock.h"
#include "base/hash.h"
#include "train/calibrate.h"
#include "train/checkpoint.h"
#include "train/lbfgs_trainer.h"
#include "train/objective.h"
#include "train/optimiser.h"
#include "train/target_scale.h"

#include <math.h>
#include <stdlib.h>

/* A training under way. */
typedef struct {
    mm_head *head;
    const mm_data *data;
    const mm_split *split;
    const mm_train_opts *opts;
    mm_threads *pool;
    mm_objective objective;
    mm_adamw adam;
    mm_lbfgs_trainer *full; /* NULL: mini-batches */
    mm_tape *tape;
    mm_rng rng;
    mm_train_state at;
    int32_t *order; /* [n_train] this epoch's order */
    int32_t *pick;  /* [batch, inputs] */
    float **start;  /* parameters before the first epoch, one array a parameter */
    mm_arena arena; /* lives as long as the training */
    mm_arena batch; /* reset for each batch */
} trainer;

mm_train_opts mm_train_defaults(void)
{
    return (mm_train_opts){.epochs = 30,
                           .batch = 64,
                           .accumulate = 1,
                           .lr = 1e-3f,
                           .weight_decay = 0.01f,
                           .clip = 1,
                           .warmup = 0.1f,
                           .patience = 10,
                           .seed = 1};
}

int mm_train_epochs(const mm_train_opts *o, const mm_fuse_method *method, int n_train)
{
    enum { LEAST = 30, WITH_LBFGS = 1000 };
    int64_t each = (int64_t)o->batch * o->accumulate, an_epoch = n_train > 0 ? (n_train + each - 1) / each : 1;
    int64_t updates = method->flat ? 2000 : 1000, epochs = (updates + an_epoch - 1) / an_epoch;
    return o->solver == MM_SOLVER_LBFGS ? WITH_LBFGS : epochs > LEAST ? (int)epochs : LEAST;
}

float mm_train_lr(const mm_fuse_method *method)
{
    return method->flat ? 1e-2f : 1e-3f;
}

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

/* What decides the result: a checkpoint made with anything else is refused. */
static uint64_t recipe_of(const trainer *t)
{
    const mm_train_opts *o = t->opts;
    const double numbers[] = {o->epochs,           o->batch,
                              o->accumulate,       o->lr,
                              o->weight_decay,     o->clip,
                              o->warmup,           o->smoothing,
                              o->balanced,         o->modality_dropout,
                              o->align_loss,       o->bf16,
                              o->patience,         (double)o->seed,
                              o->solver,           o->refit,
                              t->head->hidden,     t->head->heads,
                              t->head->iterations, t->head->dropout};
    uint64_t h = mm_hash_more(MM_HASH_START, numbers, sizeof numbers);
    h = mm_hash_more(h, t->head->method->name, strlen(t->head->method->name));
    h = mm_hash_more(h, t->split->train, (size_t)t->split->n_train * sizeof *t->split->train);
    for (int i = 0; i < t->data->n; i++)
        h = mm_hash_more(h, t->data->key[i], strlen(t->data->key[i]));
    for (int m = 0; m < t->head->inputs; m++)
        h = mm_hash_more(h, t->head->input[m].mean,
                         (size_t)(t->head->input[m].mean ? t->head->input[m].width : 0) * sizeof(float));
    return h;
}

/* Copies of the parameters' values; NULL when memory is out. */
static float **copy_params(const mm_param_set *set, mm_arena *a)
{
    float **copy = mm_arena_zalloc(a, (size_t)set->n, sizeof *copy);
    for (int i = 0; copy && i < set->n; i++) {
        const mm_param *p = set->p[i];
        copy[i] = mm_arena_zalloc(a, (size_t)(p->rows * p->cols), sizeof(float));
        if (!copy[i])
            return NULL;
        memcpy(copy[i], p->value, (size_t)(p->rows * p->cols) * sizeof(float));
    }
    return copy;
}

static void put_params(mm_param_set *set, float *const *values)
{
    for (int i = 0; i < set->n; i++)
        memcpy(set->p[i]->value, values[i], (size_t)(set->p[i]->rows * set->p[i]->cols) * sizeof(float));
}

static mm_status prepare(trainer *t, mm_err *e)
{
    const mm_head *h = t->head;
    int batch = t->opts->batch;
    t->order = mm_arena_zalloc(&t->arena, (size_t)t->split->n_train, sizeof *t->order);
    t->pick = mm_arena_zalloc(&t->arena, (size_t)batch * (size_t)h->inputs, sizeof *t->pick);
    t->start = copy_params(&h->params, &t->arena);
    t->at.best = copy_params(&h->params, &t->arena);
    if (!t->order || !t->pick || !t->start || !t->at.best)
        return mm_fail_memory(e);
    t->objective = (mm_objective){.head = h, .data = t->data, .opts = t->opts};
    if (h->task == MM_TASK_REGRESS)
        mm_target_scale_fit(&t->objective, t->split->train, t->split->n_train);
    for (int i = 0; h->task == MM_TASK_CLASSIFY && t->opts->balanced && i < h->outputs; i++) {
        const mm_data_field *f = &t->data->field[mm_data_field_of(t->data, h->output[i].name)];
        t->objective.class_weight[i] = class_weights(f, t->split, &t->arena);
    }
    t->at.recipe = recipe_of(t);
    t->at.best_loss = INFINITY;
    t->rng.state = t->opts->seed;
    mm_status s = mm_adamw_new(&t->adam, &h->params, t->opts->weight_decay, e);
    if (s == MM_OK)
        s = mm_tape_new(&t->tape, t->pool, true, e);
    if (s == MM_OK && t->opts->solver == MM_SOLVER_LBFGS)
        s = mm_lbfgs_trainer_new(&t->full, &t->objective, t->split->train, t->split->n_train, t->opts->weight_decay,
                                 t->pool, e);
    return s;
}

/* ---- one epoch ---- */

static void shuffle(trainer *t)
{
    int n = t->split->n_train;
    memcpy(t->order, t->split->train, (size_t)n * sizeof *t->order);
    for (int i = n - 1; i > 0; i--) { /* Fisher and Yates */
        int j = (int)mm_rng_below(&t->rng, (uint64_t)i + 1);
        int32_t x = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = x;
    }
}

static int64_t rows_of(const trainer *t, int32_t sample, int m)
{
    int at = mm_data_modality_of(t->data, t->head->input[m].name);
    return at < 0 ? 0 : t->data->modality[at].cu[sample + 1] - t->data->modality[at].cu[sample];
}

/* Which rows of one sample take part: modality dropout leaves out modalities but never the last one that is there;
 * alignment takes one row at random where there are several (one caption of five). */
static void pick_rows(trainer *t, int32_t sample, int32_t *pick)
{
    int left = 0;
    for (int m = 0; m < t->head->inputs; m++)
        left += rows_of(t, sample, m) > 0;
    for (int m = 0; m < t->head->inputs; m++) {
        int64_t rows = rows_of(t, sample, m);
        pick[m] = MM_ALL_ROWS;
        if (t->head->task == MM_TASK_ALIGN && rows > 1)
            pick[m] = (int32_t)mm_rng_below(&t->rng, (uint64_t)rows);
        if (t->opts->modality_dropout > 0 && mm_rng_uniform(&t->rng) < t->opts->modality_dropout && rows && left > 1) {
            pick[m] = MM_NO_ROWS;
            left--;
        }
    }
}

/* Adds one mini-batch's gradients, scaled by share; its loss. MM_SKIP: nothing in it to learn from. */
static mm_status learn(trainer *t, const int32_t *sample, int n, float share, float *loss, mm_err *e)
{
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_tape_reset(t->tape);
    mm_tape_bf16(t->tape, t->opts->bf16);
    mm_arena_reset(&t->batch);
    for (int i = 0; i < n; i++)
        pick_rows(t, sample[i], t->pick + i * t->head->inputs);
    mm_status s = mm_data_batch(&b, t->data, t->head, sample, n, t->pick, &t->batch, e);
    if (s == MM_OK)
        s = t->head->method->forward(t->head, t->tape, &b, &t->rng, &f, e);
    if (s != MM_OK)
        return s;
    mm_node *y = mm_objective_loss(&t->objective, t->tape, &f, sample, n, &b, e);
    if (!y)
        return MM_SKIP;
    mm_backward(t->tape, y, share);
    *loss = mm_value(y)[0];
    return mm_tape_error(t->tape, e);
}

static int64_t updates_an_epoch(const trainer *t)
{
    int64_t each = (int64_t)t->opts->batch * t->opts->accumulate;
    return (t->split->n_train + each - 1) / each;
}

static float current_lr(const trainer *t)
{
    int64_t total = updates_an_epoch(t) * t->opts->epochs;
    return mm_learning_rate(t->opts->lr, t->adam.step, (int64_t)(t->opts->warmup * (float)total), total);
}

/* One update: up to `accumulate` mini-batches from order[from..to). */
static mm_status update(trainer *t, int from, int to, double *sum, mm_err *e)
{
    mm_status s = MM_OK;
    mm_param_set_zero_grad(&t->head->params);
    for (int i = from; s != MM_FATAL && i < to; i += t->opts->batch) {
        int n = to - i < t->opts->batch ? to - i : t->opts->batch;
        float loss = 0;
        s = learn(t, t->order + i, n, (float)n / (float)(to - from), &loss, e);
        *sum += (double)loss * n;
    }
    if (s == MM_FATAL)
        return s;
    mm_clip_gradients(&t->head->params, t->opts->clip);
    mm_adamw_step(&t->adam, &t->head->params, current_lr(t));
    return MM_OK;
}

static void keep_best(trainer *t)
{
    for (int i = 0; i < t->head->params.n; i++) {
        const mm_param *p = t->head->params.p[i];
        memcpy(t->at.best[i], p->value, (size_t)(p->rows * p->cols) * sizeof(float));
    }
}

/* All training samples once; the mean of their losses. MM_EOF: the minimum is reached. */
static mm_status pass(trainer *t, float *loss, mm_err *e)
{
    int n = t->split->n_train, each = t->opts->batch * t->opts->accumulate;
    double sum = 0;
    mm_status s = MM_OK;
    if (t->full)
        return mm_lbfgs_trainer_step(t->full, loss, e);
    shuffle(t);
    for (int i = 0; s == MM_OK && i < n; i += each)
        s = update(t, i, n - i < each ? n : i + each, &sum, e);
    *loss = (float)(sum / n);
    return s;
}

static mm_status epoch(trainer *t, mm_epoch *row, mm_err *e)
{
    mm_validation v;
    float loss = 0;
    mm_status s = pass(t, &loss, e);
    if (s == MM_OK)
        s = mm_validate(&v, &t->objective, t->split->valid, t->split->n_valid, t->pool, e);
    if (s != MM_OK)
        return s;
    /* without validation, or with one that says nothing (a single pair), the last epoch is the best */
    float judge = isnan(v.loss) ? -(float)t->at.epoch : v.loss;
    t->at.epoch++;
    t->at.waited++;
    if (judge < t->at.best_loss) {
        t->at.best_loss = judge;
        t->at.waited = 0;
        keep_best(t);
    }
    *row = (mm_epoch){.epoch = t->at.epoch,
                      .lr = t->full ? NAN : current_lr(t),
                      .train_loss = loss,
                      .valid_loss = v.loss,
                      .metric = v.metric,
                      .best = t->at.waited == 0};
    if (isnan(row->train_loss))
        return mm_fail(e, MM_FATAL, "the loss is no number any more in epoch %d: try a smaller --lr", row->epoch);
    return MM_OK;
}

/* Writes the checkpoint when one is due; `due` is when. */
static mm_status save_progress(trainer *t, double *due, mm_err *e)
{
    t->at.rng = t->rng.state;
    if (!t->opts->checkpoint || t->full || mm_seconds() < *due)
        return MM_OK;
    *due = mm_seconds() + t->opts->checkpoint_every;
    return mm_checkpoint_save(t->opts->checkpoint, &t->head->params, &t->adam, &t->at, e);
}

static mm_status run(trainer *t, mm_on_epoch on_epoch, void *ctx, mm_err *e)
{
    mm_epoch row;
    double due = mm_seconds() + t->opts->checkpoint_every;
    bool kept = t->opts->checkpoint && !t->full; /* L-BFGS begins anew: it comes to the same, and soon */
    const char *start = t->opts->start ? t->opts->start : t->opts->checkpoint;
    mm_status s = kept ? mm_checkpoint_load(start, &t->head->params, &t->adam, &t->at, e) : MM_EOF;
    if (s == MM_OK)
        t->rng.state = t->at.rng;
    else if (s == MM_EOF)
        s = MM_OK;
    while (s == MM_OK && t->at.epoch < t->opts->epochs && (!t->opts->patience || t->at.waited < t->opts->patience)) {
        s = epoch(t, &row, e);
        if (s == MM_EOF) /* the minimum */
            return MM_OK;
        if (s != MM_OK)
            break;
        bool stop = on_epoch && !on_epoch(ctx, &row);
        if (stop)
            due = 0; /* whoever stops it may want to go on later */
        s = save_progress(t, &due, e);
        if (s == MM_OK && stop)
            s = MM_EOF;
    }
    return s;
}

static void clean_up(trainer *t)
{
    mm_lbfgs_trainer_free(t->full);
    mm_tape_free(t->tape);
    mm_adamw_free(&t->adam);
    mm_arena_free(&t->batch);
    mm_arena_free(&t->arena);
}

static void keep_units(trainer *t)
{
    if (t->head->task == MM_TASK_REGRESS)
        mm_target_scale_store(t->head, &t->objective);
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Once more from the same start with the validation samples among those that train, for as many epochs as were best. */
static mm_status refit(trainer *first, mm_err *e)
{
    const mm_split *s = first->split;
    int epochs = first->at.epoch - first->at.waited;
    mm_split all = {.n_train = s->n_train + s->n_valid};
    mm_epoch row;
    trainer t = {.head = first->head, .data = first->data, .split = &all, .opts = first->opts, .pool = first->pool};
    all.train = mm_arena_alloc(&t.arena, (size_t)all.n_train * sizeof *all.train);
    if (!all.train)
        return mm_fail_memory(e);
    memcpy(all.train, s->train, (size_t)s->n_train * sizeof *all.train);
    memcpy(all.train + s->n_train, s->valid, (size_t)s->n_valid * sizeof *all.train);
    qsort(all.train, (size_t)all.n_train, sizeof *all.train, ascending);
    put_params(&t.head->params, first->start);
    mm_status status = prepare(&t, e);
    while (status == MM_OK && t.at.epoch < epochs)
        status = epoch(&t, &row, e);
    if (status == MM_OK || status == MM_EOF)
        keep_units(&t);
    clean_up(&t);
    return status == MM_EOF ? MM_OK : status;
}

mm_status mm_train(mm_head *h, const mm_data *d, const mm_split *split, const mm_train_opts *o, mm_threads *pool,
                   mm_on_epoch on_epoch, void *ctx, mm_err *e)
{
    trainer t = {.head = h, .data = d, .split = split, .opts = o, .pool = pool};
    if (split->n_train < 2)
        return mm_fail(e, MM_FATAL, "%d samples are too few to train on", split->n_train);
    if (o->solver == MM_SOLVER_LBFGS && (h->task == MM_TASK_ALIGN || h->dropout > 0 || o->modality_dropout > 0))
        return mm_fail(e, MM_FATAL, "L-BFGS needs a loss that is the same each time: no dropout, and no towers");
    mm_status s = prepare(&t, e);
    if (s == MM_OK)
        s = run(&t, on_epoch, ctx, e);
    if (s == MM_OK) {
        put_params(&h->params, t.at.best);
        s = mm_calibrate(h, &t.objective, split->valid, split->n_valid, pool, e);
    }
    if (s == MM_OK && o->refit && split->n_valid)
        s = refit(&t, e);
    else if (s == MM_OK)
        keep_units(&t);
    clean_up(&t);
    return s;
}
