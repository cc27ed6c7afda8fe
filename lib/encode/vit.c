/* vit.c: ViT (Dosovitskiy et al. 2021), and DeiT (Touvron et al. 2021), which has a distillation token beside CLS. */
#include "encode/vision_net.h"

#include <stdlib.h>
#include <string.h>

struct mm_net {
    mm_vision_net v;
    int64_t classes;
    mm_weight *head;    /* [classes, W] on CLS; NULL: none */
    mm_weight *teacher; /* [classes, W] on the distillation token: the logits are the mean of both; NULL: none */
    mm_workspace head_work;
};

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

static bool is_vit(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "vit");
}

static bool is_deit(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "deit");
}

static void unload(mm_net *n)
{
    if (!n)
        return;
    mm_workspace_free(&n->head_work, n->v.params.dev);
    mm_vision_net_free(&n->v);
    free(n);
}

static void load_heads(mm_net *n, mm_net_info *info, bool distilled)
{
    mm_params *p = &n->v.params;
    int64_t width = n->v.stack.spec.width;
    n->head = mm_params_head(p, "classifier", &n->classes, width, MM_BIAS);
    if (distilled && !n->head) {
        n->head = mm_params_head(p, "cls_classifier", &n->classes, width, MM_BIAS);
        n->teacher = mm_params_head(p, "distillation_classifier", &n->classes, width, MM_BIAS);
    }
    info->classes = n->classes;
}

static mm_status load(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, const char *const *prefixes,
                      bool distilled, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    const json_t *c = mm_model_config(m);
    mm_params *p = &n->v.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, prefixes, "embeddings.cls_token");
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                          .heads = (int)mm_config_int(c, "num_attention_heads", 12),
                          .width = mm_config_int(c, "hidden_size", 768),
                          .inner = mm_config_int(c, "intermediate_size", 3072),
                          .eps = (float)mm_config_float(c, "layer_norm_eps", 1e-12),
                          .act = mm_params_act(p, "hidden_act", "gelu"),
                          .qkv_bias = mm_config_bool(c, "qkv_bias", true) ? MM_BIAS : MM_NO_BIAS};
    mm_patches_names patches = {.conv = "embeddings.patch_embeddings.projection",
                                .conv_bias = MM_BIAS,
                                .position = "embeddings.position_embeddings",
                                .token = {"embeddings.cls_token", distilled ? "embeddings.distillation_token" : NULL},
                                .with_position = distilled ? 2 : 1};
    mm_patches_load(&n->v.patches, p, &patches, mm_config_int(c, "patch_size", 16), spec.width);
    mm_stack_load(&n->v.stack, p, &spec, &names);
    load_heads(n, info, distilled);
    mm_vision_net_describe(&n->v, info);
    mm_status s = mm_params_done(p, e);
    if (s != MM_OK)
        unload(n);
    else
        *out = n;
    return s;
}

static mm_status load_vit(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    return load(out, info, m, d, (const char *const[]){"", "vit.", NULL}, false, e);
}

static mm_status load_deit(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    return load(out, info, m, d, (const char *const[]){"", "deit.", NULL}, true, e);
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    return mm_vision_net_check(&n->v, in, floats, e);
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    return mm_vision_net_forward(&n->v, f, e);
}

/* y = head(token) for the token at row `row` of each item */
static mm_status apply_head(mm_net *n, const mm_weight *head, const mm_forward *f, mm_mat x, int64_t row, mm_mat y,
                            mm_err *e)
{
    int64_t width = n->v.stack.spec.width;
    mm_mat token = mm_workspace_take(&n->head_work, f->n, width);
    mm_status s = mm_pool_items(n->v.params.dev, f, x, token, width, row, 1, e);
    if (s == MM_OK)
        mm_dev_linear(n->v.params.dev, &(mm_linear_op){.x = token, .y = y, .w = head, .rows = f->n});
    return s;
}

/* The mean of two heads' logits: they stand in rows 2i and 2i + 1 of a matrix whose pairs of rows are averaged. */
static mm_status both_heads(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    mm_mat pairs = mm_workspace_take(&n->head_work, 2 * (int64_t)f->n, n->classes), every_second = pairs;
    every_second.ld = 2 * n->classes;
    mm_status s = apply_head(n, n->head, f, x, 0, every_second, e);
    if (s == MM_OK)
        s = apply_head(n, n->teacher, f, x, 1, mm_mat_at(every_second, 0, n->classes), e);
    int64_t *lo = mm_arena_zalloc(f->arena, 2 * (size_t)f->n, sizeof *lo);
    if (s != MM_OK || !lo)
        return s != MM_OK ? s : mm_fail_memory(e);
    for (int i = 0; i < f->n; i++) {
        lo[i] = 2 * i;
        lo[f->n + i] = 2 * i + 2;
    }
    mm_dev_pool_rows(n->v.params.dev,
                     &(mm_pool_rows_op){.x = pairs, .y = y, .width = n->classes, .n = f->n, .lo = lo, .hi = lo + f->n});
    return MM_OK;
}

static mm_status classify(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    int64_t floats = 2 * f->n * (n->v.stack.spec.width + n->classes) + 3 * MM_WORKSPACE_ALIGN;
    mm_status s = mm_workspace_begin(&n->head_work, n->v.params.dev, floats, e);
    if (s != MM_OK)
        return s;
    return n->teacher ? both_heads(n, f, x, y, e) : apply_head(n, n->head, f, x, 0, y, e);
}

const mm_arch mm_arch_vit = {.name = "vit",
                             .of = MM_OF_IMAGE,
                             .match = is_vit,
                             .load = load_vit,
                             .unload = unload,
                             .check = check,
                             .forward = forward,
                             .classify = classify};
const mm_arch mm_arch_deit = {.name = "deit",
                              .of = MM_OF_IMAGE,
                              .match = is_deit,
                              .load = load_deit,
                              .unload = unload,
                              .check = check,
                              .forward = forward,
                              .classify = classify};
