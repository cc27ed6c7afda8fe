/* head_load.c: a head from a safetensors file, described by its metadata or, for a plain PyTorch state_dict, by the
 * names and shapes of its tensors. */
#include "fuse/head.h"
#include "model/model.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the description ---- */

static const char **class_names(mm_arena *a, const json_t *list, int64_t width)
{
    const char **names =
        (int64_t)json_array_size(list) == width ? mm_arena_zalloc(a, (size_t)width, sizeof *names) : NULL;
    for (int64_t c = 0; names && c < width; c++) {
        names[c] = json_string_value(json_array_get(list, (size_t)c));
        if (!names[c])
            return NULL;
    }
    return names;
}

/* Reads the description that mm_head_save wrote. Strings stay in the JSON. */
static mm_status described(mm_head *like, const json_t *d, mm_arena *a, mm_err *e)
{
    const json_t *inputs = json_object_get(d, "inputs"), *outputs = json_object_get(d, "outputs");
    like->method = mm_fuse_method_of(mm_config_str(d, "method", ""));
    like->inputs = (int)json_array_size(inputs);
    like->outputs = (int)json_array_size(outputs);
    if (!like->method || !mm_task_of(&like->task, mm_config_str(d, "task", "")) || like->inputs < 1 ||
        like->inputs > MM_MAX_MODALITIES || like->outputs > MM_MAX_OUTPUTS)
        return mm_fail(e, MM_FATAL, "this version does not know its method \"%s\"", mm_config_str(d, "method", ""));
    like->hidden = mm_config_int(d, "hidden", 128);
    like->heads = (int)mm_config_int(d, "heads", 4);
    like->iterations = (int)mm_config_int(d, "iterations", 3);
    like->dropout = (float)mm_config_float(d, "dropout", 0);
    for (int m = 0; m < like->inputs; m++) {
        const json_t *o = json_array_get(inputs, (size_t)m);
        like->input[m] = (mm_head_input){.name = mm_config_str(o, "name", NULL),
                                         .space = mm_config_str(o, "space", NULL),
                                         .width = mm_config_int(o, "width", 0)};
        if (!like->input[m].name || like->input[m].width < 1 || like->input[m].width > 1 << 24)
            return mm_fail(e, MM_FATAL, "input %d has no name or no sensible width", m);
    }
    for (int i = 0; i < like->outputs; i++) {
        const json_t *o = json_array_get(outputs, (size_t)i);
        int64_t width = mm_config_int(o, "width", 0);
        if (!mm_config_str(o, "name", NULL) || width < 1 || width > 1 << 24)
            return mm_fail(e, MM_FATAL, "output %d has no name or no sensible width", i);
        like->output[i] = (mm_head_output){.name = mm_config_str(o, "name", NULL),
                                           .width = width,
                                           .classes = class_names(a, json_object_get(o, "classes"), width),
                                           .temperature = 1};
    }
    if (like->hidden < 1 || like->hidden > 1 << 16 || like->heads < 1 || like->iterations < 1 || like->iterations > 64)
        return mm_fail(e, MM_FATAL, "its sizes (hidden, heads, iterations) are out of range");
    return MM_OK;
}

/* ---- inference from a state_dict ---- */

