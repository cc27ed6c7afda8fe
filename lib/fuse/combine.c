#include "fuse/combine.h"

#include <math.h>

static int place(mm_str of)
{
    static const char *const usual[] = {"image", "text", "audio", "video"};
    for (int i = 0; i < 4; i++)
        if (mm_str_is(of, usual[i]))
            return i;
    return 4;
}

static int compare(mm_str a, mm_str b)
{
    int d = place(a) - place(b);
    if (d)
        return d;
    size_t n = a.n < b.n ? a.n : b.n;
    d = memcmp(a.p, b.p, n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

static mm_str keep_text(mm_arena *keep, mm_str s)
{
    return (mm_str){s.p ? mm_arena_strdup(keep, s) : NULL, s.n};
}

static mm_modality_rows *place_for(mm_fusion_layout *l, mm_str of, mm_arena *keep)
{
    int at = l->n++;
    for (; at > 0 && compare(of, l->of[at - 1].of) < 0; at--)
        l->of[at] = l->of[at - 1];
    l->of[at] = (mm_modality_rows){.of = keep_text(keep, of)};
    return &l->of[at];
}

mm_status mm_fusion_layout_add(mm_fusion_layout *l, const mm_features *j, bool fixed, mm_arena *keep, mm_err *e)
{
    for (int m = 0; m < j->n; m++) {
        const mm_modality_rows *from = &j->of[m];
        mm_modality_rows *to = NULL;
        for (int i = 0; i < l->n; i++)
            if (mm_str_eq(l->of[i].of, from->of))
                to = &l->of[i];
        if (!to && (fixed || l->n == MM_MAX_MODALITIES))
            continue;
        if (!to)
            to = place_for(l, from->of, keep);
        if (!to->width) {
            to->width = from->width;
            to->space = keep_text(keep, from->space);
        }
        if (to->width != from->width || !mm_str_eq(to->space, from->space))
            return mm_fail(e, MM_SKIP, "%.*s: %.*s vectors of the space %.*s, those before were of %.*s",
                           MM_STRF(j->key), MM_STRF(from->of), MM_STRF(from->space), MM_STRF(to->space));
    }
    return MM_OK;
}

/* ---- without a head ---- */

static void add_mean(float *sum, const mm_modality_rows *p)
{
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->width; c++)
            sum[c] += p->x[r * p->width + c] / (float)p->rows;
}

/* "image+text", and "concat(space,space)" */
static mm_status names(mm_record *out, const mm_fusion_layout *l, const char *rule, mm_arena *a, mm_err *e)
{
    const char *of = "", *space = "";
    for (int m = 0; of && space && m < l->n; m++) {
        of = mm_arena_printf(a, "%s%s%.*s", of, m ? "+" : "", MM_STRF(l->of[m].of));
        space = mm_arena_printf(a, "%s%s%.*s", space, m ? "," : "", MM_STRF(l->of[m].space));
    }
    space = space ? mm_arena_printf(a, "%s(%s)", rule, space) : NULL;
    if (!of || !space)
        return mm_fail_memory(e);
    out->of = mm_str_of(of);
    out->space = mm_str_of(space);
    return MM_OK;
}

static mm_status identity(mm_record *out, const mm_features *j, mm_kind kind, mm_arena *a, mm_err *e)
{
    *out = mm_record_new(kind);
    out->key = j->key;
    out->src = j->src;
    out->part = j->part;
    out->has_time = j->has_time;
    out->time[0] = j->time[0];
    out->time[1] = j->time[1];
    return j->text.p ? mm_meta_put_str(out, a, "text", j->text, e) : MM_OK;
}

static mm_status put_vector(mm_record *out, const float *x, int64_t width, mm_err *e)
{
    out->has_tensor = true;
    out->tensor.data = x;
    return mm_shape_make(&out->tensor.s, MM_F32, 1, &width, e);
}

/* meta.missing: the names of the layout's modalities that the sample lacks */
static mm_status name_missing(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_arena *a, mm_err *e)
{
    const char *missing = "";
    for (int m = 0; missing && m < l->n; m++) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (!p || !p->rows)
            missing = mm_arena_printf(a, "%s%s%.*s", missing, *missing ? "," : "", MM_STRF(l->of[m].of));
    }
    if (!missing)
        return mm_fail_memory(e);
    return *missing ? mm_meta_put_str(out, a, "missing", mm_str_of(missing), e) : MM_OK;
}

