#include "fuse/head.h"

#include <stdlib.h>

static const float *copy_floats(mm_arena *a, const float *x, int64_t n)
{
    float *c = x ? mm_arena_alloc(a, (size_t)n * sizeof *c) : NULL;
    return c ? memcpy(c, x, (size_t)n * sizeof *c) : NULL;
}

static const char *copy_text(mm_arena *a, const char *text)
{
    return text ? mm_arena_strdup(a, mm_str_of(text)) : NULL;
}

static void copy_input(mm_arena *a, mm_head_input *in)
{
    in->name = copy_text(a, in->name);
    in->space = copy_text(a, in->space);
    in->mean = copy_floats(a, in->mean, in->width);
    in->std = copy_floats(a, in->std, in->width);
}

static void copy_output(mm_arena *a, mm_head_output *out)
{
    out->name = copy_text(a, out->name);
    const char **names = out->classes ? mm_arena_zalloc(a, (size_t)out->width, sizeof *names) : NULL;
    for (int64_t c = 0; names && c < out->width; c++)
        names[c] = copy_text(a, out->classes[c]);
    out->classes = names;
    out->scale = out->scale != 0 ? out->scale : 1;
}

mm_status mm_head_new(mm_head **out, const mm_head *like, uint64_t seed, mm_err *e)
{
    mm_head *h = malloc(sizeof *h);
    if (!h)
        return mm_fail_memory(e);
    *h = *like;
    h->params = (mm_param_set){0};
    h->arena = (mm_arena){0};
    for (int m = 0; m < h->inputs; m++)
        copy_input(&h->arena, &h->input[m]);
    for (int i = 0; i < h->outputs; i++)
        copy_output(&h->arena, &h->output[i]);
    mm_rng r = {.state = seed};
    mm_status s = h->method->init(h, &r, e);
    if (s != MM_OK) {
        mm_head_free(h);
        return s;
    }
    *out = h;
    return MM_OK;
}

void mm_head_free(mm_head *h)
{
    if (!h)
        return;
    mm_param_set_free(&h->params);
    mm_arena_free(&h->arena);
    free(h);
}

int64_t mm_head_out_width(const mm_head *h)
{
    int64_t n = 0;
    for (int i = 0; i < h->outputs; i++)
        n += h->output[i].width;
    return n;
}
