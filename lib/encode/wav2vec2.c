/* wav2vec2.c: Wav2Vec2 (Baevski et al. 2020) and HuBERT (Hsu et al. 2021), which share everything but their names.
 *
 *   waveform → convolutions (one row per 20 ms) → norm, projection → + gelu(positional convolution) → layers
 *
 * "Base" files normalise the first convolution's channels over time (group norm) and have post-norm layers; "large"
 * ones a layer norm after each convolution and pre-norm layers with a norm at the end (do_stable_layer_norm). */
#include "encode/arch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CONVS = 16 };

typedef struct {
    mm_weight *w;        /* [out, in, kernel] */
    mm_norm_params norm; /* gain NULL: none */
    int64_t kernel, stride, channels;
} feature_conv;

typedef struct {
    mm_net net;
    feature_conv conv[MAX_CONVS];
    int convs;
    bool group_norm; /* of the first convolution; else a layer norm after each */
    mm_act act;
    mm_norm_params feature_norm; /* gain NULL: none (some HuBERT files) */
    mm_weight *feature_projection;
    mm_weight *positional; /* [W, W/groups, kernel] */
    int64_t positional_kernel;
    mm_norm_params before; /* the layers; gain NULL: none */
    double step;           /* seconds per row */
} wav2vec2;

static const mm_stack_names names = {
    .layer = "encoder.layers.%d.",
    .q = "attention.q_proj",
    .k = "attention.k_proj",
    .v = "attention.v_proj",
    .out = "attention.out_proj",
    .norm1 = "layer_norm",
    .norm2 = "final_layer_norm",
    .fc1 = "feed_forward.intermediate_dense",
    .fc2 = "feed_forward.output_dense",
};

/* ---- loading ---- */

/* The i-th of config.json's list `key`, or the layout of the published models. */
static int64_t listed(const json_t *c, const char *key, int i, const int *otherwise)
{
    const json_t *list = json_object_get(c, key), *v = json_array_get(list, (size_t)i);
    if (!json_is_array(list))
        return i < 7 ? otherwise[i] : 0;
    return json_is_integer(v) && json_integer_value(v) < 1 << 20 ? json_integer_value(v) : 0;
}

static void load_convs(wav2vec2 *n, const json_t *c)
{
    static const int dims[7] = {512, 512, 512, 512, 512, 512, 512}, kernels[7] = {10, 3, 3, 3, 3, 2, 2},
                     strides[7] = {5, 2, 2, 2, 2, 2, 2};
    mm_params *p = &n->net.params;
    const json_t *list = json_object_get(c, "conv_dim");
    size_t convs = json_is_array(list) ? json_array_size(list) : 7;
    mm_bias bias = mm_config_bool(c, "conv_bias", false) ? MM_BIAS : MM_NO_BIAS;
    int64_t in = 1;
    if (convs < 1 || convs > MAX_CONVS)
        mm_params_fail(p, "%s/config.json: conv_dim lists %zu convolutions, not 1 to %d", mm_model_path(p->model),
                       convs, MAX_CONVS);
    for (int i = 0; p->failed.status == MM_OK && i < (int)convs; i++) {
        feature_conv *f = &n->conv[n->convs++];
        f->channels = listed(c, "conv_dim", i, dims);
        f->kernel = listed(c, "conv_kernel", i, kernels);
        f->stride = listed(c, "conv_stride", i, strides);
        if (f->channels < 1 || f->kernel < 1 || f->stride < 1)
            mm_params_fail(p, "%s/config.json: conv_dim, conv_kernel and conv_stride do not fit together",
                           mm_model_path(p->model));
        char key[96];
        snprintf(key, sizeof key, "feature_extractor.conv_layers.%d.conv", i);
        f->w = mm_params_conv(p, key, 3, (int64_t[]){f->channels, in, f->kernel}, 1, bias);
        snprintf(key, sizeof key, "feature_extractor.conv_layers.%d.layer_norm", i);
        if (!n->group_norm || i == 0)
            f->norm = mm_params_norm(p, key, f->channels);
        in = f->channels;
    }
}

