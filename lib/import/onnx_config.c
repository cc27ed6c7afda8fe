/* onnx_config.c: config.json and preprocessor_config.json of each architecture, from names, shapes and facts. */
#include "import/import_onnx.h"

#include <math.h>

static void put(mm_onnx_import *m, const char *key, json_t *value)
{
    json_object_set_new(m->d->config, key, value); /* NULL from a failed allocation: the key is left out */
}

static void put_int(mm_onnx_import *m, const char *key, int64_t v)
{
    put(m, key, json_integer(v));
}

/* Keys that every transformer has, into config (the whole, or CLIP's text_config or vision_config). */
static void put_common(mm_onnx_import *m, json_t *config, const char *scope, int64_t layers, int64_t width,
                       int64_t inner, double eps)
{
    int64_t h = mm_fact_heads(m, scope, width);
    json_object_set_new(config, "hidden_size", json_integer(width));
    json_object_set_new(config, "num_hidden_layers", json_integer(layers));
    if (h)
        json_object_set_new(config, "num_attention_heads", json_integer(h));
    json_object_set_new(config, "intermediate_size", json_integer(inner));
    json_object_set_new(config, "hidden_act", json_string(mm_fact_activation(m, scope)));
    json_object_set_new(config, "layer_norm_eps", json_real(mm_fact_epsilon(m, scope, eps)));
}

/* ---- images ---- */

static json_t *triple(double a, double b, double c)
{
    return json_pack("[f,f,f]", a, b, c);
}

static void put_image_prep(mm_onnx_import *m, const char *type, json_t *size, int64_t crop, int resample, json_t *mean,
                           json_t *std)
{
    json_t *p = json_pack("{s:s, s:b, s:b, s:o, s:i, s:b, s:f, s:b, s:o, s:o}", "image_processor_type", type,
                          "do_convert_rgb", 1, "do_resize", 1, "size", size, "resample", resample, "do_rescale", 1,
                          "rescale_factor", 1.0 / 255, "do_normalize", 1, "image_mean", mean, "image_std", std);
    json_object_set_new(p, "do_center_crop", json_boolean(crop > 0));
    if (crop)
        json_object_set_new(p, "crop_size",
                            json_pack("{s:I, s:I}", "height", (json_int_t)crop, "width", (json_int_t)crop));
    m->d->preprocessor = p;
}

/* Side of the square grid of positions; 0: they are not a square. */
static int64_t grid_side(int64_t positions)
{
    int64_t side = (int64_t)llround(sqrt((double)positions));
    return side > 0 && side * side == positions ? side : 0;
}

static mm_status put_patches(mm_onnx_import *m, json_t *config, const char *projection, int64_t positions,
                             int64_t *image, mm_err *e)
{
    int64_t patch = mm_fact_dim(m, projection, 2), side = grid_side(positions);
    if (!patch || !side)
        return mm_fail(e, MM_FATAL, "%s: %lld position embeddings are not a square of patches", m->path,
                       (long long)positions);
    *image = side * patch;
    json_object_set_new(config, "image_size", json_integer(*image));
    json_object_set_new(config, "patch_size", json_integer(patch));
    json_object_set_new(config, "num_channels", json_integer(mm_fact_dim(m, projection, 1)));
    return MM_OK;
}

/* The size that the graph was exported for, else that of its positions. */
static int64_t input_size(const mm_onnx_import *m, int64_t otherwise)
{
    int64_t h = m->x.input_rank == 4 ? m->x.input_dim[2] : 0;
    return h > 0 && h == m->x.input_dim[3] ? h : otherwise;
}

