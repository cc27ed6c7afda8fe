/* record.c: recordings: which slot's turn it is, submitting, waiting. */
#include "backend/vulkan/vk.h"

#include <stdlib.h>
#include <string.h>

/* Multiply-adds after which a recording is submitted, so that no watchdog takes a slow device for hung: well under a
 * second on the slowest kind of its type. */
static double submission_limit(const mm_vk_dev *d)
{
    switch (d->card.properties.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return 1e12;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return 4e9;
    default: return 5e10;
    }
}

VkResult mm_vk_commands(VkCommandPool *pool, VkCommandBuffer *cmd, const mm_vk_dev *d, uint32_t family)
{
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                               .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
                                               .queueFamilyIndex = family};
    VkResult r = vkCreateCommandPool(d->device, &pool_info, NULL, pool);
    if (r != VK_SUCCESS)
        return r;
    const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = *pool,
                                              .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                              .commandBufferCount = 1};
    return vkAllocateCommandBuffers(d->device, &info, cmd);
}

static VkResult make_slot(mm_vk_slot *s, const mm_vk_dev *d)
{
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, MM_VK_DISPATCHES * MM_VK_BINDINGS};
    const VkDescriptorPoolCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = MM_VK_DISPATCHES,
                                             .poolSizeCount = 1,
                                             .pPoolSizes = &size};
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult r = mm_vk_commands(&s->pool, &s->cmd, d, d->card.family);
    if (r == VK_SUCCESS)
        r = vkCreateDescriptorPool(d->device, &sets, NULL, &s->sets);
    if (r == VK_SUCCESS)
        r = vkCreateFence(d->device, &fence, NULL, &s->fence);
    return r;
}

mm_status mm_vk_record_start(mm_vk_dev *d, mm_err *e)
{
    VkResult r = VK_SUCCESS;
    for (int i = 0; i < MM_VK_SLOTS && r == VK_SUCCESS; i++)
        r = make_slot(&d->slots[i], d);
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "nothing can be recorded");
}

void mm_vk_record_end(mm_vk_dev *d)
{
    for (int i = 0; i < MM_VK_SLOTS; i++) {
        vkDestroyFence(d->device, d->slots[i].fence, NULL);
        vkDestroyDescriptorPool(d->device, d->slots[i].sets, NULL);
        vkDestroyCommandPool(d->device, d->slots[i].pool, NULL);
        free(d->slots[i].wishes);
        free(d->slots[i].list.command);
        free(d->slots[i].recorded.command);
    }
}

/* ---- waiting ---- */

/* Until the slot's submission is done, and what was asked to be read is there. */
static mm_status wait_for(mm_vk_dev *d, mm_vk_slot *s, mm_err *e)
{
    VkResult r = vkWaitForFences(d->device, 1, &s->fence, VK_TRUE, UINT64_MAX);
    if (r == VK_SUCCESS)
        r = vkResetFences(d->device, 1, &s->fence);
    for (int i = 0; r == VK_SUCCESS && i < s->n_wishes; i++)
        memcpy(s->wishes[i].to, d->down.map + s->wishes[i].at, s->wishes[i].bytes);
    s->n_wishes = 0;
    s->ticket = 0;
    if (r == VK_SUCCESS)
        return MM_OK;
    d->lost = true; /* whoever else waits for results will not get them either */
    return mm_vk_fail(e, r, "the device did not finish");
}

/* Submissions up to `ticket`, in their order. */
static mm_status wait_up_to(mm_vk_dev *d, uint64_t ticket, mm_err *e)
{
    mm_status st = MM_OK;
    for (int i = 0; i < MM_VK_SLOTS && st == MM_OK; i++) {
        mm_vk_slot *s = &d->slots[(d->now + i) % MM_VK_SLOTS]; /* the oldest first */
        if (s->ticket && s->ticket <= ticket)
            st = wait_for(d, s, e);
    }
    return st;
}

static mm_status refuse_lost(const mm_vk_dev *d, mm_err *e)
{
    return mm_fail(e, MM_FATAL, "vulkan: %s was lost: start again, or use --device cpu", d->card.properties.deviceName);
}

/* ---- recording ---- */

/* The slot is free, and so is what it shares: a table in its staging memory may have been read by the submission after
 * its own, too, when an operation's dispatches were parted. */
static mm_status free_slot(mm_vk_dev *d, mm_vk_slot *s, mm_err *e)
{
    const uint64_t behind = d->slots[(d->now + 1) % MM_VK_SLOTS].ticket;
    mm_status st = wait_up_to(d, behind > s->ticket ? behind : s->ticket, e);
    if (st != MM_OK)
        return st;
    s->list.n = s->list.dispatches = 0;
    s->up_used = s->down_used = s->carry_lo = s->carry_hi = 0;
    return MM_OK;
}

mm_status mm_vk_begin(mm_vk_dev *d, mm_err *e)
{
    if (d->lost)
        return refuse_lost(d, e);
    if (d->open)
        return MM_OK;
    mm_status s = free_slot(d, &d->slots[d->now], e);
    d->open = s == MM_OK;
    d->work = 0;
    return s;
}

/* ---- submitting ---- */

