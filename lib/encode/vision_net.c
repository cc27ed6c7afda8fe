#include "encode/vision_net.h"

void mm_vision_net_describe(const mm_vision_net *v, mm_net_info *info)
{
    info->layers = v->stack.spec.layers;
    info->width = v->stack.spec.width;
    info->prefix = v->patches.prefix;
    info->has_cls = v->patches.prefix > 0;
    info->pool = v->patches.prefix > 0 ? MM_POOL_CLS : MM_POOL_MEAN;
}

void mm_vision_net_free(mm_vision_net *v)
{
    mm_dev *d = v->params.dev;
    mm_workspace_free(&v->work, d);
    mm_patches_free(&v->patches, d);
    mm_params_free(&v->params);
}

mm_status mm_vision_net_check(const mm_vision_net *v, const mm_input *in, int64_t *floats, mm_err *e)
{
    int64_t rows = 0;
    mm_status s = mm_patches_check(&v->patches, in, &rows, floats, e);
    if (s == MM_OK)
        *floats += rows * v->stack.spec.width + mm_stack_scratch(&v->stack, rows) + 2 * MM_WORKSPACE_ALIGN;
    return s;
}

mm_status mm_vision_net_forward(mm_vision_net *v, mm_forward *f, mm_err *e)
{
    mm_dev *d = v->params.dev;
    int64_t width = v->stack.spec.width, floats = 0;
    for (int i = 0; i < f->n; i++) {
        int64_t one = 0;
        mm_status s = mm_vision_net_check(v, &f->in[i], &one, e);
        if (s != MM_OK)
            return s;
        floats += one;
    }
    mm_patches_layout(&v->patches, f);
    mm_status s = mm_workspace_begin(&v->work, d, floats, e);
    if (s != MM_OK)
        return s;
    int64_t rows = f->cu[f->n];
    mm_mat x = mm_workspace_take(&v->work, rows, width);
    mm_mat scratch = mm_workspace_take(&v->work, 1, mm_stack_scratch(&v->stack, rows));
    s = mm_patches_embed(&v->patches, d, &v->work, x, f, e);
    if (s != MM_OK)
        return s;
    if (v->pre.gain)
        mm_apply_norm(d, &v->pre, v->stack.spec.eps, x, x, rows, width);
    mm_stack_run(&v->stack, d, x, scratch, f);
    return MM_OK;
}
