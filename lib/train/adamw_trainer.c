#include "train/adamw_trainer.h"

mm_status mm_adamw_trainer_init(mm_adamw_trainer *t, const mm_objective *o, const int32_t *sample, int n,
                                mm_threads *pool, mm_err *e)
{
    *t = (mm_adamw_trainer){.o = o, .sample = sample, .n = n, .rng.state = o->opts->seed};
    t->order = mm_arena_zalloc(&t->arena, (size_t)n, sizeof *t->order);
    t->pick = mm_arena_zalloc(&t->arena, (size_t)o->opts->batch * (size_t)o->head->inputs, sizeof *t->pick);
    if (!t->order || !t->pick)
        return mm_fail_memory(e);
    mm_status s = mm_adamw_new(&t->adam, &o->head->params, o->opts->weight_decay, e);
    return s == MM_OK ? mm_tape_new(&t->tape, pool, true, e) : s;
}

void mm_adamw_trainer_free(mm_adamw_trainer *t)
{
    mm_tape_free(t->tape);
    mm_adamw_free(&t->adam);
    mm_arena_free(&t->batch);
    mm_arena_free(&t->arena);
}

static void shuffle(mm_adamw_trainer *t)
{
    int n = t->n;
    memcpy(t->order, t->sample, (size_t)n * sizeof *t->order);
    for (int i = n - 1; i > 0; i--) { /* Fisher–Yates */
        int j = (int)mm_rng_below(&t->rng, (uint64_t)i + 1);
        int32_t x = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = x;
    }
}

static int64_t rows_of(const mm_adamw_trainer *t, int32_t sample, int m)
{
    return mm_data_rows(mm_data_modality_of(t->o->data, t->o->head->input[m].name), sample);
}

/* Chooses the rows of one sample: modality dropout leaves out modalities, but never the last one; alignment takes one
 * row at random where there are several (one caption of five). */
static void pick_rows(mm_adamw_trainer *t, int32_t sample, int32_t *pick)
{
    int left = 0;
    for (int m = 0; m < t->o->head->inputs; m++)
        left += rows_of(t, sample, m) > 0;
    for (int m = 0; m < t->o->head->inputs; m++) {
        int64_t rows = rows_of(t, sample, m);
        pick[m] = MM_ALL_ROWS;
        if (t->o->head->task == MM_TASK_ALIGN && rows > 1)
            pick[m] = (int32_t)mm_rng_below(&t->rng, (uint64_t)rows);
        if (t->o->opts->modality_dropout > 0 && mm_rng_uniform(&t->rng) < t->o->opts->modality_dropout && rows &&
            left > 1) {
            pick[m] = MM_NO_ROWS;
            left--;
        }
    }
}

/* Adds one mini-batch's gradients, scaled by `fraction`; *loss is its loss. MM_SKIP: no sample of it has a loss. */
static mm_status learn(mm_adamw_trainer *t, const int32_t *sample, int n, float fraction, float *loss, mm_err *e)
{
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_tape_reset(t->tape);
    mm_tape_bf16(t->tape, t->o->opts->bf16);
    mm_arena_reset(&t->batch);
    for (int i = 0; i < n; i++)
        pick_rows(t, sample[i], t->pick + i * t->o->head->inputs);
    mm_status s = mm_data_batch(&b, t->o->data, t->o->head, sample, n, t->pick, &t->batch, e);
    if (s == MM_OK)
        s = t->o->head->method->forward(t->o->head, t->tape, &b, &t->rng, &f, e);
    if (s != MM_OK)
        return s;
    mm_node *y = mm_objective_loss(t->o, t->tape, &f, sample, n, &b, e);
    if (!y)
        return MM_SKIP;
    mm_backward(t->tape, y, fraction);
    *loss = mm_value(y)[0];
    return mm_tape_error(t->tape, e);
}

static int64_t updates_per_epoch(const mm_adamw_trainer *t)
{
    int64_t each = (int64_t)t->o->opts->batch * t->o->opts->accumulate;
    return (t->n + each - 1) / each;
}

float mm_adamw_trainer_lr(const mm_adamw_trainer *t)
{
    int64_t total = updates_per_epoch(t) * t->o->opts->epochs;
    return mm_learning_rate(t->o->opts->lr, t->adam.step, (int64_t)(t->o->opts->warmup * (float)total), total);
}

/* One update: up to `accumulate` mini-batches from order[from..to). */
static mm_status update(mm_adamw_trainer *t, int from, int to, double *sum, mm_err *e)
{
    mm_status s = MM_OK;
    mm_param_set_zero_grad(&t->o->head->params);
    for (int i = from; s != MM_FATAL && i < to; i += t->o->opts->batch) {
        int n = to - i < t->o->opts->batch ? to - i : t->o->opts->batch;
        float loss = 0;
        s = learn(t, t->order + i, n, (float)n / (float)(to - from), &loss, e);
        *sum += (double)loss * n;
    }
    if (s == MM_FATAL)
        return s;
    mm_clip_gradients(&t->o->head->params, t->o->opts->clip);
    mm_adamw_step(&t->adam, &t->o->head->params, mm_adamw_trainer_lr(t));
    return MM_OK;
}

mm_status mm_adamw_trainer_epoch(mm_adamw_trainer *t, float *loss, mm_err *e)
{
    int each = t->o->opts->batch * t->o->opts->accumulate;
    double sum = 0;
    mm_status s = MM_OK;
    shuffle(t);
    for (int i = 0; s == MM_OK && i < t->n; i += each)
        s = update(t, i, t->n - i < each ? t->n : i + each, &sum, e);
    *loss = (float)(sum / t->n);
    return s;
}
