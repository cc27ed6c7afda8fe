#include "fuse/head_result.h"

#include "stream/object.h"

#include <math.h>

static mm_status check_spaces(const mm_head *h, const mm_features *j, mm_err *e)
{
    for (int m = 0; m < h->inputs; m++) {
        const mm_head_input *in = &h->input[m];
        const mm_modality_rows *p = mm_features_find(j, mm_str_of(in->name));
        if (p && in->space && !mm_str_is(p->space, in->space))
            return mm_fail(e, MM_SKIP, "%.*s: %s vectors of the space %.*s; the head was trained on %s",
                           MM_STRF(j->key), in->name, MM_STRF(p->space), in->space);
        if (p && p->width != in->width)
            return mm_fail(e, MM_SKIP, "%.*s: %s vectors of width %lld; the head takes %lld", MM_STRF(j->key), in->name,
                           (long long)p->width, (long long)in->width);
    }
    return MM_OK;
}

/* The samples' rows, standardised, in the order of the head's inputs. */
static mm_status make_batch(mm_fuse_batch *b, const mm_head *h, const mm_features *const *j, int n, mm_arena *a,
                            mm_err *e)
{
    b->n = n;
    for (int m = 0; m < h->inputs; m++) {
        const mm_head_input *in = &h->input[m];
        int64_t *cu = mm_arena_zalloc(a, (size_t)n + 1, sizeof *cu);
        for (int i = 0; cu && i < n; i++) {
            const mm_modality_rows *p = mm_features_find(j[i], mm_str_of(in->name));
            cu[i + 1] = cu[i] + (p ? p->rows : 0);
        }
        float *x = cu ? mm_arena_alloc(a, (size_t)(cu[n] * in->width) * sizeof *x) : NULL;
        if (!x)
            return mm_fail_memory(e);
        b->x[m] = x;
        b->cu[m] = cu;
        for (int i = 0; i < n; i++) {
            const mm_modality_rows *p = mm_features_find(j[i], mm_str_of(in->name));
            if (p && p->rows)
                mm_head_standardise(in, x, p->x, p->rows);
            x += p ? p->rows * in->width : 0;
        }
    }
    return MM_OK;
}

static const float *copy(mm_arena *a, const float *x, int64_t n)
{
    float *c = mm_arena_alloc(a, (size_t)n * sizeof *c);
    return c ? memcpy(c, x, (size_t)n * sizeof *c) : NULL;
}

/* Queries and keys of sample i, as the method packs them: attention takes one row for each modality; cross lets the
 * rows of the first modality (a learned query where it is missing) attend to those of the others. */
static void attention_size(mm_head_result *v, const mm_head *h, const mm_fuse_batch *b, int i)
{
    int64_t rows[MM_MAX_MODALITIES], present = 0, others = 0;
    for (int m = 0; m < h->inputs; m++) {
        rows[m] = b->cu[m][i + 1] - b->cu[m][i];
        present += rows[m] > 0;
        others += m ? rows[m] : 0;
    }
    v->queries = h->method->sequences ? rows[0] > 0 ? rows[0] : 1 : present;
    v->keys = h->method->sequences ? others : present;
}

static mm_status take_results(mm_head_result *v, const mm_head *h, const mm_fuse_batch *b, const mm_fused *f,
                              const mm_features *const *j, mm_arena *a, mm_err *e)
{
    const float *attention = f->attention;
    for (int i = 0; i < b->n; i++) {
        v[i] = (mm_head_result){.features = j[i]};
        if (f->fused) {
            v[i].width = mm_cols(f->fused);
            v[i].fused = copy(a, mm_value(f->fused) + i * v[i].width, v[i].width);
        }
        if (f->out)
            v[i].out = copy(a, mm_value(f->out) + i * mm_cols(f->out), mm_cols(f->out));
        if (f->weights)
            v[i].weights = copy(a, mm_value(f->weights) + i * h->inputs, h->inputs);
        if (attention) {
            attention_size(&v[i], h, b, i);
            v[i].attention = copy(a, attention, v[i].queries * v[i].keys);
            attention += v[i].queries * v[i].keys;
        }
        for (int m = 0; m < h->inputs; m++) {
            if (!f->projection[m] || b->cu[m][i + 1] == b->cu[m][i])
                continue;
            v[i].width = mm_cols(f->projection[m]);
            v[i].projection[m] = copy(a, mm_value(f->projection[m]) + i * v[i].width, v[i].width);
            if (!v[i].projection[m])
                return mm_fail_memory(e);
        }
        if ((f->fused && !v[i].fused) || (f->out && !v[i].out))
            return mm_fail_memory(e);
    }
    return MM_OK;
}

