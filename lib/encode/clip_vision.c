/* clip_vision.c: CLIP's image tower: no bias on the patches, a norm before the layers and one after pooling. */
#include "encode/clip.h"
#include "encode/vision_net.h"

#include <stdlib.h>

struct mm_net {
    mm_vision_net v;
    mm_norm_params post;
    mm_weight *projection; /* [projected, W]; NULL: none */
};

static bool match(const mm_model *m)
{
    return mm_clip_is(m, "clip_vision_model");
}

static void unload(mm_net *n)
{
    if (!n)
        return;
    mm_vision_net_free(&n->v);
    free(n);
}

static mm_status load(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    mm_params *p = &n->v.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, (const char *const[]){"vision_model.", "", NULL}, "embeddings.class_embedding");
    mm_stack_spec spec = mm_clip_spec(p, "vision_config", 768, 12);
    mm_patches_names patches = {.conv = "embeddings.patch_embedding",
                                .conv_bias = MM_NO_BIAS,
                                .position = "embeddings.position_embedding.weight",
                                .token = {"embeddings.class_embedding"},
                                .with_position = 1};
    mm_patches_load(&n->v.patches, p, &patches, mm_config_int(mm_clip_config(m, "vision_config"), "patch_size", 32),
                    spec.width);
    n->v.pre = mm_params_norm(p, "pre_layrnorm", spec.width); /* the files have it misspelt */
    mm_stack_load(&n->v.stack, p, &spec, &mm_clip_layers);
    n->post = mm_params_norm(p, "post_layernorm", spec.width);
    n->projection = mm_params_head(p, "visual_projection", &info->projected, spec.width, MM_NO_BIAS);
    mm_vision_net_describe(&n->v, info);
    info->logit_scale = mm_clip_logit_scale(p);
    mm_status s = mm_params_done(p, e);
    if (s != MM_OK)
        unload(n);
    else
        *out = n;
    return s;
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    return mm_vision_net_check(&n->v, in, floats, e);
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    return mm_vision_net_forward(&n->v, f, e);
}

static void pooled(mm_net *n, mm_mat x, int64_t rows)
{
    const mm_stack_spec *s = &n->v.stack.spec;
    mm_apply_norm(n->v.params.dev, &n->post, s->eps, x, x, rows, s->width);
}

static void project(mm_net *n, mm_mat x, mm_mat y, int64_t rows)
{
    mm_dev_linear(n->v.params.dev, &(mm_linear_op){.x = x, .y = y, .w = n->projection, .rows = rows});
}

const mm_arch mm_arch_clip_vision = {.name = "clip",
                                     .of = MM_OF_IMAGE,
                                     .match = match,
                                     .load = load,
                                     .unload = unload,
                                     .check = check,
                                     .forward = forward,
                                     .pooled = pooled,
                                     .project = project};
