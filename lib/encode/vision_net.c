#include "encode/vision_net.h"

void mm_vision_net_load(mm_vision_net *v, const mm_patches_names *patches, int64_t patch_size,
                        const mm_stack_spec *spec, const mm_stack_names *layers)
{
    mm_patches_load(&v->patches, &v->net.params, patches, patch_size, spec->width);
    mm_stack_load(&v->net.stack, &v->net.params, spec, layers);
    v->net.info = (mm_net_info){.layers = spec->layers,
                                .width = spec->width,
                                .prefix = v->patches.prefix,
                                .has_cls = v->patches.prefix > 0,
                                .pool = v->patches.prefix > 0 ? MM_POOL_CLS : MM_POOL_MEAN};
}

void mm_vision_net_unload(mm_net *n)
{
    mm_patches_free(&((mm_vision_net *)n)->patches, n->params.dev);
}

mm_status mm_vision_net_check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    int64_t rows = 0;
    mm_status s = mm_patches_check(&((const mm_vision_net *)n)->patches, in, &rows, floats, e);
    if (s == MM_OK)
        *floats += rows * n->info.width + mm_stack_scratch(&n->stack, rows) + 2 * MM_WORKSPACE_ALIGN;
    return s;
}

mm_status mm_vision_net_forward(mm_net *n, mm_forward *f, mm_err *e)
{
    mm_vision_net *v = (mm_vision_net *)n;
    mm_dev *d = n->params.dev;
    int64_t width = n->info.width, floats = 0;
    for (int i = 0; i < f->n; i++) {
        int64_t one = 0;
        mm_status s = mm_vision_net_check(n, &f->in[i], &one, e);
        if (s != MM_OK)
            return s;
        floats += one;
    }
    mm_patches_layout(&v->patches, f);
    mm_status s = mm_workspace_begin(&n->work, d, floats, e);
    if (s != MM_OK)
        return s;
    int64_t rows = f->cu[f->n];
    mm_mat x = mm_workspace_take(&n->work, rows, width);
    mm_mat scratch = mm_workspace_take(&n->work, 1, mm_stack_scratch(&n->stack, rows));
    s = mm_patches_embed(&v->patches, d, &n->work, x, f, e);
    if (s != MM_OK)
        return s;
    if (v->pre.gain)
        mm_apply_norm(d, &v->pre, n->stack.spec.eps, x, x, rows, width);
    mm_stack_run(&n->stack, d, x, scratch, f);
    return MM_OK;
}