mm_status mm_head_apply(mm_head_result *out, const mm_head *h, const mm_features *const *j, int n, mm_threads *pool,
                        mm_arena *a, mm_err *e)
{
    mm_tape *t;
    mm_arena own = {0};
    mm_fuse_batch b;
    mm_fused f = {0};
    mm_status s = mm_tape_new(&t, pool, false, e);
    if (s != MM_OK)
        return s;
    for (int i = 0; s == MM_OK && i < n; i++)
        s = check_spaces(h, j[i], e);
    if (s == MM_OK)
        s = make_batch(&b, h, j, n, &own, e);
    if (s == MM_OK)
        s = h->method->forward(h, t, &b, NULL, &f, e);
    if (s == MM_OK)
        s = take_results(out, h, &b, &f, j, a, e);
    mm_tape_free(t);
    mm_arena_free(&own);
    return s;
}

/* ---- as records ---- */

static mm_status put_weights(mm_record *out, const mm_head_result *v, const mm_head *h, mm_arena *a, mm_err *e)
{
    mm_str name[MM_MAX_MODALITIES];
    double weight[MM_MAX_MODALITIES];
    msgpack_object map;
    if (!v->weights)
        return MM_OK;
    for (int m = 0; m < h->inputs; m++) {
        name[m] = mm_str_of(h->input[m].name);
        weight[m] = (double)v->weights[m];
    }
    mm_status s = mm_object_numbers(&map, name, weight, (uint32_t)h->inputs, a, e);
    return s == MM_OK ? mm_meta_put(out, a, "weights", map, e) : s;
}

mm_status mm_head_result_feature(mm_record *out, const mm_head_result *v, const mm_head *h, int m, const char *space,
                                 mm_arena *a, mm_err *e)
{
    const float *x = h->task == MM_TASK_ALIGN ? v->projection[m] : v->fused;
    mm_status s = mm_features_vector(out, v->features, x, v->width, a, e);
    out->of = h->task == MM_TASK_ALIGN ? mm_str_of(h->input[m].name) : MM_STR("fused");
    out->space = mm_str_of(space);
    if (s == MM_OK)
        s = put_weights(out, v, h, a, e);
    const mm_param *scale = h->task == MM_TASK_ALIGN ? mm_param_set_find(&h->params, "logit_scale") : NULL;
    if (s == MM_OK && scale)
        s = mm_meta_put_float(out, a, "logit_scale", exp((double)scale->value[0]), e);
    return s;
}

static void softmax(double *p, const float *logits, int64_t n, double temperature)
{
    double top = -INFINITY, sum = 0;
    for (int64_t c = 0; c < n; c++)
        top = fmax(top, logits[c] / temperature);
    for (int64_t c = 0; c < n; c++)
        sum += p[c] = exp(logits[c] / temperature - top);
    for (int64_t c = 0; c < n; c++)
        p[c] /= sum;
}

static mm_status distribution(msgpack_object *out, const float *logits, const mm_head_output *o, mm_arena *a, mm_err *e)
{
    mm_str *names = mm_arena_zalloc(a, (size_t)o->width, sizeof *names);
    double *p = mm_arena_zalloc(a, (size_t)o->width, sizeof *p);
    if (!names || !p)
        return mm_fail_memory(e);
    softmax(p, logits, o->width, o->temperature > 0 ? (double)o->temperature : 1);
    for (int64_t c = 0; c < o->width; c++) {
        const char *name = o->classes ? o->classes[c] : mm_arena_printf(a, "%lld", (long long)c);
        if (!name)
            return mm_fail_memory(e);
        names[c] = mm_str_of(name);
    }
    return mm_object_numbers(out, names, p, (uint32_t)o->width, a, e);
}

/* meta.conflict: Dempster's K, before division by 1 − K */
static mm_status put_conflict(mm_record *out, const float *logits, int64_t classes, mm_arena *a, mm_err *e)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++)
        sum += exp((double)logits[c]);
    return mm_meta_put_float(out, a, "conflict", sum < 1 ? 1 - sum : 0, e);
}

mm_status mm_head_result_label(mm_record *out, const mm_head_result *v, const mm_head *h, int i, mm_arena *a, mm_err *e)
{
    const mm_head_output *o = &h->output[i];
    int64_t at = 0;
    mm_status s = mm_features_record(out, v->features, MM_KIND_LABEL, a, e);
    for (int k = 0; k < i; k++)
        at += h->output[k].width;
    out->of = h->inputs == 1 ? mm_str_of(h->input[0].name) : MM_STR("fused");
    if (s == MM_OK && h->task == MM_TASK_CLASSIFY)
        s = distribution(&out->label, v->out + at, o, a, e);
    if (s == MM_OK && h->method->evidence)
        s = put_conflict(out, v->out + at, o->width, a, e);
    if (h->task != MM_TASK_CLASSIFY)
        out->label =
            (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = o->offset + o->scale * (double)v->out[at]};
    if (s == MM_OK && v->features->label.type != MSGPACK_OBJECT_NIL)
        s = mm_meta_put(out, a, "truth", v->features->label, e);
    if (s == MM_OK && (h->outputs > 1 || v->features->label.type == MSGPACK_OBJECT_MAP))
        s = mm_meta_put_str(out, a, "field", mm_str_of(o->name), e);
    return s == MM_OK ? put_weights(out, v, h, a, e) : s;
}
