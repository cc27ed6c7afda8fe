/* clip.c: CLIP's image and text encoders (Radford et al. 2021). */
#include "encode/text_net.h"
#include "encode/vision_net.h"

#include <math.h>
#include <stdio.h>

/* Without the final norm, which each encoder places elsewhere. */
static const mm_stack_names clip_layers = {
    .layer = "encoder.layers.%d.",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm1 = "layer_norm1",
    .norm2 = "layer_norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
};

/* One encoder's part of config.json: `section` ("text_config") where there is one, else all of it. */
static const json_t *config_of(const mm_model *m, const char *section)
{
    const json_t *c = mm_model_config(m), *own = json_object_get(c, section);
    return json_is_object(own) ? own : c;
}

/* The layers of one encoder; the base model's sizes where config.json leaves them out. */
static mm_stack_spec spec_of(mm_params *p, const char *section, int64_t width, int64_t heads)
{
    const json_t *c = config_of(p->model, section);
    char act[64];
    snprintf(act, sizeof act, "%s%shidden_act", c == mm_model_config(p->model) ? "" : section,
             c == mm_model_config(p->model) ? "" : ".");
    width = mm_config_int(c, "hidden_size", width);
    return (mm_stack_spec){.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                           .heads = (int)mm_config_int(c, "num_attention_heads", heads),
                           .width = width,
                           .inner = mm_config_int(c, "intermediate_size", 4 * width),
                           .eps = (float)mm_config_float(c, "layer_norm_eps", 1e-5),
                           .act = mm_params_act(p, act, "quick_gelu")};
}

/* exp(logit_scale), 0 when the file has none. */
static double logit_scale(const mm_params *p)
{
    mm_tensor t;
    float f = 0;
    if (!mm_model_has(p->model, "logit_scale") || mm_model_tensor(p->model, &t, "logit_scale", NULL) != MM_OK ||
        mm_shape_count(&t.s) != 1)
        return 0;
    mm_to_f32(&f, t.data, t.s.type, 1);
    return exp((double)f);
}

/* ---- texts: causal, pooled at the end-of-text token ---- */

typedef struct {
    mm_text_net t;
    int32_t eos;
} clip_text;

static void load_text(mm_net *n)
{
    static const mm_text_net_names names = {
        .word = "embeddings.token_embedding.weight",
        .position = "embeddings.position_embedding.weight",
    };
    clip_text *x = (clip_text *)n;
    mm_params *p = &n->params;
    mm_params_prefix(p, (const char *const[]){"text_model.", "", NULL}, names.word);
    mm_stack_spec spec = spec_of(p, "text_config", 512, 8);
    spec.causal = true;
    mm_stack_names layers = clip_layers;
    layers.final_norm = "final_layer_norm";
    mm_text_net_load(&x->t, &names, &spec, &layers);
    x->eos = (int32_t)mm_config_int(config_of(p->model, "text_config"), "eos_token_id", 49407);
    n->projection = mm_params_head(p, "text_projection", &n->info.projected, spec.width, MM_NO_BIAS);
    n->info.has_eos = true;
    n->info.pool = MM_POOL_EOS;
    n->info.logit_scale = logit_scale(p);
}

/* The first end-of-text token. In files whose config says 2 (OpenAI's own, before transformers #24773) the first of the
 * highest ids, which is the same as long as no tokens were added. Row 0 when there is none, as in the reference. */
static int64_t eos_row(const clip_text *x, const int32_t *id, int64_t count)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (x->eos != 2 && id[i] == x->eos)
            return i;
        if (x->eos == 2 && id[i] > id[found])
            found = i;
    }
    return found;
}

static mm_status forward_text(mm_net *n, mm_forward *f, mm_err *e)
{
    for (int i = 0; i < f->n; i++)
        f->eos[i] = eos_row((clip_text *)n, f->in[i].in.data, f->in[i].in.s.dim[0]);
    return mm_text_net_forward(n, f, e);
}

const mm_arch mm_arch_clip_text = {
    .size = sizeof(clip_text), .load = load_text, .check = mm_text_net_check, .forward = forward_text};

/* ---- images: no bias on the patches, a norm before the layers and one after pooling ---- */

typedef struct {
    mm_vision_net v;
    mm_norm_params post;
} clip_vision;

static void load_vision(mm_net *n)
{
    clip_vision *x = (clip_vision *)n;
    mm_params *p = &n->params;
    mm_params_prefix(p, (const char *const[]){"vision_model.", "", NULL}, "embeddings.class_embedding");
    mm_stack_spec spec = spec_of(p, "vision_config", 768, 12);
    mm_patches_names patches = {.conv = "embeddings.patch_embedding",
                                .conv_bias = MM_NO_BIAS,
                                .position = "embeddings.position_embedding.weight",
                                .token = {"embeddings.class_embedding"},
                                .with_position = 1};
    int64_t patch_size = mm_config_int(config_of(p->model, "vision_config"), "patch_size", 32);
    mm_vision_net_load(&x->v, &patches, patch_size, &spec, &clip_layers);
    x->v.pre = mm_params_norm(p, "pre_layrnorm", spec.width); /* the files have it misspelt */
    x->post = mm_params_norm(p, "post_layernorm", spec.width);
    n->projection = mm_params_head(p, "visual_projection", &n->info.projected, spec.width, MM_NO_BIAS);
    n->info.logit_scale = logit_scale(p);
}

static void pooled(mm_net *n, mm_mat x, int64_t rows)
{
    mm_apply_norm(n->params.dev, &((clip_vision *)n)->post, n->stack.spec.eps, x, x, rows, n->info.width);
}

const mm_arch mm_arch_clip_vision = {.size = sizeof(clip_vision),
                                     .load = load_vision,
                                     .unload = mm_vision_net_unload,
                                     .check = mm_vision_net_check,
                                     .forward = mm_vision_net_forward,
                                     .pooled = pooled};
