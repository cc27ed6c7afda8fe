/* ijepa.c: I-JEPA (Assran et al. 2023): a ViT without a CLS token, trained to predict the representations of masked
 * parts of an image. */
#include "encode/vision_net.h"

static const mm_stack_names names = {
    .layer = "encoder.layer.%d.",
    .q = "attention.attention.query",
    .k = "attention.attention.key",
    .v = "attention.attention.value",
    .out = "attention.output.dense",
    .norm1 = "layernorm_before",
    .norm2 = "layernorm_after",
    .fc1 = "intermediate.dense",
    .fc2 = "output.dense",
    .final_norm = "layernorm",
};

static void load(mm_net *n)
{
    mm_params *p = &n->params;
    mm_params_prefix(p, (const char *const[]){"", "ijepa.", NULL}, "embeddings.position_embeddings");
    mm_stack_spec spec = mm_stack_spec_of(p, 1e-6);
    mm_patches_names patches = {.conv = "embeddings.patch_embeddings.projection",
                                .conv_bias = MM_BIAS,
                                .position = "embeddings.position_embeddings"};
    int64_t patch_size = mm_config_int(mm_model_config(p->model), "patch_size", 14);
    mm_vision_net_load((mm_vision_net *)n, &patches, patch_size, &spec, &names);
}

const mm_arch mm_arch_ijepa = {.size = sizeof(mm_vision_net),
                               .load = load,
                               .unload = mm_vision_net_unload,
                               .check = mm_vision_net_check,
                               .forward = mm_vision_net_forward};