static mm_status add_positions(mm_onnx_import *m, const mm_tensor *cls, const mm_tensor *patches, mm_err *e)
{
    int64_t width = cls->s.dim[2], n = patches->s.rank == 3 ? patches->s.dim[1] : patches->s.dim[2] * patches->s.dim[3];
    mm_tensor t = {0};
    mm_status s = mm_shape_make(&t.s, MM_F32, 3, (int64_t[]){1, n + 1, width}, e);
    if (s != MM_OK)
        return s;
    float *out = mm_arena_zalloc(&m->d->arena, (size_t)((n + 1) * width), sizeof *out);
    const float *src = mm_tensor_f32(&m->d->arena, patches);
    if (!out || !src)
        return mm_fail_memory(e);
    mm_to_f32(out, cls->data, cls->s.type, width);
    bool channels_first = patches->s.rank == 4;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < width; c++)
            out[(i + 1) * width + c] = channels_first ? src[c * n + i] : src[i * width + c];
    t.data = out;
    return mm_draft_addf(m->d, &t, e, "%sembeddings.position_embeddings", m->own_prefix);
}

/* Exporters fold DINOv2's position embeddings into two constants: the class token's [1,1,D] and the patches', which
 * are interpolated: [1,N,D], or [1,D,H,W] when the reordering was folded as well. */
static mm_status dinov2_positions(mm_onnx_import *m, int64_t width, mm_err *e)
{
    const mm_tensor *cls = NULL, *patches = NULL;
    for (int64_t i = 0; i < m->x.nodes; i++) {
        const mm_onnx_node *n = &m->x.node[i];
        for (int k = 0; n->name.n && memmem(n->name.p, n->name.n, "embeddings/", 11) && k < n->n_in; k++) {
            const mm_onnx_weight *w = mm_onnx_find(&m->x, n->in[k]);
            if (!w || w->t.s.type != MM_F32 || w->t.s.dim[0] != 1 || memmem(w->name.p, w->name.n, "cls_token", 9))
                continue;
            const mm_shape *s = &w->t.s;
            if (s->rank == 3 && s->dim[2] == width && s->dim[1] == 1)
                cls = &w->t;
            else if ((s->rank == 3 && s->dim[2] == width) || (s->rank == 4 && s->dim[1] == width && s->dim[2] > 1))
                patches = &w->t;
        }
    }
    if (!cls || !patches)
        return mm_fail(e, MM_FATAL, "%s: no position embeddings found", m->path);
    return add_positions(m, cls, patches, e);
}

mm_status mm_onnx_dinov2(mm_onnx_import *m, mm_err *e)
{
    int64_t width = mm_fact_dim(m, "embeddings.patch_embeddings.projection.weight", 0), image = 0;
    mm_status s = MM_OK;
    if (!mm_fact_tensor(m, "embeddings.position_embeddings"))
        s = dinov2_positions(m, width, e);
    if (s == MM_OK)
        s = put_patches(m, m->d->config, "embeddings.patch_embeddings.projection.weight",
                        mm_fact_dim(m, "embeddings.position_embeddings", 1) - 1, &image, e);
    if (s != MM_OK)
        return s;
    int64_t inner = mm_fact_dim(m, "encoder.layer.0.mlp.fc1.weight", 0);
    put_common(m, m->d->config, "", mm_fact_count(m, "encoder.layer.", ".norm1.weight"), width, inner, 1e-6);
    put(m, "mlp_ratio", width && inner % width == 0 ? json_integer(inner / width) : json_integer(4));
    put(m, "use_swiglu_ffn", json_boolean(mm_fact_tensor(m, "encoder.layer.0.mlp.weights_in.weight") != NULL));
    put(m, "qkv_bias", json_boolean(mm_fact_tensor(m, "encoder.layer.0.attention.attention.query.bias") != NULL));
    put(m, "use_mask_token", json_boolean(mm_fact_tensor(m, "embeddings.mask_token") != NULL));
    put(m, "apply_layernorm", json_true());
    int64_t crop = input_size(m, 224);
    put_image_prep(m, "BitImageProcessor", json_pack("{s:I}", "shortest_edge", (json_int_t)(crop * 256 / 224)), crop, 3,
                   triple(0.485, 0.456, 0.406), triple(0.229, 0.224, 0.225));
    return MM_OK;
}

static void put_labels(mm_onnx_import *m, int64_t n)
{
    json_t *names = json_object(), *ids = json_object();
    char id[32], name[40];
    for (int64_t i = 0; i < n && i < 100000; i++) {
        snprintf(id, sizeof id, "%lld", (long long)i);
        snprintf(name, sizeof name, "LABEL_%lld",
                 (long long)i); /* an ONNX file has no names; the caller's config may */
        json_object_set_new(names, id, json_string(name));
        json_object_set_new(ids, name, json_integer(i));
    }
    put(m, "id2label", names);
    put(m, "label2id", ids);
}

