/* head_save.c: a head as a safetensors file: parameters under their PyTorch names, statistics, and the description. */
#include "fuse/head.h"
#include "model/safetensors.h"

#include <stdlib.h>

static json_t *describe_inputs(const mm_head *h)
{
    json_t *list = json_array();
    for (int m = 0; m < h->inputs; m++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:s*}", "name", h->input[m].name, "width",
                                              (json_int_t)h->input[m].width, "space", h->input[m].space));
    return list;
}

static json_t *describe_outputs(const mm_head *h)
{
    json_t *list = json_array();
    for (int i = 0; i < h->outputs; i++) {
        const mm_head_output *o = &h->output[i];
        json_t *one = json_pack("{s:s, s:I}", "name", o->name, "width", (json_int_t)o->width);
        json_t *names = o->classes ? json_array() : NULL;
        for (int64_t c = 0; names && c < o->width; c++)
            json_array_append_new(names, json_string(o->classes[c]));
        if (names)
            json_object_set_new(one, "classes", names);
        json_array_append_new(list, one);
    }
    return list;
}

json_t *mm_head_json(const mm_head *h)
{
    return json_pack("{s:i, s:s, s:s, s:I, s:i, s:i, s:f, s:o, s:o}", "version", 1, "method", h->method->name, "task",
                     mm_task_name(h->task), "hidden", (json_int_t)h->hidden, "heads", h->heads, "iterations",
                     h->iterations, "dropout", (double)h->dropout, "inputs", describe_inputs(h), "outputs",
                     describe_outputs(h));
}

/* {"mm_head": "<JSON>"}: safetensors' metadata maps strings to strings */
static json_t *metadata_of(const mm_head *h)
{
    json_t *d = mm_head_json(h);
    char *text = d ? json_dumps(d, JSON_COMPACT) : NULL;
    json_t *meta = text ? json_pack("{s:s, s:s}", "format", "pt", "mm_head", text) : NULL;
    free(text);
    json_decref(d);
    return meta;
}

static void add(mm_named_tensor *list, int64_t *n, const char *name, int rank, int64_t rows, int64_t cols,
                const float *x)
{
    mm_shape s = {.type = MM_F32, .rank = rank, .dim = {rank == 2 ? rows : cols, cols}};
    list[(*n)++] = (mm_named_tensor){name, {s, x}};
}

/* In double, because the time of an event has more digits than f32. */
static void add_units(mm_named_tensor *list, int64_t *n, const char *name, int outputs, const double *x)
{
    list[(*n)++] = (mm_named_tensor){name, {{.type = MM_F64, .rank = 1, .dim = {outputs}}, x}};
}

mm_status mm_head_save(const mm_head *h, const char *path, mm_err *e)
{
    mm_arena a = {0};
    float temperature[MM_MAX_OUTPUTS];
    double scale[MM_MAX_OUTPUTS], offset[MM_MAX_OUTPUTS];
    int64_t n = 0;
    mm_named_tensor *list = mm_arena_zalloc(&a, (size_t)h->params.n + 2 * MM_MAX_MODALITIES + 3, sizeof *list);
    json_t *meta = metadata_of(h);
    mm_status s = list && meta ? MM_OK : mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < h->params.n; i++) {
        const mm_param *p = h->params.p[i];
        add(list, &n, p->name, p->rank, p->rows, p->cols, p->value);
    }
    for (int m = 0; s == MM_OK && m < h->inputs; m++) {
        const mm_head_input *in = &h->input[m];
        if (!in->mean)
            continue;
        add(list, &n, mm_arena_printf(&a, "norm_%s.mean", in->name), 1, 1, in->width, in->mean);
        add(list, &n, mm_arena_printf(&a, "norm_%s.std", in->name), 1, 1, in->width, in->std);
    }
    for (int i = 0; i < h->outputs; i++) {
        temperature[i] = h->output[i].temperature;
        scale[i] = h->output[i].scale;
        offset[i] = h->output[i].offset;
    }
    if (s == MM_OK && h->outputs)
        add(list, &n, "temperature", 1, 1, h->outputs, temperature);
    if (s == MM_OK && h->task == MM_TASK_REGRESS) {
        add_units(list, &n, "scale", h->outputs, scale);
        add_units(list, &n, "offset", h->outputs, offset);
    }
    if (s == MM_OK)
        s = mm_safetensors_write(path, list, n, meta, e);
    json_decref(meta);
    mm_arena_free(&a);
    return s;
}