static mm_status concatenate(float **x, int64_t *width, const mm_features *j, const mm_fusion_layout *l, mm_arena *a,
                             mm_err *e)
{
    *width = 0;
    for (int m = 0; m < l->n; m++) {
        if (!l->of[m].width)
            return mm_fail(e, MM_SKIP, "%.*s: no sample so far had %.*s, so its width is not known", MM_STRF(j->key),
                           MM_STRF(l->of[m].of));
        *width += l->of[m].width;
    }
    float *to = *x = mm_arena_zalloc(a, (size_t)*width, sizeof *to);
    if (!to)
        return mm_fail_memory(e);
    for (int m = 0; m < l->n; to += l->of[m++].width) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (p)
            add_mean(to, p);
    }
    return MM_OK;
}

static mm_status reduce(float **x, int64_t *width, const mm_features *j, const mm_fusion_layout *l, bool max,
                        mm_arena *a, mm_err *e)
{
    int seen = 0;
    *x = NULL;
    for (int m = 0; m < l->n; m++) {
        const mm_modality_rows *p = mm_features_find(j, l->of[m].of);
        if (!p || !p->rows)
            continue;
        if (seen && p->width != *width)
            return mm_fail(e, MM_SKIP, "%.*s: vectors of width %lld and %lld: only concat takes different widths",
                           MM_STRF(j->key), (long long)*width, (long long)p->width);
        *width = p->width;
        float *one = mm_arena_zalloc(a, (size_t)p->width, sizeof *one);
        if (!one)
            return mm_fail_memory(e);
        add_mean(one, p);
        for (int64_t c = 0; seen && c < p->width; c++)
            one[c] = max ? fmaxf((*x)[c], one[c]) : (*x)[c] + one[c];
        *x = one;
        seen++;
    }
    if (!seen)
        return mm_fail(e, MM_SKIP, "%.*s: no features to fuse", MM_STRF(j->key));
    for (int64_t c = 0; !max && c < *width; c++)
        (*x)[c] /= (float)seen;
    return MM_OK;
}

mm_status mm_combine_features(mm_record *out, const mm_features *j, const mm_fusion_layout *l, mm_combine_rule rule,
                              mm_arena *a, mm_err *e)
{
    static const char *const rules[] = {"concat", "mean", "max"};
    float *x = NULL;
    int64_t width = 0;
    mm_status s = identity(out, j, MM_KIND_FEATURE, a, e);
    out->label = j->label;
    if (s == MM_OK)
        s = rule == MM_COMBINE_CONCAT ? concatenate(&x, &width, j, l, a, e)
                                      : reduce(&x, &width, j, l, rule == MM_COMBINE_MAX, a, e);
    if (s == MM_OK)
        s = names(out, l, rules[rule], a, e);
    if (s == MM_OK)
        s = name_missing(out, j, l, a, e);
    return s == MM_OK ? put_vector(out, x, width, e) : s;
}

/* ---- with a head ---- */

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

/* The samples' rows in the order of the head's inputs, standardised. */
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
            for (int64_t k = 0; p && k < p->rows * in->width; k++)
                *x++ = in->mean ? (p->x[k] - in->mean[k % in->width]) / in->std[k % in->width] : p->x[k];
        }
    }
    return MM_OK;
}

static const float *keep(mm_arena *a, const float *x, int64_t n)
{
    float *c = mm_arena_alloc(a, (size_t)n * sizeof *c);
    return c ? memcpy(c, x, (size_t)n * sizeof *c) : NULL;
}

