#include "encode/vision.h"

void mm_vision_describe(const mm_vision *v, mm_net_info *info)
{
    info->layers = v->stack.spec.layers;
    info->width = v->stack.spec.width;
    info->prefix = v->patches.prefix;
    info->has_cls = v->patches.prefix > 0;
    info->pool = v->patches.prefix > 0 ? MM_POOL_CLS : MM_POOL_MEAN;
}

void mm_vision_free(mm_vision *v)
{
    mm_dev *d = v->params.dev;
    mm_room_free(&v->room, d);
    mm_patches_free(&v->patches, d);
    mm_params_free(&v->params);
}

mm_status mm_vision_check(const mm_vision *v, const mm_input *in, int64_t *floats, mm_err *e)
{
    int64_t rows = 0;
    mm_status s = mm_patches_check(&v->patches, in, &rows, floats, e);
    if (s == MM_OK)
        *floats += rows * v->stack.spec.width + mm_stack_scratch(&v->stack, rows) + 2 * MM_ROOM_ALIGN;
    return s;
}

mm_status mm_vision_forward(mm_vision *v, mm_forward *f, mm_err *e)
{
    mm_dev *d = v->params.dev;
    int64_t width = v->stack.spec.width, floats = 0;
    for (int i = 0; i < f->n; i++) {
        int64_t one = 0;
        mm_status s = mm_vision_check(v, &f->in[i], &one, e);
        if (s != MM_OK)
            return s;
        floats += one;
    }
    mm_patches_layout(&v->patches, f);
    mm_status s = mm_room_begin(&v->room, d, floats, e);
    if (s != MM_OK)
        return s;
    int64_t rows = f->cu[f->n];
    mm_mat x = mm_room_take(&v->room, rows, width);
    mm_mat scratch = mm_room_take(&v->room, 1, mm_stack_scratch(&v->stack, rows));
    s = mm_patches_embed(&v->patches, d, &v->room, x, f, e);
    if (s != MM_OK)
        return s;
    if (v->pre.gain)
        mm_apply_norm(d, &v->pre, v->stack.spec.eps, x, x, rows, width);
    mm_stack_run(&v->stack, d, x, scratch, f);
    return MM_OK;
}