static bool has_prefix(const mm_safetensors *f, const char *prefix)
{
    for (int64_t i = 0; i < mm_safetensors_count(f); i++)
        if (strncmp(mm_safetensors_at(f, i)->name, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static const char *method_by_names(const mm_safetensors *f)
{
    static const char *const telltale[][2] = {
        {"route_", "routing"}, {"gate_", "gated"},  {"layer.self_attn.", "attention"},
        {"cross.", "cross"},   {"tower_", "align"}, {"reliability", "dempster"}};
    for (size_t i = 0; i < sizeof telltale / sizeof *telltale; i++)
        if (has_prefix(f, telltale[i][0]))
            return telltale[i][1];
    return has_prefix(f, "fc_out.") ? "mlp" : "linear";
}

/* A state_dict does not keep the order in which inputs are concatenated (safetensors sorts by name): take the usual
 * one. */
static int by_modality(const void *a, const void *b)
{
    const mm_head_input *x = a, *y = b;
    return mm_modality_compare(mm_str_of(x->name), mm_str_of(y->name));
}

static mm_status infer_inputs(mm_head *like, const mm_safetensors *f, const char *prefix, mm_arena *a, mm_err *e)
{
    size_t skip = strlen(prefix);
    for (int64_t i = 0; i < mm_safetensors_count(f); i++) {
        const mm_named_tensor *t = mm_safetensors_at(f, i);
        size_t n = strlen(t->name);
        if (strncmp(t->name, prefix, skip) || n < skip + 8 || strcmp(t->name + n - 7, ".weight") || t->t.s.rank != 2 ||
            strcmp(t->name, "fc_out.weight") == 0)
            continue;
        if (like->inputs == MM_MAX_MODALITIES)
            return mm_fail(e, MM_FATAL, "more than %d modalities", MM_MAX_MODALITIES);
        like->input[like->inputs++] =
            (mm_head_input){.name = mm_arena_strdup(a, (mm_str){t->name + skip, n - skip - 7}), .width = t->t.s.dim[1]};
        like->hidden = t->t.s.dim[0];
    }
    if (!like->inputs)
        return mm_fail(e, MM_FATAL, "no tensor %s<modality>.weight: mm-heads(5) says what a head holds", prefix);
    qsort(like->input, (size_t)like->inputs, sizeof *like->input, by_modality);
    return MM_OK;
}

static mm_status infer(mm_head *like, const mm_safetensors *f, mm_arena *a, mm_err *e)
{
    like->method = mm_fuse_method_of(method_by_names(f));
    like->heads = 4;
    like->iterations = 3;
    bool align = strcmp(like->method->name, "align") == 0;
    like->task = align ? MM_TASK_ALIGN : MM_TASK_CLASSIFY;
    mm_status s = infer_inputs(like, f, align ? "tower_" : "fc_", a, e);
    if (s != MM_OK || align)
        return s;
    const mm_named_tensor *out = mm_safetensors_find(f, "fc_out.weight");
    like->outputs = 1;
    like->output[0] =
        (mm_head_output){.name = "label", .width = out ? out->t.s.dim[0] : like->hidden, .temperature = 1};
    return MM_OK;
}

/* ---- values ---- */

static mm_status fill_param(mm_param *p, const mm_safetensors *f, mm_err *e)
{
    const mm_named_tensor *t = mm_safetensors_find(f, p->name);
    char have[128] = "nothing";
    bool fits =
        t && t->t.s.rank == p->rank && t->t.s.dim[p->rank - 1] == p->cols && (p->rank == 1 || t->t.s.dim[0] == p->rows);
    if (!fits)
        return mm_fail(e, MM_FATAL, "%s should be [%lld,%lld], the file has %s", p->name, (long long)p->rows,
                       (long long)p->cols, t ? mm_shape_text(&t->t.s, have, sizeof have) : have);
    mm_to_f32(p->value, t->t.data, t->t.s.type, mm_param_count(p));
    return MM_OK;
}

/* Reads a vector of n numbers into the head's arena; *out stays as it is when the file does not have it. */
static mm_status fill_vector(const float **out, mm_head *h, const mm_safetensors *f, const char *name, int64_t n,
                             mm_err *e)
{
    const mm_named_tensor *t = mm_safetensors_find(f, name);
    if (!t)
        return MM_OK;
    if (mm_shape_count(&t->t.s) != n)
        return mm_fail(e, MM_FATAL, "%s should have %lld numbers", name, (long long)n);
    float *x = mm_arena_alloc(&h->arena, (size_t)n * sizeof *x);
    if (!x)
        return mm_fail_memory(e);
    mm_to_f32(x, t->t.data, t->t.s.type, n);
    *out = x;
    return MM_OK;
}

/* Reads one double for each output; false when the file does not have them. */
static bool fill_units(double unit[MM_MAX_OUTPUTS], const mm_head *h, const mm_safetensors *f, const char *name)
{
    const mm_named_tensor *t = mm_safetensors_find(f, name);
    bool fits = t && t->t.s.type == MM_F64 && mm_shape_count(&t->t.s) == h->outputs;
    if (fits)
        memcpy(unit, t->t.data, (size_t)h->outputs * sizeof *unit);
    return fits;
}

static mm_status fill(mm_head *h, const mm_safetensors *f, mm_err *e)
{
    double scale[MM_MAX_OUTPUTS], offset[MM_MAX_OUTPUTS];
    char name[128];
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < h->params.n; i++)
        s = fill_param(h->params.p[i], f, e);
    for (int m = 0; s == MM_OK && m < h->inputs; m++) {
        mm_head_input *in = &h->input[m];
        snprintf(name, sizeof name, "norm_%s.mean", in->name);
        s = fill_vector(&in->mean, h, f, name, in->width, e);
        snprintf(name, sizeof name, "norm_%s.std", in->name);
        if (s == MM_OK)
            s = fill_vector(&in->std, h, f, name, in->width, e);
        if (s == MM_OK && !in->mean != !in->std)
            s = mm_fail(e, MM_FATAL, "%s has a mean without a standard deviation, or vice versa", in->name);
    }
    const float *temperature = NULL;
    if (s == MM_OK && h->outputs)
        s = fill_vector(&temperature, h, f, "temperature", h->outputs, e);
    for (int i = 0; temperature && i < h->outputs; i++)
        h->output[i].temperature = temperature[i];
    bool units = s == MM_OK && fill_units(scale, h, f, "scale") && fill_units(offset, h, f, "offset");
    for (int i = 0; units && i < h->outputs; i++) {
        h->output[i].scale = scale[i];
        h->output[i].offset = offset[i];
    }
    return s;
}

mm_status mm_head_load(mm_head **out, const char *path, mm_err *e)
{
    mm_safetensors *f;
    mm_arena a = {0};
    mm_err why = {0};
    mm_head like = {0}, *h = NULL;
    mm_status s = mm_safetensors_open(&f, path, e);
    if (s != MM_OK)
        return s;
    const char *text = json_string_value(json_object_get(mm_safetensors_metadata(f), "mm_head"));
    json_t *d = text ? json_loads(text, 0, NULL) : NULL;
    if (text && !d)
        s = mm_fail(&why, MM_FATAL, "its mm_head metadata is not JSON");
    else
        s = d ? described(&like, d, &a, &why) : infer(&like, f, &a, &why);
    if (s == MM_OK)
        s = mm_head_new(&h, &like, 0, &why);
    if (s == MM_OK)
        s = fill(h, f, &why);
    if (s == MM_OK) {
        *out = h;
    } else {
        mm_head_free(h);
        mm_fail_hint(e, s, why.hint, "%s: %s", path, why.text);
    }
    json_decref(d);
    mm_safetensors_close(f);
    mm_arena_free(&a);
    return s;
}
