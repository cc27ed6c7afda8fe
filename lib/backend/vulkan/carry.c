/* carry.c: uploads by the device's copy engine, through a queue that only copies. What the host put into a slot's
 * staging memory goes to the same place of a buffer on the device, the landing, while the other queue still computes
 * earlier slots; the slot's own recording copies it from there to where it belongs, once a semaphore says that it has
 * landed. Nobody else touches a slot's part of the landing, so the queues need no other order. */
#include "backend/vulkan/vk.h"

static VkResult make_slot(mm_vk_slot *s, const mm_vk_dev *d)
{
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkResult r = mm_vk_commands(&s->carry_pool, &s->carry_cmd, d, d->carrier_family);
    return r == VK_SUCCESS ? vkCreateSemaphore(d->device, &semaphore, NULL, &s->landed) : r;
}

mm_status mm_vk_carry_start(mm_vk_dev *d, mm_err *e)
{
    VkResult r = VK_SUCCESS;
    for (int i = 0; d->carrier && i < MM_VK_SLOTS && r == VK_SUCCESS; i++)
        r = make_slot(&d->slots[i], d);
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "nothing can be carried");
}

void mm_vk_carry_end(mm_vk_dev *d)
{
    for (int i = 0; i < MM_VK_SLOTS; i++) {
        vkDestroySemaphore(d->device, d->slots[i].landed, NULL);
        vkDestroyCommandPool(d->device, d->slots[i].carry_pool, NULL);
    }
    mm_vk_mem_free(&d->landing, d);
}

mm_status mm_vk_carry(mm_vk_dev *d, VkDeviceSize at, VkDeviceSize bytes, mm_err *e)
{
    mm_vk_slot *s = &d->slots[d->now];
    mm_status st = MM_OK;
    if (!d->landing.buffer)
        st = mm_vk_mem_new(&d->landing, d, MM_VK_SLOTS * MM_VK_STAGE, MM_VK_LANDING, e);
    if (st != MM_OK)
        return st;
    const bool first = s->carry_lo == s->carry_hi;
    s->carry_lo = first || at < s->carry_lo ? at : s->carry_lo;
    s->carry_hi = first || at + bytes > s->carry_hi ? at + bytes : s->carry_hi;
    return MM_OK;
}

/* One copy from the first to the last byte: small tables between them, which shaders read in place, are carried along.
 */
static VkResult record(const mm_vk_dev *d, mm_vk_slot *s)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    const VkBufferCopy copy = {s->carry_lo, s->carry_lo, s->carry_hi - s->carry_lo};
    VkResult r = vkResetCommandPool(d->device, s->carry_pool, 0);
    if (r == VK_SUCCESS)
        r = vkBeginCommandBuffer(s->carry_cmd, &begin);
    if (r != VK_SUCCESS)
        return r;
    vkCmdCopyBuffer(s->carry_cmd, d->up.buffer, d->landing.buffer, 1, &copy);
    return vkEndCommandBuffer(s->carry_cmd);
}

VkResult mm_vk_carry_off(mm_vk_dev *d, mm_vk_slot *s)
{
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &s->carry_cmd,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &s->landed};
    VkResult r = record(d, s);
    return r == VK_SUCCESS ? vkQueueSubmit(d->carrier, 1, &info, VK_NULL_HANDLE) : r;
}
