/* dinov2.c: DINOv2 (Oquab et al. 2023), and its variant with registers (Darcet et al. 2024): a ViT with LayerScale
 * whose positions are resampled for any image size. */
#include "encode/vision_net.h"

typedef struct {
    mm_vision_net v;
    mm_weight *head; /* [classes, 2W] on CLS beside the mean of the patches; NULL: none */
} dinov2;

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

static void load(dinov2 *n, const char *const *prefixes, bool registers)
{
    mm_params *p = &n->v.net.params;
    const json_t *c = mm_model_config(p->model);
    mm_params_prefix(p, prefixes, "embeddings.cls_token");
    if (mm_config_bool(c, "use_swiglu_ffn", false))
        mm_params_fail(p, "%s: the SwiGLU feed-forward of DINOv2-giant is not supported", mm_model_path(p->model));
    mm_stack_spec spec = mm_stack_spec_of(p, 1e-6);
    spec.inner = (int64_t)((double)spec.width * mm_config_float(c, "mlp_ratio", 4));
    mm_patches_names patches = {.conv = "embeddings.patch_embeddings.projection",
                                .conv_bias = MM_BIAS,
                                .position = "embeddings.position_embeddings",
                                .token = {"embeddings.cls_token", registers ? "embeddings.register_tokens" : NULL},
                                .with_position = 1,
                                .antialias = registers};
    mm_vision_net_load(&n->v, &patches, mm_config_int(c, "patch_size", 14), &spec, &names);
    n->head = mm_params_head(p, "classifier", &n->v.net.info.classes, 2 * spec.width, MM_BIAS);
}

static void load_plain(mm_net *n)
{
    load((dinov2 *)n, (const char *const[]){"", "dinov2.", NULL}, false);
}

static void load_registers(mm_net *n)
{
    load((dinov2 *)n, (const char *const[]){"", "dinov2_with_registers.", "dinov2.", NULL}, true);
}

static mm_status classify(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    mm_dev *d = n->params.dev;
    int64_t width = n->info.width;
    mm_status s = mm_workspace_begin(&n->head, d, 2 * f->n * width + MM_WORKSPACE_ALIGN, e);
    if (s != MM_OK)
        return s;
    mm_mat both = mm_workspace_take(&n->head, f->n, 2 * width);
    s = mm_pool_items(d, f, x, both, width, 0, 1, e);
    if (s == MM_OK)
        s = mm_pool_items(d, f, x, mm_mat_at(both, 0, width), width, n->info.prefix, -1, e);
    if (s == MM_OK)
        mm_dev_linear(d, &(mm_linear_op){.x = both, .y = y, .w = ((dinov2 *)n)->head, .rows = f->n});
    return s;
}

const mm_arch mm_arch_dinov2 = {.size = sizeof(dinov2),
                                .load = load_plain,
                                .unload = mm_vision_net_unload,
                                .check = mm_vision_net_check,
                                .forward = mm_vision_net_forward,
                                .classify = classify};
const mm_arch mm_arch_dinov2_registers = {.size = sizeof(dinov2),
                                          .load = load_registers,
                                          .unload = mm_vision_net_unload,
                                          .check = mm_vision_net_check,
                                          .forward = mm_vision_net_forward,
                                          .classify = classify};
