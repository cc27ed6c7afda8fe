#include "fuse/head.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const tasks[] = {"classify", "regress", "align"}; /* in the order of mm_task */

const char *mm_task_name(mm_task t)
{
    return tasks[t];
}

bool mm_task_of(mm_task *out, const char *name)
{
    for (int i = 0; i <= MM_TASK_ALIGN; i++)
        if (strcmp(tasks[i], name) == 0) {
            *out = (mm_task)i;
            return true;
        }
    return false;
}

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

void mm_head_standardise(const mm_head_input *in, float *restrict y, const float *restrict x, int64_t rows)
{
    const float *restrict mean = in->mean, *restrict std = in->std;
    int64_t width = in->width;
    if (!mean)
        memcpy(y, x, (size_t)(rows * width) * sizeof *y);
    for (int64_t r = 0; mean && r < rows; r++, x += width, y += width)
        for (int64_t c = 0; c < width; c++)
            y[c] = (x[c] - mean[c]) / std[c];
}

int64_t mm_head_out_width(const mm_head *h)
{
    int64_t n = 0;
    for (int i = 0; i < h->outputs; i++)
        n += h->output[i].width;
    return n;
}

const char *mm_head_input_names(const mm_head *h, char *out, size_t size)
{
    size_t used = 0;
    *out = 0;
    for (int m = 0; m < h->inputs && used < size; m++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", m ? ", " : "", h->input[m].name);
    return out;
}

const char *mm_head_space(const mm_head *h, const char *path, mm_arena *a)
{
    uint64_t digest = MM_HASH_START;
    for (int i = 0; i < h->params.n; i++) {
        const mm_param *p = h->params.p[i];
        digest = mm_hash_more(digest, p->value, (size_t)mm_param_count(p) * sizeof *p->value);
    }
    const char *name = strrchr(path, '/');
    return mm_arena_printf(a, "%s/%016llx", name ? name + 1 : path, (unsigned long long)digest);
}

int mm_modality_rank(mm_str name)
{
    static const char *const usual[] = {"image", "text", "audio", "video"};
    int i = 0;
    while (i < 4 && !mm_str_is(name, usual[i]))
        i++;
    return i;
}

int mm_modality_compare(mm_str a, mm_str b)
{
    int d = mm_modality_rank(a) - mm_modality_rank(b);
    if (!d)
        d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}