/* The classifier beside a backbone with its model's own name: model class and labels. */
static void put_classifier(mm_onnx_import *m, const char *architecture)
{
    const mm_tensor *t = mm_draft_find(m->d, "classifier.weight");
    if (!t || t->s.rank != 2)
        return;
    put(m, "architectures", json_pack("[s]", architecture));
    put_labels(m, t->s.dim[0]);
}

mm_status mm_onnx_vit(mm_onnx_import *m, mm_err *e)
{
    bool distilled = mm_fact_tensor(m, "embeddings.distillation_token") != NULL;
    int64_t width = mm_fact_dim(m, "embeddings.patch_embeddings.projection.weight", 0), image = 0;
    mm_status s = put_patches(m, m->d->config, "embeddings.patch_embeddings.projection.weight",
                              mm_fact_dim(m, "embeddings.position_embeddings", 1) - 1 - distilled, &image, e);
    if (s != MM_OK)
        return s;
    if (distilled)
        put(m, "model_type", json_string("deit"));
    put_common(m, m->d->config, "", mm_fact_count(m, "encoder.layer.", ".layernorm_before.weight"), width,
               mm_fact_dim(m, "encoder.layer.0.intermediate.dense.weight", 0), 1e-12);
    put(m, "qkv_bias", json_boolean(mm_fact_tensor(m, "encoder.layer.0.attention.attention.query.bias") != NULL));
    put_classifier(m, distilled ? "DeiTForImageClassification" : "ViTForImageClassification");
    put_image_prep(m, "ViTImageProcessor",
                   json_pack("{s:I, s:I}", "height", (json_int_t)image, "width", (json_int_t)image), 0, 2,
                   triple(0.5, 0.5, 0.5), triple(0.5, 0.5, 0.5));
    return MM_OK;
}

/* ---- CLIP ---- */

/* When the length is fixed, exporters fold the positions into a constant and drop the table. */
static mm_status need_table(const mm_onnx_import *m, const char *name, mm_err *e)
{
    if (mm_fact_dim(m, name, 0))
        return MM_OK;
    return mm_fail(e, MM_FATAL, "%s: no %s: it was folded into a constant; export with a dynamic length", m->path,
                   name);
}

static mm_status put_clip_vision(mm_onnx_import *m, json_t *config, mm_err *e)
{
    int64_t width = mm_fact_dim(m, "vision_model.embeddings.patch_embedding.weight", 0), image = 0;
    mm_status s = put_patches(m, config, "vision_model.embeddings.patch_embedding.weight",
                              mm_fact_dim(m, "vision_model.embeddings.position_embedding.weight", 0) - 1, &image, e);
    if (s != MM_OK)
        return s;
    put_common(m, config, "vision_model/", mm_fact_count(m, "vision_model.encoder.layers.", ".layer_norm1.weight"),
               width, mm_fact_dim(m, "vision_model.encoder.layers.0.mlp.fc1.weight", 0), 1e-5);
    put_image_prep(m, "CLIPImageProcessor", json_pack("{s:I}", "shortest_edge", (json_int_t)image), image, 3,
                   triple(0.48145466, 0.4578275, 0.40821073), triple(0.26862954, 0.26130258, 0.27577711));
    return MM_OK;
}

static void put_clip_text(mm_onnx_import *m, json_t *config)
{
    int64_t vocab = mm_fact_dim(m, "text_model.embeddings.token_embedding.weight", 0);
    put_common(m, config, "text_model/", mm_fact_count(m, "text_model.encoder.layers.", ".layer_norm1.weight"),
               mm_fact_dim(m, "text_model.embeddings.token_embedding.weight", 1),
               mm_fact_dim(m, "text_model.encoder.layers.0.mlp.fc1.weight", 0), 1e-5);
    json_object_set_new(config, "vocab_size", json_integer(vocab));
    json_object_set_new(config, "max_position_embeddings",
                        json_integer(mm_fact_dim(m, "text_model.embeddings.position_embedding.weight", 0)));
    json_object_set_new(config, "bos_token_id", json_integer(vocab - 2)); /* the last two of CLIP's vocabulary */
    json_object_set_new(config, "eos_token_id", json_integer(vocab - 1));
}

