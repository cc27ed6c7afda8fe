#include "encode/encoder.h"

#include "encode/sentence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

const char *mm_pooling_name(mm_pooling p)
{
    static const char *const name[] = {"none", "cls", "mean", "eos"};
    return name[p];
}

static mm_status resolve_layers(mm_encoder *x, mm_err *e)
{
    int last = x->net->info.layers;
    if (x->o.layers == 0) {
        x->o.layers = 1;
        x->o.layer[0] = last;
    }
    for (int i = 0; i < x->o.layers; i++) {
        int *k = &x->o.layer[i], given = *k;
        *k += *k < 0 ? last + 1 : 0;
        if (*k < 0 || *k > last)
            return mm_fail(e, MM_FATAL,
                           "%s: there is no layer %d: 0 (embeddings) to %d (output), or -1 to %d from the end",
                           mm_model_name(x->model), given, last, -last - 1);
    }
    return MM_OK;
}

static mm_status resolve_pools(mm_encoder *x, const mm_sentence *s, mm_err *e)
{
    const char *name = mm_model_name(x->model);
    bool given = x->o.pools > 0;
    if (!given && s->unsupported[0])
        return mm_fail(e, MM_FATAL,
                       "%s: modules.json asks for \"%s\", which is not supported; a pooling that is chosen "
                       "(cls, mean, none) gives the vectors before that step",
                       name, s->unsupported);
    if (!given) {
        x->o.pools = s->pools ? s->pools : 1;
        x->o.pool[0] = x->net->info.pool;
        memcpy(x->o.pool, s->pool, (size_t)s->pools * sizeof s->pool[0]);
    }
    for (int i = 0; i < x->o.pools; i++) {
        mm_pooling p = x->o.pool[i];
        if (p == MM_POOL_NONE && x->o.pools > 1)
            return mm_fail(e, MM_FATAL, "pooling \"none\" keeps every position and stands alone");
        if ((p == MM_POOL_CLS && !x->net->info.has_cls) || (p == MM_POOL_EOS && !x->net->info.has_eos))
            return mm_fail(e, MM_FATAL, "%s has no %s token to pool by; its own pooling is \"%s\"", name,
                           p == MM_POOL_CLS ? "CLS" : "end-of-text", mm_pooling_name(x->net->info.pool));
    }
    return MM_OK;
}

/* Are these the vectors that the model's joint space is made from? */
static bool own_vectors(const mm_encoder *x)
{
    return x->o.layers == 1 && x->o.layer[0] == x->net->info.layers && x->o.pools == 1 &&
           x->o.pool[0] == x->net->info.pool;
}

static mm_status resolve_project(mm_encoder *x, mm_err *e)
{
    bool can = x->net->info.projected > 0 && own_vectors(x);
    if (x->o.project > 0 && !can)
        return mm_fail(e, MM_FATAL,
                       "%s: only the output pooled by \"%s\" can be projected, and only where the model has a "
                       "projection",
                       mm_model_name(x->model), mm_pooling_name(x->net->info.pool));
    x->o.project = x->o.project != 0 && can;
    return MM_OK;
}

/* With classify, the output layer is all that is needed. */
static mm_status resolve_classify(mm_encoder *x, mm_err *e)
{
    if (x->net->info.classes < 1)
        return mm_fail(e, MM_FATAL, "%s has no classification head", mm_model_name(x->model));
    x->o.layers = x->o.pools = 1;
    x->o.layer[0] = x->net->info.layers;
    x->o.pool[0] = x->net->info.pool;
    x->o.project = x->o.normalize = 0;
    x->joined = x->width = x->net->info.classes;
    return MM_OK;
}

