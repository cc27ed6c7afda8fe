#include "cli/encoding.h"

#include "encode/arch.h"
#include "model/prep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- options ---- */

void mm_encoding_opts(mm_opts *o, mm_encoding_values *v, unsigned more)
{
    const mm_opt shared[] = {
        {'m', "model", MM_OPT_STR, &v->model, "MODEL", .group = "Encoding",
         .help = "the model: a name that mm-model list knows, or a directory", .complete = MM_COMPLETE_MODEL},
        {0, "pool", MM_OPT_STR, &v->pool, "HOW",
         .help =
             "pooling: cls, mean or eos, or several joined by + to concatenate them; none keeps one vector for each "
             "token, patch or frame (default: the model's own)"},
        {0, "layer", MM_OPT_STR, &v->layer, "N,...",
         .help = "hidden states of these layers, concatenated; negative numbers count from the end (default: the "
                 "model's output)"},
        {0, "normalize", MM_OPT_SWITCH, &v->normalize,
         .help = "scale vectors to length 1 (default: as the model was trained)"},
        {0, "batch", MM_OPT_INT, &v->batch, "N",
         .help = "inputs that are computed together; results do not depend on it", .min = 1, .max = 4096},
        {0, "keep", MM_OPT_FLAG, &v->keep, .help = "keep each source record, before the records made of it"},
        {0, "flush", MM_OPT_FLAG, &v->flush, .help = "write each record as soon as it is ready"},
        {0},
    };
    const mm_opt project = {0, "project", MM_OPT_SWITCH, &v->project,
                            .help = "CLIP: vectors of the space that images and texts share (default: on)"};
    const mm_opt classify[] = {
        {0, "classify", MM_OPT_FLAG, &v->classify, .help = "the model's own classes instead of vectors: label records"},
        {'n', "top", MM_OPT_INT, &v->top, "N", .help = "with --classify: keep the N most probable classes", .min = 1,
         .max = 1000000, .with = "classify"},
        {0},
    };
    mm_opts_add(o, shared);
    if (more & MM_ENCODING_PROJECT)
        mm_opts_put(o, project);
    if (more & MM_ENCODING_CLASSIFY)
        mm_opts_add(o, classify);
}

static void take_pools(mm_run *r, mm_encode_opts *o, const char *text)
{
    static const mm_pooling all[] = {MM_POOL_NONE, MM_POOL_CLS, MM_POOL_MEAN, MM_POOL_EOS};
    for (const char *p = text; p && *p; p += strcspn(p, "+"), p += *p == '+') {
        mm_str name = {p, strcspn(p, "+")};
        int found = -1;
        for (int i = 0; i < 4; i++)
            if (mm_str_is(name, mm_pooling_name(all[i])))
                found = i;
        if (found < 0)
            mm_usage(r, "--pool knows cls, mean, eos and none, not %.*s", MM_STRF(name));
        if (o->pools == MM_MAX_POOLS)
            mm_usage(r, "--pool takes at most %d", MM_MAX_POOLS);
        o->pool[o->pools++] = all[found];
    }
}

static void take_layers(mm_run *r, mm_encode_opts *o, const char *text)
{
    for (const char *p = text; p && *p;) {
        char *end;
        long n = strtol(p, &end, 10);
        if (end == p || (*end && *end != ',') || n < -1000 || n > 1000)
            mm_usage(r, "--layer takes numbers separated by commas, not %s", text);
        if (o->layers == MM_MAX_LAYERS)
            mm_usage(r, "--layer takes at most %d", MM_MAX_LAYERS);
        o->layer[o->layers++] = (int)n;
        p = *end ? end + 1 : end;
    }
}

/* Options that change a vector without changing its space. */
static void note_settings(mm_encoding *x)
{
    const mm_encoding_values *v = x->v;
    mm_precision p = mm_dev_precision(x->dev);
    if (v->normalize >= 0)
        mm_encoding_setting(x, "normalize", "%d", v->normalize);
    if (v->project >= 0)
        mm_encoding_setting(x, "project", "%d", v->project);
    if (p > MM_PREC_FP32 && p <= MM_PREC_INT8)
        mm_encoding_setting(x, "precision", "%s", mm_precision_name(p));
    if (v->classify) {
        mm_encoding_setting(x, "classify", "%s", mm_encoder_space(x->encoder));
        mm_encoding_setting(x, "top", "%lld", (long long)v->top);
    }
}

void mm_encoding_open(mm_encoding *x, mm_run *r, const mm_encoding_values *v, mm_modality of, bool pad)
{
    mm_err e;
    mm_encode_opts o = {.normalize = v->normalize, .project = v->project, .pad_audio = pad, .classify = v->classify};
    mm_dev_opts device = mm_device_of(r, &v->device);
    const mm_arch *arch;
    *x = (mm_encoding){.r = r, .v = v, .of = of};
    if (!v->model)
        mm_usage(r, "-m MODEL is missing: mm-model list shows the %s models that are here", mm_modality_name(of));
    if (v->classify && (v->pool || v->layer || v->normalize >= 0 || v->project >= 0))
        mm_usage(r, "--pool and --layer choose vectors, as --normalize and --project do: --classify gives none");
    take_pools(r, &o, v->pool);
    take_layers(r, &o, v->layer);
    if (mm_model_open(&x->model, v->model, &r->log, &e) != MM_OK)
        mm_die_of(r, &e);
    if (mm_arch_of(&arch, x->model, of, &e) != MM_OK) /* before a device is opened */
        mm_die_of(r, &e);
    if (v->device.precision < 0 && mm_model_precision(x->model))
        mm_precision_of(&device.precision, mm_model_precision(x->model));
    if (mm_dev_open(&x->dev, &device, &e) != MM_OK)
        mm_die_of(r, &e);
    mm_say(&r->log, MM_LOG_INFO, "%s on %s", mm_model_path(x->model), mm_dev_name(x->dev));
    if (mm_encoder_open(&x->encoder, x->model, of, x->dev, &o, &e) != MM_OK)
        mm_die_of(r, &e);
    x->prepares = mm_model_prep_hash(x->model);
    note_settings(x);
}