/* w[o,i,k] = g[k] v[o,i,k] / ‖v[.,.,k]‖ (weight normalisation over the last dimension, Salimans & Kingma 2016) */
static mm_tensor weight_normed(mm_params *p, const char *gain, const char *direction, const int64_t *dim)
{
    mm_tensor g = mm_params_tensor(p, gain, 3, (int64_t[]){1, 1, dim[2]});
    mm_tensor v = mm_params_tensor(p, direction, 3, dim), out = {0};
    if (!g.data || !v.data)
        return out;
    int64_t k = dim[2], n = dim[0] * dim[1];
    const float *gf = mm_tensor_f32(&p->arena, &g), *vf = mm_tensor_f32(&p->arena, &v);
    float *w = mm_arena_alloc(&p->arena, (size_t)(n * k) * sizeof *w);
    double *norm = mm_arena_zalloc(&p->arena, (size_t)k, sizeof *norm);
    if (!gf || !vf || !w || !norm) {
        mm_fail_memory(&p->failed);
        return out;
    }
    for (int64_t i = 0; i < n * k; i++)
        norm[i % k] += (double)vf[i] * vf[i];
    for (int64_t j = 0; j < k; j++)
        norm[j] = gf[j] / sqrt(norm[j]);
    for (int64_t i = 0; i < n * k; i++)
        w[i] = (float)(vf[i] * norm[i % k]);
    out.data = w;
    mm_shape_make(&out.s, MM_F32, 3, dim, NULL);
    return out;
}

static bool has_either(const mm_params *p, const char *a, const char *b)
{
    return mm_params_has(p, a) || mm_params_has(p, b);
}

static void load_positional(wav2vec2 *n, const json_t *c, int64_t width)
{
    mm_params *p = &n->net.params;
    int64_t groups = mm_config_int(c, "num_conv_pos_embedding_groups", 16);
    n->positional_kernel = mm_config_int(c, "num_conv_pos_embeddings", 128);
    if (groups < 1 || width % groups != 0 || n->positional_kernel < 1 || n->positional_kernel > 1 << 16) {
        mm_params_fail(p, "%s/config.json: a positional convolution of %lld taps in %lld groups is not possible",
                       mm_model_path(p->model), (long long)n->positional_kernel, (long long)groups);
        return;
    }
#define CONV "encoder.pos_conv_embed.conv."
    int64_t dim[3] = {width, width / groups, n->positional_kernel};
    mm_conv_weight w = {.groups = (int)groups};
    if (has_either(p, CONV "parametrizations.weight.original0", CONV "parametrizations.weight.original1"))
        w.w = weight_normed(p, CONV "parametrizations.weight.original0", CONV "parametrizations.weight.original1", dim);
    else if (has_either(p, CONV "weight_g", CONV "weight_v"))
        w.w = weight_normed(p, CONV "weight_g", CONV "weight_v", dim);
    else
        w.w = mm_params_tensor(p, CONV "weight", 3, dim);
    w.bias = mm_params_tensor(p, CONV "bias", 1, &width);
#undef CONV
    mm_weight *made = NULL;
    if (p->failed.status == MM_OK && mm_dev_conv_weight(&made, p->dev, &w, &p->failed) == MM_OK)
        n->positional = mm_params_own(p, made);
}

static void refuse_variants(mm_params *p, const json_t *c)
{
    const char *path = mm_model_path(p->model);
    if (mm_config_bool(c, "conv_pos_batch_norm", false))
        mm_params_fail(p, "%s: HuBERT's variant with batch norm (conv_pos_batch_norm) is not supported", path);
    if (mm_config_bool(c, "add_adapter", false) || mm_config_int(c, "adapter_attn_dim", 0) > 0)
        mm_params_fail(p, "%s: Wav2Vec2 with adapters (add_adapter, adapter_attn_dim) is not supported", path);
}

static void load(wav2vec2 *n, const char *const *prefixes)
{
    mm_params *p = &n->net.params;
    const json_t *c = mm_model_config(p->model);
    mm_params_prefix(p, prefixes, "feature_extractor.conv_layers.0.conv.weight");
    refuse_variants(p, c);
    bool stable = mm_config_bool(c, "do_stable_layer_norm", false);
    mm_stack_spec spec = mm_stack_spec_of(p, 1e-5);
    spec.post_norm = !stable;
    n->act = mm_params_act(p, "feat_extract_activation", "gelu");
    n->group_norm = !strcmp(mm_config_str(c, "feat_extract_norm", "group"), "group");
    load_convs(n, c);
    int64_t features = n->convs ? n->conv[n->convs - 1].channels : 1;
    if (mm_config_bool(c, "feat_proj_layer_norm", true))
        n->feature_norm = mm_params_norm(p, "feature_projection.layer_norm", features);
    n->feature_projection = mm_params_linear(p, "feature_projection.projection", spec.width, features, MM_BIAS);
    load_positional(n, c, spec.width);
    mm_stack_names layers = names;
    if (stable)
        layers.final_norm = "encoder.layer_norm";
    else
        n->before = mm_params_norm(p, "encoder.layer_norm", spec.width);
    mm_stack_load(&n->net.stack, p, &spec, &layers);
    n->step = 1.0 / (double)mm_config_int(mm_model_preprocessor(p->model), "sampling_rate", 16000);
    for (int i = 0; i < n->convs; i++)
        n->step *= (double)n->conv[i].stride;
    n->net.info = (mm_net_info){.layers = spec.layers, .width = spec.width, .pool = MM_POOL_MEAN};
}

