#include "train/lbfgs_trainer.h"

#include "train/lbfgs.h"

#include <stdlib.h>

/* The largest gradient element at the minimum: a tenth of scikit-learn's tolerance, well above the noise of f32. */
static const double TOLERANCE = 1e-5;

struct mm_lbfgs_trainer {
    const mm_objective *o;
    const int32_t *sample;
    int n;
    double penalty; /* of half the sum of squares */
    mm_fuse_batch batch;
    mm_tape *tape;
    mm_lbfgs *search;
    mm_arena arena;
};

static void set_params(const mm_param_set *set, const double *x)
{
    for (int i = 0; i < set->n; i++)
        for (int64_t j = 0; j < mm_param_count(set->p[i]); j++)
            set->p[i]->value[j] = (float)*x++;
}

/* Copies the gradient, with that of the penalty, to g; returns the penalty. */
static double take_gradient(const mm_param_set *set, double penalty, const double *x, double *g)
{
    double sum = 0;
    for (int i = 0; i < set->n; i++) {
        const mm_param *p = set->p[i];
        for (int64_t j = 0; j < mm_param_count(p); j++, x++, g++) {
            double pull = p->decay ? penalty * *x : 0;
            *g = p->grad[j] + pull;
            sum += pull * *x / 2;
        }
    }
    return sum;
}

static mm_status gradient(void *ctx, const double *x, double *f, double *g, mm_err *e)
{
    mm_lbfgs_trainer *b = ctx;
    mm_head *h = b->o->head;
    mm_fused fused = {0};
    set_params(&h->params, x);
    mm_param_set_zero_grad(&h->params);
    mm_tape_reset(b->tape);
    mm_tape_bf16(b->tape, b->o->opts->bf16);
    mm_status s = h->method->forward(h, b->tape, &b->batch, NULL, &fused, e);
    if (s != MM_OK)
        return s;
    mm_node *loss = mm_objective_loss(b->o, b->tape, &fused, b->sample, b->n, &b->batch, e);
    if (!loss)
        return MM_FATAL;
    mm_backward(b->tape, loss, 1);
    *f = (double)mm_value(loss)[0] + take_gradient(&h->params, b->penalty, x, g);
    return mm_tape_error(b->tape, e);
}

mm_status mm_lbfgs_trainer_new(mm_lbfgs_trainer **out, const mm_objective *o, const int32_t *sample, int n,
                               float penalty, mm_threads *pool, mm_err *e)
{
    mm_lbfgs_trainer *b = *out = calloc(1, sizeof *b);
    if (!b)
        return mm_fail_memory(e);
    *b = (mm_lbfgs_trainer){.o = o, .sample = sample, .n = n, .penalty = penalty / (double)n};
    const mm_param_set *set = &o->head->params;
    int64_t size = 0;
    for (int i = 0; i < set->n; i++)
        size += mm_param_count(set->p[i]);
    double *x = mm_arena_alloc(&b->arena, (size_t)size * sizeof *x), *at = x;
    for (int i = 0; x && i < set->n; i++)
        for (int64_t j = 0; j < mm_param_count(set->p[i]); j++)
            *at++ = set->p[i]->value[j];
    mm_status s = x ? mm_tape_new(&b->tape, pool, true, e) : mm_fail_memory(e);
    if (s == MM_OK)
        s = mm_data_batch(&b->batch, o->data, o->head, sample, n, NULL, &b->arena, e);
    return s == MM_OK ? mm_lbfgs_new(&b->search, size, x, gradient, b, e) : s;
}

void mm_lbfgs_trainer_free(mm_lbfgs_trainer *b)
{
    if (!b)
        return;
    mm_lbfgs_free(b->search);
    mm_tape_free(b->tape);
    mm_arena_free(&b->arena);
    free(b);
}

mm_status mm_lbfgs_trainer_step(mm_lbfgs_trainer *b, float *loss, mm_err *e)
{
    mm_status s = mm_lbfgs_step(b->search, TOLERANCE, e);
    set_params(&b->o->head->params, mm_lbfgs_x(b->search)); /* the last point tried may be another */
    *loss = (float)mm_lbfgs_value(b->search);
    return s;
}
