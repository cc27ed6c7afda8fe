#include "encode/params.h"

#include "backend/layout.h"
#include "base/grow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

void mm_params_init(mm_params *p, const mm_model *m, mm_dev *d)
{
    *p = (mm_params){.model = m, .dev = d};
    const char *have = mm_model_layout(m), *want = mm_dev_layout(d);
    p->ready = have && want;
    if (!p->ready || strcmp(have, want) == 0)
        return;
    const char *packed = mm_model_precision(m), *asked = mm_precision_name(mm_dev_precision(d));
    if (packed && strcmp(packed, asked) != 0)
        mm_fail_hint(&p->failed, MM_FATAL, MM_HINT_PACKED, "%.80s is packed for %.8s; this run asks for %s",
                     mm_model_path(m), packed, asked);
    else
        mm_fail_hint(&p->failed, MM_FATAL, MM_HINT_PACK, "%.80s is packed for another processor or version",
                     mm_model_path(m));
}

void mm_params_free(mm_params *p)
{
    for (int i = 0; i < p->n; i++)
        mm_dev_weight_free(p->dev, p->owned[i]);
    free(p->owned);
    mm_arena_free(&p->arena);
    *p = (mm_params){0};
}

void mm_params_fail(mm_params *p, const char *fmt, ...)
{
    if (p->failed.status != MM_OK)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->failed.text, sizeof p->failed.text, fmt, ap);
    va_end(ap);
    p->failed.status = MM_FATAL;
}

mm_status mm_params_done(mm_params *p, mm_err *e)
{
    if (p->failed.status != MM_OK && e)
        *e = p->failed;
    return p->failed.status;
}

mm_weight *mm_params_own(mm_params *p, mm_weight *w)
{
    if (!w)
        return NULL;
    if (!mm_grow(&p->owned, &p->cap, p->n)) {
        mm_dev_weight_free(p->dev, w);
        mm_fail_memory(&p->failed);
        return NULL;
    }
    return p->owned[p->n++] = w;
}

/* prefix + name + suffix into out. */
static const char *full(const mm_params *p, const char *name, const char *suffix, char out[NAME_MAX_BYTES])
{
    snprintf(out, NAME_MAX_BYTES, "%s%s%s", p->prefix, name, suffix);
    return out;
}

static bool has(const mm_params *p, const char *name, const char *suffix)
{
    char key[NAME_MAX_BYTES];
    return mm_model_has(p->model, full(p, name, suffix, key));
}

bool mm_params_has(const mm_params *p, const char *name)
{
    return has(p, name, "");
}

void mm_params_prefix(mm_params *p, const char *const *candidates, const char *probe)
{
    char tried[NAME_MAX_BYTES] = "";
    for (const char *const *c = candidates; *c; c++) {
        snprintf(p->prefix, sizeof p->prefix, "%s", *c);
        if (mm_params_has(p, probe))
            return;
        size_t n = strlen(tried);
        snprintf(tried + n, sizeof tried - n, "%s%s%s", n ? " or " : "", *c, probe);
    }
    mm_params_fail(p, "%s: the weights have no tensor %s", mm_model_path(p->model), tried);
}

/* The tensor prefix+name+suffix; data NULL (and the failure kept) when it is absent or has another shape. */
static mm_tensor fetch(mm_params *p, const char *name, const char *suffix, int rank, const int64_t *dim)
{
    mm_tensor t = {0};
    char key[NAME_MAX_BYTES];
    if (p->failed.status != MM_OK)
        return t;
    if (mm_model_tensor_shaped(p->model, &t, full(p, name, suffix, key), rank, dim, &p->failed) != MM_OK)
        t.data = NULL;
    return t;
}

mm_tensor mm_params_tensor(mm_params *p, const char *name, int rank, const int64_t *dim)
{
    return fetch(p, name, "", rank, dim);
}

/* NAME.bias [n], or no tensor for MM_NO_BIAS. */
static mm_tensor fetch_bias(mm_params *p, const char *name, int64_t n, mm_bias bias)
{
    if (bias == MM_NO_BIAS)
        return (mm_tensor){0};
    return fetch(p, name, ".bias", 1, (int64_t[]){n});
}

/* A packed model's panels for the weight `name`, in *w; NULL: it has none. */
static const mm_laid_out *laid_out_of(const mm_params *p, const char *name, mm_laid_out *w)
{
    char key[NAME_MAX_BYTES];
    *w = (mm_laid_out){0};
    if (!p->ready || !mm_model_panel(p->model, &w->panels, full(p, name, "", key), "panels"))
        return NULL;
    mm_model_panel(p->model, &w->scale, key, "scale");
    mm_model_panel(p->model, &w->sum, key, "sum");
    return w;
}

static mm_weight *own_named(mm_params *p, const char *name, mm_weight *w)
{
    char key[NAME_MAX_BYTES];
    mm_dev_name_weight(p->dev, full(p, name, "", key), w);
    return mm_params_own(p, w);
}

static mm_weight *make_linear(mm_params *p, const char *name, mm_linear_weight *w)
{
    mm_weight *made = NULL;
    mm_laid_out packed;
    w->laid_out = laid_out_of(p, name, &packed);
    if (p->failed.status != MM_OK || mm_dev_linear_weight(&made, p->dev, w, &p->failed) != MM_OK)
        return NULL;
    return own_named(p, name, made);
}

mm_weight *mm_params_linear(mm_params *p, const char *name, int64_t out, int64_t in, mm_bias bias)
{
    mm_linear_weight w = {.parts = 1};
    w.w[0] = fetch(p, name, ".weight", 2, (int64_t[]){out, in});
    w.bias[0] = fetch_bias(p, name, out, bias);
    return make_linear(p, name, &w);
}

