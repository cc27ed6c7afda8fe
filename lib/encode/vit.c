/* vit.c: ViT (Dosovitskiy et al. 2021), and DeiT (Touvron et al. 2021), which has a distillation token beside CLS. */
#include "encode/vision_net.h"

typedef struct {
    mm_vision_net v;
    mm_weight *head;    /* [classes, W] on CLS; NULL: none */
    mm_weight *teacher; /* [classes, W] on the distillation token: the logits are the mean of both; NULL: none */
} vit;

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

static void load(vit *n, const char *const *prefixes, bool distilled)
{
    mm_params *p = &n->v.net.params;
    int64_t *classes = &n->v.net.info.classes;
    mm_params_prefix(p, prefixes, "embeddings.cls_token");
    mm_stack_spec spec = mm_stack_spec_of(p, 1e-12);
    mm_patches_names patches = {.conv = "embeddings.patch_embeddings.projection",
                                .conv_bias = MM_BIAS,
                                .position = "embeddings.position_embeddings",
                                .token = {"embeddings.cls_token", distilled ? "embeddings.distillation_token" : NULL},
                                .with_position = distilled ? 2 : 1};
    mm_vision_net_load(&n->v, &patches, mm_config_int(mm_model_config(p->model), "patch_size", 16), &spec, &names);
    n->head = mm_params_head(p, "classifier", classes, spec.width, MM_BIAS);
    if (distilled && !n->head) {
        n->head = mm_params_head(p, "cls_classifier", classes, spec.width, MM_BIAS);
        n->teacher = mm_params_head(p, "distillation_classifier", classes, spec.width, MM_BIAS);
    }
}

static void load_vit(mm_net *n)
{
    load((vit *)n, (const char *const[]){"", "vit.", NULL}, false);
}

static void load_deit(mm_net *n)
{
    load((vit *)n, (const char *const[]){"", "deit.", NULL}, true);
}

/* y = head(token) for the token at row `row` of each item */
static mm_status apply_head(mm_net *n, const mm_weight *head, const mm_forward *f, mm_mat x, int64_t row, mm_mat y,
                            mm_err *e)
{
    int64_t width = n->info.width;
    mm_mat token = mm_workspace_take(&n->head, f->n, width);
    mm_status s = mm_pool_items(n->params.dev, f, x, token, width, row, 1, e);
    if (s == MM_OK)
        mm_dev_linear(n->params.dev, &(mm_linear_op){.x = token, .y = y, .w = head, .rows = f->n});
    return s;
}

/* The mean of two heads' logits: they are rows 2i and 2i + 1 of a matrix whose pairs of rows are averaged. */
static mm_status both_heads(vit *v, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    mm_net *n = &v->v.net;
    int64_t classes = n->info.classes;
    mm_mat pairs = mm_workspace_take(&n->head, 2 * (int64_t)f->n, classes), every_second = pairs;
    every_second.ld = 2 * classes;
    mm_status s = apply_head(n, v->head, f, x, 0, every_second, e);
    if (s == MM_OK)
        s = apply_head(n, v->teacher, f, x, 1, mm_mat_at(every_second, 0, classes), e);
    int64_t *lo = mm_arena_zalloc(f->arena, 2 * (size_t)f->n, sizeof *lo);
    if (s != MM_OK || !lo)
        return s != MM_OK ? s : mm_fail_memory(e);
    for (int i = 0; i < f->n; i++) {
        lo[i] = 2 * i;
        lo[f->n + i] = 2 * i + 2;
    }
    mm_dev_pool_rows(n->params.dev,
                     &(mm_pool_rows_op){.x = pairs, .y = y, .width = classes, .n = f->n, .lo = lo, .hi = lo + f->n});
    return MM_OK;
}

static mm_status classify(mm_net *n, const mm_forward *f, mm_mat x, mm_mat y, mm_err *e)
{
    vit *v = (vit *)n;
    int64_t floats = 2 * f->n * (n->info.width + n->info.classes) + 3 * MM_WORKSPACE_ALIGN;
    mm_status s = mm_workspace_begin(&n->head, n->params.dev, floats, e);
    if (s != MM_OK)
        return s;
    return v->teacher ? both_heads(v, f, x, y, e) : apply_head(n, v->head, f, x, 0, y, e);
}

const mm_arch mm_arch_vit = {.size = sizeof(vit),
                             .load = load_vit,
                             .unload = mm_vision_net_unload,
                             .check = mm_vision_net_check,
                             .forward = mm_vision_net_forward,
                             .classify = classify};
const mm_arch mm_arch_deit = {.size = sizeof(vit),
                              .load = load_deit,
                              .unload = mm_vision_net_unload,
                              .check = mm_vision_net_check,
                              .forward = mm_vision_net_forward,
                              .classify = classify};
