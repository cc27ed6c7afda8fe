#include "base/grow.h"
#include "tape/node.h"

#include <math.h>
#include <stdlib.h>

mm_param *mm_param_set_add(mm_param_set *s, const char *name, int rank, int64_t rows, int64_t cols)
{
    if (!mm_grow(&s->p, &s->cap, s->n))
        return NULL;
    mm_param *p = mm_arena_zalloc(&s->arena, 1, sizeof *p);
    if (!p)
        return NULL;
    *p = (mm_param){
        .name = mm_arena_strdup(&s->arena, mm_str_of(name)),
        .rank = rank,
        .rows = rows,
        .cols = cols,
        .value = mm_arena_zalloc(&s->arena, (size_t)(rows * cols), sizeof(float)),
        .grad = mm_arena_zalloc(&s->arena, (size_t)(rows * cols), sizeof(float)),
        .decay = rank == 2,
    };
    if (!p->name || !p->value || !p->grad)
        return NULL;
    return s->p[s->n++] = p;
}

mm_param *mm_param_set_find(const mm_param_set *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->p[i]->name, name) == 0)
            return s->p[i];
    return NULL;
}

void mm_param_set_zero_grad(mm_param_set *s)
{
    for (int i = 0; i < s->n; i++)
        memset(s->p[i]->grad, 0, (size_t)mm_param_count(s->p[i]) * sizeof(float));
}

mm_status mm_param_set_settle(mm_param_set *s, mm_err *e)
{
    for (int i = 0; i < s->n; i++) {
        mm_param *p = s->p[i];
        p->transposed = mm_arena_alloc(&s->arena, (size_t)mm_param_count(p) * sizeof *p->transposed);
        if (!p->transposed)
            return mm_fail_memory(e);
        mm_transpose(p->transposed, p->value, p->rows, p->cols);
    }
    return MM_OK;
}

void mm_param_set_free(mm_param_set *s)
{
    free(s->p);
    mm_arena_free(&s->arena);
    *s = (mm_param_set){0};
}

void mm_param_init_linear(mm_param *p, int64_t fan_in, mm_rng *r)
{
    double bound = fan_in > 0 ? 1 / sqrt((double)fan_in) : 0;
    for (int64_t i = 0; i < mm_param_count(p); i++)
        p->value[i] = (float)((2 * mm_rng_uniform(r) - 1) * bound);
}

void mm_param_fill(mm_param *p, float value)
{
    for (int64_t i = 0; i < mm_param_count(p); i++)
        p->value[i] = value;
}
