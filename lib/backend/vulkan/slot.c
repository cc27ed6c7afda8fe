/* slot.c: slots: recordings that are filled, in flight or free, in turn. Opening one waits until it is free; submitting
 * it makes the next one current. */
#include "backend/vulkan/vk.h"

#include <stdlib.h>
#include <string.h>

mm_status mm_vk_slots_start(mm_vk_dev *d, mm_err *e)
{
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, MM_VK_DISPATCHES * MM_VK_BINDINGS};
    const VkDescriptorPoolCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = MM_VK_DISPATCHES,
                                             .poolSizeCount = 1,
                                             .pPoolSizes = &size};
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult r = VK_SUCCESS;
    for (int i = 0; i < MM_VK_SLOTS && r == VK_SUCCESS; i++) {
        mm_vk_slot *s = &d->slots[i];
        r = mm_vk_command_pool(&s->pool, &s->cmd, d, d->card.family);
        if (r == VK_SUCCESS)
            r = vkCreateDescriptorPool(d->device, &sets, NULL, &s->sets);
        if (r == VK_SUCCESS)
            r = vkCreateFence(d->device, &fence, NULL, &s->fence);
    }
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "no command buffers");
}

void mm_vk_slots_end(mm_vk_dev *d)
{
    for (int i = 0; i < MM_VK_SLOTS; i++) {
        vkDestroyFence(d->device, d->slots[i].fence, NULL);
        vkDestroyDescriptorPool(d->device, d->slots[i].sets, NULL);
        vkDestroyCommandPool(d->device, d->slots[i].pool, NULL);
        free(d->slots[i].readbacks);
        free(d->slots[i].list.command);
        free(d->slots[i].recorded.command);
    }
}

/* ---- waiting ---- */

/* Waits for the slot's submission, then hands out what it read back. */
static mm_status wait_for(mm_vk_dev *d, mm_vk_slot *s, mm_err *e)
{
    VkResult r = vkWaitForFences(d->device, 1, &s->fence, VK_TRUE, UINT64_MAX);
    if (r == VK_SUCCESS)
        r = vkResetFences(d->device, 1, &s->fence);
    for (int i = 0; r == VK_SUCCESS && i < s->n_readbacks; i++)
        memcpy(s->readbacks[i].to, d->down.map + s->readbacks[i].at, s->readbacks[i].bytes);
    s->n_readbacks = 0;
    s->ticket = 0;
    if (r == VK_SUCCESS)
        return MM_OK;
    d->lost = true; /* no other results will come either */
    return mm_vk_fail(e, r, "the device did not finish");
}

/* Waits for submissions up to `ticket`, the oldest first. */
static mm_status wait_up_to(mm_vk_dev *d, uint64_t ticket, mm_err *e)
{
    mm_status st = MM_OK;
    for (int i = 0; i < MM_VK_SLOTS && st == MM_OK; i++) {
        mm_vk_slot *s = &d->slots[(d->current + i) % MM_VK_SLOTS];
        if (s->ticket && s->ticket <= ticket)
            st = wait_for(d, s, e);
    }
    return st;
}

static mm_status refuse_lost(const mm_vk_dev *d, mm_err *e)
{
    return mm_fail_hint(e, MM_FATAL, MM_HINT_GPU_LOST, "vulkan: %s was lost", d->card.properties.deviceName);
}

/* ---- recording ---- */

mm_status mm_vk_open_slot(mm_vk_slot **out, mm_vk_dev *d, mm_err *e)
{
    mm_vk_slot *s = *out = &d->slots[d->current];
    if (d->lost)
        return refuse_lost(d, e);
    if (d->open)
        return MM_OK;
    /* the submission after the slot's own may read its staging memory, too: an operation's dispatches can be split
     * between the two */
    const uint64_t next = d->slots[(d->current + 1) % MM_VK_SLOTS].ticket;
    mm_status st = wait_up_to(d, next > s->ticket ? next : s->ticket, e);
    d->work = 0;
    if (st != MM_OK)
        return st;
    s->list.n = s->list.dispatches = 0;
    s->up_used = s->down_used = s->transfer_lo = s->transfer_hi = 0;
    d->open = true;
    return MM_OK;
}

mm_status mm_vk_copy(mm_vk_dev *d, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at,
                     VkDeviceSize bytes, mm_err *e)
{
    mm_vk_slot *slot;
    mm_status s = mm_vk_open_slot(&slot, d, e);
    return s == MM_OK ? mm_vk_list_copy(&slot->list, from, from_at, to, to_at, bytes, e) : s;
}

/* ---- submitting ---- */

mm_status mm_vk_submit_slot(mm_vk_dev *d, mm_err *e)
{
    mm_vk_slot *s = &d->slots[d->current];
    if (!d->open)
        return MM_OK;
    d->open = false;
    VkResult r = mm_vk_record(d, s);
    bool transfers = false;
    if (r == VK_SUCCESS && s->transfer_hi > s->transfer_lo) {
        r = mm_vk_transfer_submit(d, s);
        transfers = r == VK_SUCCESS;
    }
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .waitSemaphoreCount = transfers ? 1 : 0,
                               .pWaitSemaphores = &s->transferred,
                               .pWaitDstStageMask = &stage,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &s->cmd};
    if (r == VK_SUCCESS)
        r = vkQueueSubmit(d->queue, 1, &info, s->fence);
    if (r != VK_SUCCESS) { /* the slot stays current: nothing of it is in flight */
        s->n_readbacks = 0;
        /* a semaphore that nothing waits for would stay signalled: the device cannot go on */
        d->lost = d->lost || transfers || r == VK_ERROR_DEVICE_LOST;
        return mm_vk_fail(e, r, "nothing could be submitted");
    }
    s->ticket = ++d->tickets;
    d->current = (d->current + 1) % MM_VK_SLOTS;
    return MM_OK;
}

mm_status mm_vk_drain(mm_vk_dev *d, mm_err *e)
{
    mm_status s = mm_vk_submit_slot(d, e);
    mm_err ignored;
    mm_status waited = wait_up_to(d, d->tickets, s == MM_OK ? e : &ignored);
    if (d->lost) { /* the results are gone: forget the tickets */
        vkDeviceWaitIdle(d->device);
        for (int i = 0; i < MM_VK_SLOTS; i++)
            d->slots[i].ticket = 0, d->slots[i].n_readbacks = 0;
    }
    d->current = 0; /* so that the same work meets its own recordings */
    return s == MM_OK ? waited : s;
}

mm_status mm_vk_flush(mm_dev *dev, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    if (dev->failed.status != MM_OK) { /* finish what was recorded, for nobody */
        mm_err ignored;
        mm_vk_drain(d, &ignored);
        return dev->failed.status;
    }
    return mm_vk_drain(d, e);
}

mm_status mm_vk_submit(mm_dev *dev, uint64_t *ticket, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_status s = mm_vk_submit_slot(d, e);
    *ticket = d->tickets;
    return s;
}

mm_status mm_vk_wait(mm_dev *dev, uint64_t ticket, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    return d->lost ? refuse_lost(d, e) : wait_up_to(d, ticket, e);
}