/* One encoder alone has a model_type of its own and a flat config; both are `clip`. */
mm_status mm_onnx_clip(mm_onnx_import *m, mm_err *e)
{
    bool text = mm_fact_tensor(m, "text_model.embeddings.token_embedding.weight") != NULL;
    bool vision = mm_fact_tensor(m, "vision_model.embeddings.patch_embedding.weight") != NULL;
    int64_t joint = mm_fact_dim(m, vision ? "visual_projection.weight" : "text_projection.weight", 0);
    json_t *config = m->d->config, *vision_config = text ? json_object() : config, *text_config = config;
    mm_status s = MM_OK;
    if (text && vision) {
        text_config = json_object();
        put(m, "vision_config", vision_config);
        put(m, "text_config", text_config);
    } else {
        put(m, "model_type", json_string(text ? "clip_text_model" : "clip_vision_model"));
        if (text)
            json_decref(vision_config);
    }
    if (vision)
        s = put_clip_vision(m, vision_config, e);
    if (text && s == MM_OK)
        s = need_table(m, "text_model.embeddings.position_embedding.weight", e);
    if (text)
        put_clip_text(m, text_config);
    if (!(text && vision))
        put(m, "architectures",
            json_pack("[s]", text ? (joint ? "CLIPTextModelWithProjection" : "CLIPTextModel")
                                  : (joint ? "CLIPVisionModelWithProjection" : "CLIPVisionModel")));
    if (joint)
        put_int(m, "projection_dim", joint);
    return s;
}

/* ---- text ---- */

mm_status mm_onnx_bert(mm_onnx_import *m, mm_err *e)
{
    mm_status s = need_table(m, "embeddings.position_embeddings.weight", e);
    if (s == MM_OK)
        s = need_table(m, "embeddings.token_type_embeddings.weight", e);
    if (s != MM_OK)
        return s;
    put_common(m, m->d->config, "", mm_fact_count(m, "encoder.layer.", ".attention.self.query.weight"),
               mm_fact_dim(m, "embeddings.word_embeddings.weight", 1),
               mm_fact_dim(m, "encoder.layer.0.intermediate.dense.weight", 0), 1e-12);
    put_int(m, "vocab_size", mm_fact_dim(m, "embeddings.word_embeddings.weight", 0));
    put_int(m, "max_position_embeddings", mm_fact_dim(m, "embeddings.position_embeddings.weight", 0));
    put_int(m, "type_vocab_size", mm_fact_dim(m, "embeddings.token_type_embeddings.weight", 0));
    put_int(m, "pad_token_id", 0);
    put_classifier(m, "BertForSequenceClassification");
    return MM_OK;
}

/* ---- audio ---- */

/* Splits the weight-normalised convolution, which exporters fold into its product: g[k] is the norm of v's slice k
 * (torch's weight_norm with dim 2), v the weight itself. */
static mm_status split_weight_norm(mm_onnx_import *m, mm_err *e)
{
    const mm_tensor *w = mm_fact_tensor(m, "encoder.pos_conv_embed.conv.weight");
    if (!w || w->s.rank != 3)
        return MM_OK;
    int64_t rows = w->s.dim[0] * w->s.dim[1], k = w->s.dim[2];
    mm_tensor g = {0}, v = *w;
    mm_status s = mm_shape_make(&g.s, MM_F32, 3, (int64_t[]){1, 1, k}, e);
    const float *x = mm_tensor_f32(&m->d->arena, w);
    float *norm = mm_arena_zalloc(&m->d->arena, (size_t)k, sizeof *norm);
    if (s != MM_OK || !x || !norm)
        return s != MM_OK ? s : mm_fail_memory(e);
    for (int64_t j = 0; j < k; j++) {
        double sum = 0;
        for (int64_t i = 0; i < rows; i++)
            sum += (double)x[i * k + j] * x[i * k + j];
        norm[j] = (float)sqrt(sum);
    }
    g.data = norm;
    s = mm_draft_addf(m->d, &g, e, "%sencoder.pos_conv_embed.conv.weight_g", m->own_prefix);
    if (s == MM_OK)
        s = mm_draft_addf(m->d, &v, e, "%sencoder.pos_conv_embed.conv.weight_v", m->own_prefix);
    char name[400];
    snprintf(name, sizeof name, "%sencoder.pos_conv_embed.conv.weight", m->own_prefix);
    mm_draft_remove(m->d, name);
    return s;
}