static void load_wav2vec2(mm_net *n)
{
    load((wav2vec2 *)n, (const char *const[]){"", "wav2vec2.", NULL});
}

static void load_hubert(mm_net *n)
{
    load((wav2vec2 *)n, (const char *const[]){"", "hubert.", NULL});
}

/* ---- running ---- */

/* Positions that a length becomes in the first `convs` convolutions; below 1: too short. */
static int64_t rows_after(const wav2vec2 *n, int64_t length, int convs)
{
    for (int i = 0; i < convs && length > 0; i++)
        length = length < n->conv[i].kernel ? 0 : (length - n->conv[i].kernel) / n->conv[i].stride + 1;
    return length;
}

/* The fewest samples that give one row. */
static int64_t shortest(const wav2vec2 *n)
{
    int64_t length = 1;
    for (int i = n->convs - 1; i >= 0; i--)
        length = (length - 1) * n->conv[i].stride + n->conv[i].kernel;
    return length;
}

/* Floats for the outputs of the even (0) or odd (1) convolutions, which alternate between two buffers. */
static int64_t buffer_floats(const wav2vec2 *n, int64_t length, int odd)
{
    int64_t most = 0;
    for (int i = odd; i < n->convs; i += 2) {
        int64_t floats = rows_after(n, length, i + 1) * n->conv[i].channels;
        most = floats > most ? floats : most;
    }
    return most;
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    const wav2vec2 *w = (const wav2vec2 *)n;
    const mm_shape *s = &in->in.s;
    if (s->type != MM_F32 || s->rank != 1) {
        char text[128];
        return mm_fail(e, MM_SKIP, "a sound has the shape f32[samples], not %s", mm_shape_text(s, text, sizeof text));
    }
    int64_t samples = s->dim[0], rows = rows_after(w, samples, w->convs);
    if (rows < 1)
        return mm_fail(e, MM_SKIP, "a sound of %lld samples is too short: the model takes at least %lld",
                       (long long)samples, (long long)shortest(w));
    *floats = samples + buffer_floats(w, samples, 0) + buffer_floats(w, samples, 1) + 2 * rows * n->info.width +
              mm_stack_scratch(&n->stack, rows) + 6 * MM_WORKSPACE_ALIGN;
    return MM_OK;
}

/* Packed lengths after each convolution: cu[l] is [n+1], dim[l] [n]. */
typedef struct {
    int64_t *cu[MAX_CONVS + 1], *dim[MAX_CONVS + 1];
} lengths;

static mm_status measure(lengths *len, const wav2vec2 *n, const mm_forward *f, mm_err *e)
{
    for (int l = 0; l <= n->convs; l++) {
        len->cu[l] = mm_arena_zalloc(f->arena, (size_t)f->n + 1, sizeof(int64_t));
        len->dim[l] = mm_arena_zalloc(f->arena, (size_t)f->n, sizeof(int64_t));
        if (!len->cu[l] || !len->dim[l])
            return mm_fail_memory(e);
        for (int i = 0; i < f->n; i++) {
            len->dim[l][i] = rows_after(n, f->in[i].in.s.dim[0], l);
            len->cu[l][i + 1] = len->cu[l][i] + len->dim[l][i];
        }
    }
    return MM_OK;
}

