/* dispatch.c: what a shader sees of a buffer, and recording a dispatch. */
#include "backend/vulkan/vk.h"

#include <string.h>

bool mm_vk_window_of(mm_vk_window *w, const mm_vk_dev *d, VkBuffer b, VkDeviceSize at, VkDeviceSize bytes)
{
    const VkPhysicalDeviceLimits *l = &d->card.properties.limits;
    const VkDeviceSize align = l->minStorageBufferOffsetAlignment > 16 ? l->minStorageBufferOffsetAlignment : 16;
    at = bytes ? at : 0;
    w->shift = at % align;
    w->info = (VkDescriptorBufferInfo){b, at - w->shift, (w->shift + (bytes ? bytes : 16) + 15) / 16 * 16};
    return w->info.range <= l->maxStorageBufferRange;
}

bool mm_vk_window_rows(mm_vk_window *w, const mm_vk_dev *d, const mm_mat *m, int64_t lo, int64_t hi, int64_t width)
{
    return mm_vk_window_of(w, d, mm_vk_buffer(m), mm_vk_at(m) + (VkDeviceSize)(lo * m->ld) * sizeof(float),
                           (VkDeviceSize)mm_vk_extent(hi - lo, mm_vk_width(m->half, width), m->ld) * sizeof(float));
}

mm_status mm_vk_too_large(mm_err *e)
{
    return mm_fail(e, MM_SKIP, "vulkan: an input is too large for this device's buffers: cut it into windows");
}

mm_status mm_vk_host_table(mm_vk_window *w, mm_vk_dev *d, const void *from, VkDeviceSize bytes, mm_err *e)
{
    char *to;
    VkDeviceSize at;
    mm_status s = mm_vk_stage(&to, &at, d, bytes, e);
    if (s != MM_OK)
        return s;
    memcpy(to, from, bytes);
    mm_vk_window_of(w, d, d->up.buffer, at, bytes);
    return MM_OK;
}

void mm_vk_fold(uint32_t groups[3], int64_t n, int lanes)
{
    const int64_t fold = 32768, all = (n + lanes - 1) / lanes; /* FOLD of common.glsl */
    groups[0] = (uint32_t)(all < fold ? all : fold);
    groups[1] = (uint32_t)((all + fold - 1) / fold);
    groups[2] = 1;
}

/* Multiply-adds after which a slot is submitted, so that no watchdog takes a slow device for hung: well under a second
 * on the slowest device of its type. */
static double submission_limit(const mm_vk_dev *d)
{
    switch (d->card.properties.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return 1e12;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return 4e9;
    default: return 5e10;
    }
}

mm_status mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e)
{
    VkPipeline pipeline;
    mm_vk_slot *slot;
    mm_vk_command *c;
    mm_status s = mm_vk_pipeline_of(&pipeline, d, x->shader, x->spec, e);
    if (s == MM_OK)
        s = mm_vk_open_slot(&slot, d, e);
    if (s == MM_OK)
        s = mm_vk_list_add(&c, &slot->list, e);
    if (s != MM_OK)
        return s;
    c->pipeline = pipeline;
    for (int i = 0; i < MM_VK_BINDINGS; i++) /* a binding that the shader does not use still needs a buffer */
        c->bind[i] = x->bind[i].info.buffer ? x->bind[i].info : x->bind[MM_VK_BINDINGS - 1].info;
    memcpy(c->push, x->push, x->push_bytes);
    c->push_bytes = x->push_bytes;
    memcpy(c->groups, x->groups, sizeof c->groups);
    d->work += x->work;
    /* not before the dispatch: what it reads from staging memory was staged for the same slot */
    return ++slot->list.dispatches == MM_VK_DISPATCHES || d->work > submission_limit(d) ? mm_vk_submit_slot(d, e)
                                                                                        : MM_OK;
}