/* Without the recording that waits for it, a semaphore that was signalled would stay so: the end, too. */
static mm_status give_up(mm_vk_dev *d, mm_vk_slot *s, bool carried, VkResult r, mm_err *e)
{
    s->n_wishes = 0; /* its turn again: nothing of it is in flight */
    d->lost = d->lost || carried || r == VK_ERROR_DEVICE_LOST;
    return mm_vk_fail(e, r, "nothing could be submitted");
}

mm_status mm_vk_turn(mm_vk_dev *d, mm_err *e)
{
    mm_vk_slot *s = &d->slots[d->now];
    if (!d->open)
        return MM_OK;
    d->open = false;
    VkResult r = mm_vk_record(d, s);
    bool carried = false;
    if (r == VK_SUCCESS && s->carry_hi > s->carry_lo) {
        r = mm_vk_carry_off(d, s);
        carried = r == VK_SUCCESS;
    }
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .waitSemaphoreCount = carried ? 1 : 0,
                               .pWaitSemaphores = &s->landed,
                               .pWaitDstStageMask = &stage,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &s->cmd};
    if (r == VK_SUCCESS)
        r = vkQueueSubmit(d->queue, 1, &info, s->fence);
    if (r != VK_SUCCESS)
        return give_up(d, s, carried, r, e);
    s->ticket = ++d->tickets;
    d->now = (d->now + 1) % MM_VK_SLOTS;
    return MM_OK;
}

mm_status mm_vk_drain(mm_vk_dev *d, mm_err *e)
{
    mm_status s = mm_vk_turn(d, e);
    mm_err ignored;
    mm_status waited = wait_up_to(d, d->tickets, s == MM_OK ? e : &ignored);
    if (d->lost) { /* nothing of it comes back: nobody may wait for it again */
        vkDeviceWaitIdle(d->device);
        for (int i = 0; i < MM_VK_SLOTS; i++)
            d->slots[i].ticket = 0, d->slots[i].n_wishes = 0;
    }
    d->now = 0; /* so that the same work finds its own recordings */
    return s == MM_OK ? waited : s;
}

mm_status mm_vk_flush(mm_dev *dev, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    if (dev->failed.status != MM_OK) { /* what was recorded runs to its end, for nobody */
        mm_err ignored;
        mm_vk_drain(d, &ignored);
        return dev->failed.status;
    }
    return mm_vk_drain(d, e);
}

mm_status mm_vk_submit(mm_dev *dev, uint64_t *ticket, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_status s = mm_vk_turn(d, e);
    *ticket = d->tickets;
    return s;
}

mm_status mm_vk_wait(mm_dev *dev, uint64_t ticket, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    return d->lost ? refuse_lost(d, e) : wait_up_to(d, ticket, e);
}

/* ---- dispatching ---- */

bool mm_vk_window_of(mm_vk_window *w, const mm_vk_dev *d, VkBuffer b, VkDeviceSize at, VkDeviceSize bytes)
{
    const VkPhysicalDeviceLimits *l = &d->card.properties.limits;
    const VkDeviceSize align = l->minStorageBufferOffsetAlignment > 16 ? l->minStorageBufferOffsetAlignment : 16;
    w->shift = at % align;
    w->info = (VkDescriptorBufferInfo){b, at - w->shift, (w->shift + bytes + 15) / 16 * 16};
    return w->info.range <= l->maxStorageBufferRange;
}

bool mm_vk_see(mm_vk_window *w, const mm_vk_dev *d, const mm_mat *m, int64_t lo, int64_t hi, int64_t width)
{
    return mm_vk_window_of(w, d, mm_vk_buffer(m), mm_vk_at(m) + (VkDeviceSize)(lo * m->ld) * sizeof(float),
                           (VkDeviceSize)mm_vk_extent(hi - lo, mm_vk_width(m->half, width), m->ld) * sizeof(float));
}

void mm_vk_fold(uint32_t groups[3], int64_t n, int lanes)
{
    const int64_t fold = 32768, all = (n + lanes - 1) / lanes; /* FOLD of common.glsl */
    groups[0] = (uint32_t)(all < fold ? all : fold);
    groups[1] = (uint32_t)((all + fold - 1) / fold);
    groups[2] = 1;
}

mm_status mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e)
{
    VkPipeline pipeline;
    mm_vk_command *c;
    mm_status s = mm_vk_pipeline_of(&pipeline, d, x->shader, x->spec, e);
    if (s == MM_OK && d->profile) /* so that its time is its own */
        s = mm_vk_drain(d, e);
    if (s == MM_OK)
        s = mm_vk_append(&c, d, e);
    if (s != MM_OK)
        return s;
    c->pipeline = pipeline;
    for (int i = 0; i < MM_VK_BINDINGS; i++) /* a binding that a shader does not use still has to be something */
        c->bind[i] = x->bind[i].info.buffer ? x->bind[i].info : x->bind[MM_VK_BINDINGS - 1].info;
    memcpy(c->push, x->push, x->push_bytes);
    c->push_bytes = x->push_bytes;
    memcpy(c->groups, x->groups, sizeof c->groups);
    d->work += x->work;
    const int dispatches = ++d->slots[d->now].list.dispatches;
    if (d->profile)
        return mm_vk_profile_add(d, x->shader, x->work, e);
    /* only after a dispatch: what it reads from staging memory was staged for the same slot */
    return d->work > submission_limit(d) || dispatches == MM_VK_DISPATCHES ? mm_vk_turn(d, e) : MM_OK;
}