static void convolve(const wav2vec2 *n, int i, mm_mat x, mm_mat y, const mm_forward *f, const lengths *len)
{
    mm_dev *d = n->net.params.dev;
    const feature_conv *c = &n->conv[i];
    mm_dev_conv(d, &(mm_conv_op){.x = x,
                                 .y = y,
                                 .w = c->w,
                                 .rank = 1,
                                 .n = f->n,
                                 .in_dim = len->dim[i],
                                 .cu_x = len->cu[i],
                                 .cu_y = len->cu[i + 1],
                                 .stride = {c->stride},
                                 .act = c->norm.gain ? MM_ACT_NONE : n->act});
    if (c->norm.gain)
        mm_dev_norm(d, &(mm_norm_op){.kind = n->group_norm ? MM_NORM_GROUP_TIME : MM_NORM_LAYER,
                                     .x = y,
                                     .y = y,
                                     .rows = len->cu[i + 1][f->n],
                                     .channels = c->channels,
                                     .n = f->n,
                                     .cu = len->cu[i + 1],
                                     .gain = c->norm.gain,
                                     .bias = c->norm.bias,
                                     .eps = 1e-5f,
                                     .act = n->act});
}

/* Waveforms through all convolutions; returns the last one's output. */
static mm_mat features(wav2vec2 *n, const mm_forward *f, const lengths *len)
{
    mm_mat x = mm_workspace_take(&n->net.work, len->cu[0][f->n], 1), buffer[2];
    for (int odd = 0; odd < 2; odd++) {
        int64_t floats = 0;
        for (int i = 0; i < f->n; i++)
            floats += buffer_floats(n, len->dim[0][i], odd);
        buffer[odd] = mm_workspace_take(&n->net.work, 1, floats);
    }
    for (int i = 0; i < f->n; i++)
        mm_dev_write(n->net.params.dev, x.buf, x.off + len->cu[0][i], f->in[i].in.data, len->dim[0][i]);
    for (int i = 0; i < n->convs; i++) {
        mm_mat y = buffer[i % 2];
        y.ld = n->conv[i].channels;
        convolve(n, i, x, y, f, len);
        x = y;
    }
    return x;
}

/* Features to the first hidden state: norm, projection, then y = x + gelu(positional convolution of x). */
static void embed(const wav2vec2 *n, mm_mat feature, mm_mat x, mm_mat y, const mm_forward *f, const int64_t *dim)
{
    mm_dev *d = n->net.params.dev;
    int64_t rows = f->cu[f->n], width = n->net.info.width;
    float eps = n->net.stack.spec.eps;
    if (n->feature_norm.gain)
        mm_apply_norm(d, &n->feature_norm, eps, feature, feature, rows, feature.ld);
    mm_dev_linear(d, &(mm_linear_op){.x = feature, .y = x, .w = n->feature_projection, .rows = rows});
    mm_dev_conv(d, &(mm_conv_op){.x = x,
                                 .y = y,
                                 .w = n->positional,
                                 .rank = 1,
                                 .n = f->n,
                                 .in_dim = dim,
                                 .cu_x = f->cu,
                                 .cu_y = f->cu,
                                 .stride = {1},
                                 .pad = {n->positional_kernel / 2},
                                 .trim = n->positional_kernel % 2 == 0,
                                 .act = n->act,
                                 .residual = x});
    if (n->before.gain)
        mm_apply_norm(d, &n->before, eps, y, y, rows, width);
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    wav2vec2 *w = (wav2vec2 *)n;
    int64_t floats = 0, width = n->info.width;
    for (int i = 0; i < f->n; i++) {
        int64_t one = 0;
        mm_status s = check(n, &f->in[i], &one, e);
        if (s != MM_OK)
            return s;
        floats += one;
    }
    lengths len;
    mm_status s = measure(&len, w, f, e);
    if (s == MM_OK)
        s = mm_workspace_begin(&n->work, n->params.dev, floats, e);
    if (s != MM_OK)
        return s;
    memcpy(f->cu, len.cu[w->convs], ((size_t)f->n + 1) * sizeof *f->cu);
    for (int i = 0; i < f->n; i++)
        f->grid[i] = (mm_grid){.frames = len.dim[w->convs][i], .step = w->step};
    int64_t rows = f->cu[f->n];
    mm_mat feature = features(w, f, &len);
    mm_mat x = mm_workspace_take(&n->work, rows, width), y = mm_workspace_take(&n->work, rows, width);
    mm_mat scratch = mm_workspace_take(&n->work, 1, mm_stack_scratch(&n->stack, rows));
    embed(w, feature, x, y, f, len.dim[w->convs]);
    mm_stack_run(&n->stack, n->params.dev, y, scratch, f);
    return MM_OK;
}

const mm_arch mm_arch_wav2vec2 = {.size = sizeof(wav2vec2), .load = load_wav2vec2, .check = check, .forward = forward};
const mm_arch mm_arch_hubert = {.size = sizeof(wav2vec2), .load = load_hubert, .check = check, .forward = forward};