mm_weight *mm_params_head(mm_params *p, const char *name, int64_t *out, int64_t in, mm_bias bias)
{
    char backbone[sizeof p->prefix], weight[NAME_MAX_BYTES];
    memcpy(backbone, p->prefix, sizeof backbone);
    p->prefix[0] = 0;
    mm_weight *w = NULL;
    mm_tensor t;
    *out = 0;
    if (p->failed.status == MM_OK && has(p, name, ".weight") &&
        mm_model_tensor(p->model, &t, full(p, name, ".weight", weight), &p->failed) == MM_OK) {
        *out = t.s.rank == 2 ? t.s.dim[0] : 0;
        w = mm_params_linear(p, name, *out, in, bias);
    }
    memcpy(p->prefix, backbone, sizeof backbone);
    return w;
}

mm_weight *mm_params_qkv(mm_params *p, const char *q, const char *k, const char *v, int64_t out, int64_t in,
                         mm_bias bias)
{
    const char *name[MM_MAX_PARTS] = {q, k, v};
    mm_linear_weight w = {.parts = 3};
    for (int i = 0; i < 3; i++) {
        w.w[i] = fetch(p, name[i], ".weight", 2, (int64_t[]){out, in});
        w.bias[i] = fetch_bias(p, name[i], out, i == 1 && bias == MM_BIAS_NOT_KEY ? MM_NO_BIAS : bias);
    }
    return make_linear(p, q, &w);
}

mm_weight *mm_params_conv(mm_params *p, const char *name, int rank, const int64_t *dim, int groups, mm_bias bias)
{
    mm_conv_weight w = {.groups = groups};
    w.w = fetch(p, name, ".weight", rank, dim);
    w.bias = fetch_bias(p, name, dim[0], bias);
    mm_laid_out packed;
    w.laid_out = laid_out_of(p, name, &packed);
    mm_weight *made = NULL;
    if (p->failed.status != MM_OK || mm_dev_conv_weight(&made, p->dev, &w, &p->failed) != MM_OK)
        return NULL;
    return own_named(p, name, made);
}

static mm_weight *make_vector(mm_params *p, const mm_tensor *t)
{
    mm_weight *made = NULL;
    if (p->failed.status != MM_OK || mm_dev_vector(&made, p->dev, t, &p->failed) != MM_OK)
        return NULL;
    return mm_params_own(p, made);
}

mm_weight *mm_params_vector(mm_params *p, const char *name, int64_t n)
{
    mm_tensor t = {0};
    char key[NAME_MAX_BYTES];
    if (p->failed.status != MM_OK || mm_model_tensor(p->model, &t, full(p, name, "", key), &p->failed) != MM_OK)
        return NULL;
    if (mm_shape_count(&t.s) != n)
        mm_params_fail(p, "%s: %s has %lld elements where %lld belong", mm_model_path(p->model), key,
                       (long long)mm_shape_count(&t.s), (long long)n);
    return make_vector(p, &t);
}

mm_weight *mm_params_table(mm_params *p, const char *name, int64_t rows, int64_t width)
{
    mm_tensor t = {0};
    char key[NAME_MAX_BYTES];
    if (p->failed.status != MM_OK || mm_model_tensor(p->model, &t, full(p, name, "", key), &p->failed) != MM_OK)
        return NULL;
    int64_t last = t.s.rank > 0 ? t.s.dim[t.s.rank - 1] : 0;
    if (last != width || width == 0 || (rows >= 0 && mm_shape_count(&t.s) != rows * width)) {
        char text[128];
        mm_params_fail(p, "%s: %s is %s where [%lld,%lld] belongs", mm_model_path(p->model), key,
                       mm_shape_text(&t.s, text, sizeof text), (long long)rows, (long long)width);
        return NULL;
    }
    mm_weight *made = NULL;
    if (mm_dev_table(&made, p->dev, &t, &p->failed) != MM_OK)
        return NULL;
    return mm_params_own(p, made);
}

mm_norm_params mm_params_norm(mm_params *p, const char *name, int64_t n)
{
    bool early = !has(p, name, ".weight") && (has(p, name, ".gamma") || has(p, name, ".beta"));
    mm_tensor gain = fetch(p, name, early ? ".gamma" : ".weight", 1, (int64_t[]){n});
    mm_tensor bias = fetch(p, name, early ? ".beta" : ".bias", 1, (int64_t[]){n});
    return (mm_norm_params){make_vector(p, &gain), make_vector(p, &bias)};
}

mm_act mm_params_act(mm_params *p, const char *path, const char *otherwise)
{
    static const struct {
        const char *name;
        mm_act act;
    } known[] = {
        {"gelu", MM_ACT_GELU},
        {"gelu_python", MM_ACT_GELU},
        {"gelu_new", MM_ACT_GELU_TANH},
        {"gelu_fast", MM_ACT_GELU_TANH},
        {"gelu_pytorch_tanh", MM_ACT_GELU_TANH},
        {"quick_gelu", MM_ACT_QUICK_GELU},
        {"relu", MM_ACT_RELU},
        {"silu", MM_ACT_SILU},
        {"swish", MM_ACT_SILU},
        {"tanh", MM_ACT_TANH},
        {"linear", MM_ACT_NONE},
    };
    const char *name = mm_config_str(mm_model_config(p->model), path, otherwise);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(name, known[i].name))
            return known[i].act;
    mm_params_fail(p, "%s/config.json: %s: the activation \"%s\" is not supported", mm_model_path(p->model), path,
                   name);
    return MM_ACT_NONE;
}