void mm_encoding_close(mm_encoding *x)
{
    mm_encoder_close(x->encoder);
    mm_dev_close(x->dev);
    mm_model_close(x->model);
    for (int i = 0; i < 2; i++)
        mm_arena_free(&x->slot[i].a);
}

/* ---- batches ---- */

void mm_encoding_run(mm_encoding *x, mm_filter f)
{
    f.overlap = mm_dev_overlaps(x->dev);
    f.batch = (int)x->v->batch;
    f.keep = x->v->keep;
    f.flush = x->v->flush;
    f.matches = mm_provenance_matches;
    f.id = mm_provenance_id;
    f.expected_id = mm_provenance_expected_id;
    f.refresh = mm_provenance_refresh;
    f.takes = mm_modality_name(x->of);
    mm_filter_run(x->r, &f);
}

mm_status mm_encoding_start(mm_encoding *x, int slot, const mm_input *in, int n, mm_err *e)
{
    mm_encoding_slot *t = &x->slot[slot];
    t->pass = NULL;
    t->out = mm_arena_zalloc(&t->a, (size_t)n + 1, sizeof *t->out);
    t->failed = mm_arena_zalloc(&t->a, (size_t)n + 1, sizeof *t->failed);
    if (!t->out || !t->failed)
        return mm_fail_memory(e);
    return n ? mm_encoder_start(&t->pass, x->encoder, in, n, t->out, t->failed, &t->a, e) : MM_OK;
}

mm_status mm_encoding_finish(mm_encoding *x, int slot, mm_err *e)
{
    x->hashed = NULL; /* the next batch's payloads may reuse these addresses */
    return x->slot[slot].pass ? mm_encoder_finish(x->slot[slot].pass, e) : MM_OK;
}

/* ---- records ---- */

static mm_status put_meta(mm_encoding *x, mm_record *out, mm_arena *a, mm_err *e)
{
    double scale = mm_encoder_logit_scale(x->encoder);
    mm_precision p = mm_dev_precision(x->dev);
    mm_status s = MM_OK;
    if (p > MM_PREC_FP32 && p <= MM_PREC_INT8)
        s = mm_meta_put_str(out, a, "precision", mm_str_of(mm_precision_name(p)), e);
    if (s == MM_OK && scale > 0)
        s = mm_meta_put_float(out, a, "logit_scale", scale, e);
    return s;
}

typedef struct {
    double p;
    int64_t at;
} class_probability;

static int by_probability(const void *a, const void *b)
{
    const class_probability *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* softmax of the logits, the `top` largest as a map of names */
static mm_status distribution(mm_encoding *x, msgpack_object *out, const mm_output *o, mm_arena *a, mm_err *e)
{
    int64_t n = mm_encoder_classes(x->encoder), top = x->v->top < n ? x->v->top : n;
    const float *logit = o->t.data;
    class_probability *class = mm_arena_alloc(a, (size_t)n * sizeof *class);
    msgpack_object_kv *kv = mm_arena_zalloc(a, (size_t)top, sizeof *kv);
    double most = -INFINITY, sum = 0;
    if (!class || !kv)
        return mm_fail_memory(e);
    for (int64_t c = 0; c < n; c++)
        most = fmax(most, logit[c]);
    for (int64_t c = 0; c < n; c++) {
        class[c] = (class_probability){exp(logit[c] - most), c};
        sum += class[c].p;
    }
    qsort(class, (size_t)n, sizeof *class, by_probability);
    for (int64_t i = 0; i < top; i++) {
        const char *name = mm_encoder_class(x->encoder, class[i].at);
        if (!name)
            name = mm_arena_printf(a, "LABEL_%lld", (long long)class[i].at);
        if (!name)
            return mm_fail_memory(e);
        kv[i].key = mm_object_str(mm_str_of(name));
        kv[i].val = (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = class[i].p / sum};
    }
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {(uint32_t)top, kv}};
    return MM_OK;
}

mm_status mm_encoding_record(mm_encoding *x, mm_record *out, const mm_record *from, const mm_output *o, mm_arena *a,
                             mm_err *e)
{
    *out = *from;
    out->raw = (mm_str){NULL, 0};
    out->text = (mm_str){NULL, 0};
    out->prep = (mm_str){NULL, 0};
    out->rate = 0;
    out->has_tensor = false;
    out->kind = x->v->classify ? MM_KIND_LABEL : MM_KIND_FEATURE;
    out->kind_name = mm_str_of(mm_kind_name(out->kind));
    mm_status s = mm_encoding_modality(out, from, a, e);
    if (s == MM_OK && x->v->classify && from->label.type != MSGPACK_OBJECT_NIL)
        s = mm_meta_put(out, a, "truth", from->label, e);
    if (s != MM_OK)
        return s;
    if (x->v->classify) {
        s = distribution(x, &out->label, o, a, e);
        return s == MM_OK ? mm_provenance_put(x, out, from, a, e) : s;
    }
    out->space = mm_str_of(mm_encoder_space(x->encoder));
    out->has_tensor = true;
    out->tensor = o->t;
    out->has_grid = o->has_grid;
    out->grid = o->grid;
    s = put_meta(x, out, a, e);
    return s == MM_OK ? mm_provenance_put(x, out, from, a, e) : s;
}