static mm_status resolve(mm_encoder *x, mm_err *e)
{
    mm_sentence s = {0};
    mm_status st = x->of == MM_OF_TEXT && !x->net->info.has_eos ? mm_sentence_read(&s, x->model, e) : MM_OK;
    if (st != MM_OK)
        return st;
    x->max_tokens = s.max_tokens > 0 && s.max_tokens < x->net->info.max_tokens ? s.max_tokens : x->net->info.max_tokens;
    if (x->o.classify)
        return resolve_classify(x, e);
    if ((st = resolve_layers(x, e)) != MM_OK || (st = resolve_pools(x, &s, e)) != MM_OK ||
        (st = resolve_project(x, e)) != MM_OK)
        return st;
    if (x->o.normalize < 0)
        x->o.normalize = s.normalize && x->o.pool[0] != MM_POOL_NONE;
    x->joined = x->net->info.width * x->o.layers * x->o.pools;
    x->width = x->o.project ? x->net->info.projected : x->joined;
    return MM_OK;
}

/* ---- space ---- */

static void append(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, size - n, "%s", text);
}

static void name_space(mm_encoder *x)
{
    snprintf(x->space, sizeof x->space, "%.80s/%.64s/", mm_model_name(x->model), mm_model_digest(x->model));
    if (x->o.project) {
        append(x->space, sizeof x->space, "joint");
        return;
    }
    for (int i = 0; i < x->o.layers; i++) {
        char k[16];
        snprintf(k, sizeof k, "%s%d", i ? "+" : "", x->o.layer[i]);
        append(x->space, sizeof x->space, k);
    }
    for (int i = 0; i < x->o.pools; i++) {
        append(x->space, sizeof x->space, i ? "+" : "/");
        append(x->space, sizeof x->space, mm_pooling_name(x->o.pool[i]));
    }
    if (x->o.pad_audio)
        append(x->space, sizeof x->space, "/padded");
}

/* ---- opening ---- */

mm_status mm_encoder_open(mm_encoder **out, mm_model *m, mm_modality of, mm_dev *d, const mm_encode_opts *o, mm_err *e)
{
    mm_encoder *x = calloc(1, sizeof *x);
    if (!x)
        return mm_fail_memory(e);
    x->model = m;
    x->dev = d;
    x->of = of;
    x->o = *o;
    mm_status s = mm_arch_of(&x->arch, m, of, e);
    if (s == MM_OK)
        s = mm_net_open(&x->net, x->arch, m, d, e);
    if (s == MM_OK)
        s = resolve(x, e);
    if (s == MM_OK && !(x->want = calloc((size_t)x->net->info.layers + 1, sizeof *x->want)))
        s = mm_fail_memory(e);
    if (s != MM_OK) {
        mm_encoder_close(x);
        return s;
    }
    for (int i = 0; i < x->o.layers; i++)
        x->want[x->o.layer[i]] = true;
    name_space(x);
    *out = x;
    return MM_OK;
}

void mm_encoder_close(mm_encoder *x)
{
    if (!x)
        return;
    mm_workspace_free(&x->work, x->dev);
    mm_net_close(x->net, x->arch);
    free(x->want);
    free(x);
}

int64_t mm_encoder_max_tokens(const mm_encoder *x)
{
    return x->max_tokens;
}

int64_t mm_encoder_classes(const mm_encoder *x)
{
    return x->net->info.classes;
}

const char *mm_encoder_class(const mm_encoder *x, int64_t i)
{
    char key[24];
    snprintf(key, sizeof key, "%" PRId64, i);
    const json_t *name = json_object_get(json_object_get(mm_model_config(x->model), "id2label"), key);
    return json_is_string(name) ? json_string_value(name) : NULL;
}

double mm_encoder_logit_scale(const mm_encoder *x)
{
    return x->o.project ? x->net->info.logit_scale : 0;
}

bool mm_encoder_pools_mean(const mm_encoder *x)
{
    return x->o.pools == 1 && x->o.pool[0] == MM_POOL_MEAN && !x->o.classify;
}

const char *mm_encoder_space(const mm_encoder *x)
{
    return x->space;
}