/* The feature extractor's convolutions: widths and kernels from shapes, strides from the nodes. */
static void put_convs(mm_onnx_import *m)
{
    json_t *width = json_array(), *kernel = json_array(), *stride = json_array();
    int64_t n = mm_fact_count(m, "feature_extractor.conv_layers.", ".conv.weight");
    for (int i = 0; i < n && i < 100; i++) {
        char name[96], scope[96];
        int64_t step = 1;
        snprintf(name, sizeof name, "feature_extractor.conv_layers.%d.conv.weight", i);
        snprintf(scope, sizeof scope, "feature_extractor/conv_layers.%d/conv/", i);
        const mm_onnx_node *node = mm_fact_node(m, scope, "Conv");
        if (node)
            mm_onnx_ints(node, "strides", &step, 1);
        json_array_append_new(width, json_integer(mm_fact_dim(m, name, 0)));
        json_array_append_new(kernel, json_integer(mm_fact_dim(m, name, 2)));
        json_array_append_new(stride, json_integer(step));
    }
    put(m, "conv_dim", width);
    put(m, "conv_kernel", kernel);
    put(m, "conv_stride", stride);
    put_int(m, "num_feat_extract_layers", n);
}

/* A layer norm after every convolution is the large models' layout, and all of those are pre-norm ("stable"). No
 * constant of the graph says so: the caller's do_stable_layer_norm overrides it for a model that is not. */
mm_status mm_onnx_wav2vec2(mm_onnx_import *m, mm_err *e)
{
    bool layer = mm_fact_tensor(m, "feature_extractor.conv_layers.1.layer_norm.weight") != NULL;
    if (strncmp(m->prefix, "hubert.", 7) == 0)
        put(m, "model_type", json_string("hubert"));
    put_common(m, m->d->config, "", mm_fact_count(m, "encoder.layers.", ".attention.q_proj.weight"),
               mm_fact_dim(m, "feature_projection.projection.weight", 0),
               mm_fact_dim(m, "encoder.layers.0.feed_forward.intermediate_dense.weight", 0), 1e-5);
    put_convs(m);
    put(m, "feat_extract_norm", json_string(layer ? "layer" : "group"));
    put(m, "feat_extract_activation", json_string("gelu"));
    put(m, "do_stable_layer_norm", json_boolean(layer));
    put(m, "conv_bias", json_boolean(mm_fact_tensor(m, "feature_extractor.conv_layers.0.conv.bias") != NULL));
    put(m, "mask_time_prob", json_real(0)); /* for training only; without it masked_spec_embed is not needed */
    int64_t taps = mm_fact_dim(m, "encoder.pos_conv_embed.conv.weight", 2);
    if (!taps) /* not folded */
        taps = mm_fact_dim(m, "encoder.pos_conv_embed.conv.parametrizations.weight.original1", 2);
    put_int(m, "num_conv_pos_embeddings", taps);
    const mm_onnx_node *conv = mm_fact_node(m, "pos_conv_embed/conv/", "Conv");
    put_int(m, "num_conv_pos_embedding_groups", conv ? mm_onnx_int(conv, "group", 1) : 16);
    m->d->preprocessor =
        json_pack("{s:s, s:i, s:i, s:f, s:s, s:b, s:b}", "feature_extractor_type", "Wav2Vec2FeatureExtractor",
                  "feature_size", 1, "sampling_rate", 16000, "padding_value", 0.0, "padding_side", "right",
                  "do_normalize", 1, "return_attention_mask", layer);
    return split_weight_norm(m, e);
}