/* How many rows ask and how many are asked, as the method packs them: all modalities (attention), or the first over the
 * others (cross), where a learned query stands in for a missing first. */
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
        v[i] = (mm_head_result){.j = j[i]};
        if (f->fused) {
            v[i].width = mm_cols(f->fused);
            v[i].fused = keep(a, mm_value(f->fused) + i * v[i].width, v[i].width);
        }
        if (f->out)
            v[i].out = keep(a, mm_value(f->out) + i * mm_cols(f->out), mm_cols(f->out));
        if (f->weights)
            v[i].weights = keep(a, mm_value(f->weights) + i * h->inputs, h->inputs);
        if (attention) {
            attention_size(&v[i], h, b, i);
            v[i].attention = keep(a, attention, v[i].queries * v[i].keys);
            attention += v[i].queries * v[i].keys;
        }
        for (int m = 0; m < h->inputs; m++) {
            if (!f->projection[m] || b->cu[m][i + 1] == b->cu[m][i])
                continue;
            v[i].width = mm_cols(f->projection[m]);
            v[i].projection[m] = keep(a, mm_value(f->projection[m]) + i * v[i].width, v[i].width);
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

/* ---- records ---- */

static mm_status put_weights(mm_record *out, const mm_head_result *v, const mm_head *h, mm_arena *a, mm_err *e)
{
    if (!v->weights)
        return MM_OK;
    msgpack_object_kv *kv = mm_arena_zalloc(a, (size_t)h->inputs, sizeof *kv);
    if (!kv)
        return mm_fail_memory(e);
    for (int m = 0; m < h->inputs; m++) {
        kv[m].key = mm_object_str(mm_str_of(h->input[m].name));
        kv[m].val = (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = (double)v->weights[m]};
    }
    msgpack_object map = {.type = MSGPACK_OBJECT_MAP, .via.map = {(uint32_t)h->inputs, kv}};
    return mm_meta_put(out, a, "weights", map, e);
}

mm_status mm_head_result_feature(mm_record *out, const mm_head_result *v, const mm_head *h, int m, const char *space,
                                 mm_arena *a, mm_err *e)
{
    const float *x = h->task == MM_TASK_ALIGN ? v->projection[m] : v->fused;
    mm_status s = identity(out, v->j, MM_KIND_FEATURE, a, e);
    out->label = v->j->label;
    out->of = h->task == MM_TASK_ALIGN ? mm_str_of(h->input[m].name) : MM_STR("fused");
    out->space = mm_str_of(space);
    if (s == MM_OK)
        s = put_weights(out, v, h, a, e);
    const mm_param *scale = h->task == MM_TASK_ALIGN ? mm_param_set_find(&h->params, "logit_scale") : NULL;
    if (s == MM_OK && scale)
        s = mm_meta_put_float(out, a, "logit_scale", exp((double)scale->value[0]), e);
    return s == MM_OK ? put_vector(out, x, v->width, e) : s;
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
    msgpack_object_kv *kv = mm_arena_zalloc(a, (size_t)o->width, sizeof *kv);
    double *p = mm_arena_zalloc(a, (size_t)o->width, sizeof *p);
    if (!kv || !p)
        return mm_fail_memory(e);
    softmax(p, logits, o->width, o->temperature > 0 ? (double)o->temperature : 1);
    for (int64_t c = 0; c < o->width; c++) {
        const char *name = o->classes ? o->classes[c] : mm_arena_printf(a, "%lld", (long long)c);
        if (!name)
            return mm_fail_memory(e);
        kv[c].key = mm_object_str(mm_str_of(name));
        kv[c].val = (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = p[c]};
    }
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {(uint32_t)o->width, kv}};
    return MM_OK;
}

/* meta.conflict: Dempster's K, before the masses were divided by 1 − K */
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
    mm_status s = identity(out, v->j, MM_KIND_LABEL, a, e);
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
    if (s == MM_OK && v->j->label.type != MSGPACK_OBJECT_NIL)
        s = mm_meta_put(out, a, "truth", v->j->label, e);
    if (s == MM_OK && (h->outputs > 1 || v->j->label.type == MSGPACK_OBJECT_MAP))
        s = mm_meta_put_str(out, a, "field", mm_str_of(o->name), e);
    return s == MM_OK ? put_weights(out, v, h, a, e) : s;
}
