/* dinov2.c: DINOv2 (Oquab et al. 2023), and its variant with registers (Darcet et al. 2024): a ViT with LayerScale
 * whose positions are resampled for any image size. */
#include "encode/vision_net.h"

#include <stdlib.h>
#include <string.h>

struct mm_net {
    mm_vision_net v;
    mm_weight *head; /* [classes, 2W] on CLS beside the mean of the patches; NULL: none */
    mm_workspace head_work;
};

static const mm_stack_names names = {
    .layer = "encoder.layer.%d.",
    .q = "attention.attention.query",
    .k = "attention.attention.key",
    .v = "attention.attention.value",
    .out = "attention.output.dense",
    .norm1 = "norm1",
    .norm2 = "norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
    .scale1 = "layer_scale1.lambda1",
    .scale2 = "layer_scale2.lambda1",
    .final_norm = "layernorm",
};

static bool is_plain(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "dinov2");
}

static bool has_registers(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "dinov2_with_registers");
}

static void unload(mm_net *n)
{
    if (!n)
        return;
    mm_workspace_free(&n->head_work, n->v.params.dev);
    mm_vision_net_free(&n->v);
    free(n);
}

static mm_status load(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, const char *const *prefixes,
                      bool registers, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    const json_t *c = mm_model_config(m);
    mm_params *p = &n->v.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, prefixes, "embeddings.cls_token");
    if (mm_config_bool(c, "use_swiglu_ffn", false))
        mm_params_fail(p, "%s: the SwiGLU feed-forward of DINOv2-giant is not supported", mm_model_path(m));
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                          .heads = (int)mm_config_int(c, "num_attention_heads", 12),
                          .width = mm_config_int(c, "hidden_size", 768),
                          .eps = (float)mm_config_float(c, "layer_norm_eps", 1e-6),
                          .act = mm_params_act(p, "hidden_act", "gelu"),
                          .qkv_bias = mm_config_bool(c, "qkv_bias", true) ? MM_BIAS : MM_NO_BIAS};
    spec.inner = (int64_t)((double)spec.width * mm_config_float(c, "mlp_ratio", 4));
    mm_patches_names patches = {.conv = "embeddings.patch_embeddings.projection",
                                .conv_bias = MM_BIAS,
                                .position = "embeddings.position_embeddings",
                                .token = {"embeddings.cls_token", registers ? "embeddings.register_tokens" : NULL},
                                .with_position = 1,
                                .antialias = registers};
    mm_patches_load(&n->v.patches, p, &patches, mm_config_int(c, "patch_size", 14), spec.width);
    mm_stack_load(&n->v.stack, p, &spec, &names);
    n->head = mm_params_head(p, "classifier", &info->classes, 2 * spec.width, MM_BIAS);
    mm_vision_net_describe(&n->v, info);
    mm_status s = mm_params_done(p, e);
    if (s != MM_OK)
        unload(n);
    else
        *out = n;
    return s;
}

static mm_status load_plain(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    return load(out, info, m, d, (const char *const[]){"", "dinov2.", NULL}, false, e);
}

static mm_status load_registers(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    return load(out, info, m, d, (const char *const[]){"", "dinov2_with_registers.", "dinov2.", NULL}, true, e);
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    return mm_vision_net_check(&n->v, in, floats, e);
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    return mm_vision_net_forward(&n->v, f, e);
}

static mm_status classify(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    mm_dev *d = n->v.params.dev;
    int64_t width = n->v.stack.spec.width;
    mm_status s = mm_workspace_begin(&n->head_work, d, 2 * f->n * width + MM_WORKSPACE_ALIGN, e);
    if (s != MM_OK)
        return s;
    mm_mat both = mm_workspace_take(&n->head_work, f->n, 2 * width);
    s = mm_pool_items(d, f, x, both, width, 0, 1, e);
    if (s == MM_OK)
        s = mm_pool_items(d, f, x, mm_mat_at(both, 0, width), width, n->v.patches.prefix, -1, e);
    if (s == MM_OK)
        mm_dev_linear(d, &(mm_linear_op){.x = both, .y = y, .w = n->head, .rows = f->n});
    return s;
}

const mm_arch mm_arch_dinov2 = {.name = "dinov2",
                                .of = MM_OF_IMAGE,
                                .match = is_plain,
                                .load = load_plain,
                                .unload = unload,
                                .check = check,
                                .forward = forward,
                                .classify = classify};
const mm_arch mm_arch_dinov2_registers = {.name = "dinov2_with_registers",
                                          .of = MM_OF_IMAGE,
                                          .match = has_registers,
                                          .load = load_registers,
                                          .unload = unload,
                                          .check = check,
                                          .forward = forward,
                                          .classify = classify};
