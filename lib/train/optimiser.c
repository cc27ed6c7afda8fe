#include "train/optimiser.h"

#include <math.h>

mm_status mm_adamw_new(mm_adamw *o, const mm_param_set *p, float weight_decay, mm_err *e)
{
    *o = (mm_adamw){.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = weight_decay};
    o->m = mm_arena_zalloc(&o->arena, (size_t)p->n, sizeof *o->m);
    o->v = mm_arena_zalloc(&o->arena, (size_t)p->n, sizeof *o->v);
    for (int i = 0; o->m && o->v && i < p->n; i++) {
        o->m[i] = mm_arena_zalloc(&o->arena, (size_t)mm_param_count(p->p[i]), sizeof(float));
        o->v[i] = mm_arena_zalloc(&o->arena, (size_t)mm_param_count(p->p[i]), sizeof(float));
        if (!o->m[i] || !o->v[i])
            return mm_fail_memory(e);
    }
    return o->m && o->v ? MM_OK : mm_fail_memory(e);
}

void mm_adamw_free(mm_adamw *o)
{
    mm_arena_free(&o->arena);
    *o = (mm_adamw){0};
}

void mm_adamw_step(mm_adamw *o, mm_param_set *set, float lr)
{
    o->step++;
    float correct1 = 1 - powf(o->beta1, (float)o->step), correct2 = sqrtf(1 - powf(o->beta2, (float)o->step));
    for (int i = 0; i < set->n; i++) {
        mm_param *p = set->p[i];
        float *m = o->m[i], *v = o->v[i], keep = p->decay ? 1 - lr * o->weight_decay : 1;
        for (int64_t j = 0; j < mm_param_count(p); j++) {
            float g = p->grad[j];
            m[j] = o->beta1 * m[j] + (1 - o->beta1) * g;
            v[j] = o->beta2 * v[j] + (1 - o->beta2) * g * g;
            p->value[j] = keep * p->value[j] - lr / correct1 * m[j] / (sqrtf(v[j]) / correct2 + o->eps);
        }
    }
}

float mm_clip_gradients(mm_param_set *set, float most)
{
    double sum = 0;
    for (int i = 0; i < set->n; i++)
        for (int64_t j = 0; j < mm_param_count(set->p[i]); j++)
            sum += (double)set->p[i]->grad[j] * set->p[i]->grad[j];
    float norm = (float)sqrt(sum);
    if (most > 0 && norm > most)
        for (int i = 0; i < set->n; i++)
            for (int64_t j = 0; j < mm_param_count(set->p[i]); j++)
                set->p[i]->grad[j] *= most / (norm + 1e-6f);
    return norm;
}

float mm_learning_rate(float peak, int64_t step, int64_t warmup, int64_t total)
{
    if (step < warmup)
        return peak * (float)(step + 1) / (float)warmup;
    if (total <= warmup)
        return peak;
    double along = (double)(step - warmup) / (double)(total - warmup);
    return (float)(peak * 0.5 * (1 + cos(3.14159265358979323846 * (along < 1 ? along : 1))));
}
