#include "train/objective.h"

#include <math.h>

static mm_node *output_loss(const mm_objective *o, mm_tape *t, mm_node *part, int output, const int32_t *sample, int n)
{
    const mm_data_field *f = mm_data_field_of(o->data, o->head->output[output].name);
    if (o->head->task == MM_TASK_REGRESS) {
        float *target = mm_tape_scratch(t, (size_t)n * sizeof *target);
        for (int i = 0; target && i < n; i++)
            target[i] = (float)((f->number[sample[i]] - o->target[output].mean) / o->target[output].std);
        return mm_t_mse(t, part, target);
    }
    int32_t *target = mm_tape_scratch(t, (size_t)n * sizeof *target);
    for (int i = 0; target && i < n; i++)
        target[i] = f->id[sample[i]];
    return mm_t_cross_entropy(t, part, target, o->opts->smoothing, o->class_weight[output]);
}

/* exp(logit_scale) · a bᵀ + logit_bias over the samples that have both modalities */
static mm_node *pair_loss(const mm_objective *o, mm_tape *t, const mm_fused *f, const mm_fuse_batch *b, int first,
                          int second)
{
    int32_t *both = mm_tape_scratch(t, (size_t)b->n * sizeof *both);
    int n = 0;
    for (int i = 0; both && i < b->n; i++)
        if (b->cu[first][i + 1] > b->cu[first][i] && b->cu[second][i + 1] > b->cu[second][i])
            both[n++] = i;
    if (n < 2)
        return NULL;
    const mm_param_set *p = &o->head->params;
    mm_node *logits =
        mm_t_matmul_nt(t, mm_t_take(t, f->projection[first], both, n), mm_t_take(t, f->projection[second], both, n));
    logits = mm_t_mul(t, logits, mm_t_exp(t, mm_t_use(t, mm_param_set_find(p, "logit_scale"))));
    if (o->opts->align_loss != MM_LOSS_SIGMOID)
        return mm_t_info_nce(t, logits);
    return mm_t_sigmoid_loss(t, mm_t_add(t, logits, mm_t_use(t, mm_param_set_find(p, "logit_bias"))));
}

static mm_node *plus(mm_tape *t, mm_node *sum, mm_node *one)
{
    return sum ? mm_t_add(t, sum, one) : one;
}

mm_node *mm_objective_loss(const mm_objective *o, mm_tape *t, const mm_fused *f, const int32_t *sample, int n,
                           const mm_fuse_batch *b, mm_err *e)
{
    mm_node *sum = NULL;
    int terms = 0;
    int64_t at = 0;
    for (int i = 0; i < o->head->outputs; at += o->head->output[i++].width, terms++)
        sum = plus(t, sum, output_loss(o, t, mm_t_columns(t, f->out, at, o->head->output[i].width), i, sample, n));
    for (int i = 0; o->head->task == MM_TASK_ALIGN && i < o->head->inputs; i++) {
        for (int j = i + 1; j < o->head->inputs; j++) {
            mm_node *one = pair_loss(o, t, f, b, i, j);
            if (one) {
                sum = plus(t, sum, one);
                terms++;
            }
        }
    }
    if (!sum) {
        mm_fail(e, MM_SKIP, "no sample of this batch has what the loss needs");
        return NULL;
    }
    return mm_t_scale(t, sum, 1 / (float)terms);
}

mm_status mm_objective_forward(const mm_objective *o, mm_tape *t, const int32_t *sample, int n, const int32_t *pick,
                               mm_arena *a, mm_fuse_batch *b, mm_fused *f, mm_err *e)
{
    mm_tape_reset(t);
    mm_arena_reset(a);
    *f = (mm_fused){0};
    mm_status s = mm_data_batch(b, o->data, o->head, sample, n, pick, a, e);
    return s == MM_OK ? o->head->method->forward(o->head, t, b, NULL, f, e) : s;
}
