/* methods.c: the list of fusion methods. A new one is its own file and one line here. */
#include "fuse/head.h"

extern const mm_fuse_method mm_fuse_mlp, mm_fuse_gated, mm_fuse_routing, mm_fuse_attention, mm_fuse_cross,
    mm_fuse_dempster, mm_fuse_linear, mm_fuse_align;

static const mm_fuse_method *const METHODS[] = {
    &mm_fuse_mlp,      &mm_fuse_linear, &mm_fuse_gated, &mm_fuse_routing, &mm_fuse_attention, &mm_fuse_cross,
    &mm_fuse_dempster, &mm_fuse_align,  NULL,
};

const mm_fuse_method *const *mm_fuse_methods(void)
{
    return METHODS;
}

const mm_fuse_method *mm_fuse_method_of(const char *name)
{
    for (int i = 0; METHODS[i]; i++)
        if (strcmp(METHODS[i]->name, name) == 0)
            return METHODS[i];
    return NULL;
}
