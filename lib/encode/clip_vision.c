/* clip_vision.c: CLIP's image encoder: no bias on the patches, a norm before the layers and one after pooling. */
#include "encode/clip.h"
#include "encode/vision_net.h"

typedef struct {
    mm_vision_net v;
    mm_norm_params post;
} clip_vision;

static void load(mm_net *n)
{
    clip_vision *x = (clip_vision *)n;
    mm_params *p = &n->params;
    mm_params_prefix(p, (const char *const[]){"vision_model.", "", NULL}, "embeddings.class_embedding");
    mm_stack_spec spec = mm_clip_spec(p, "vision_config", 768, 12);
    mm_patches_names patches = {.conv = "embeddings.patch_embedding",
                                .conv_bias = MM_NO_BIAS,
                                .position = "embeddings.position_embedding.weight",
                                .token = {"embeddings.class_embedding"},
                                .with_position = 1};
    int64_t patch_size = mm_config_int(mm_clip_config(p->model, "vision_config"), "patch_size", 32);
    mm_vision_net_load(&x->v, &patches, patch_size, &spec, &mm_clip_layers);
    x->v.pre = mm_params_norm(p, "pre_layrnorm", spec.width); /* the files have it misspelt */
    x->post = mm_params_norm(p, "post_layernorm", spec.width);
    n->projection = mm_params_head(p, "visual_projection", &n->info.projected, spec.width, MM_NO_BIAS);
    n->info.logit_scale = mm_clip_logit_scale(p);
}

static void pooled(mm_net *n, mm_mat x, int64_t rows)
{
    mm_apply_norm(n->params.dev, &((clip_vision *)n)->post, n->stack.spec.eps, x, x, rows, n->info.width);
}

const mm_arch mm_arch_clip_vision = {.size = sizeof(clip_vision),
                                     .load = load,
                                     .unload = mm_vision_net_unload,
                                     .check = mm_vision_net_check,
                                     .forward = mm_vision_net_forward,
                                     .pooled = pooled};
