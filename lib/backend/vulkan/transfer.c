/* transfer.c: uploads by the device's copy engine, through a queue that only copies. It copies what the host put into a
 * slot's staging memory to the same place of a buffer on the device, the landing, while the compute queue still works
 * on earlier slots. The slot's own recording copies it from there to where it belongs, once a semaphore says that the
 * transfer is done. Each slot has its own part of the landing, so the queues need no other synchronisation. */
#include "backend/vulkan/vk.h"

mm_status mm_vk_transfer_start(mm_vk_dev *d, mm_err *e)
{
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkResult r = VK_SUCCESS;
    for (int i = 0; d->transfer_queue && i < MM_VK_SLOTS && r == VK_SUCCESS; i++) {
        mm_vk_slot *s = &d->slots[i];
        r = mm_vk_command_pool(&s->transfer_pool, &s->transfer_cmd, d, d->transfer_family);
        if (r == VK_SUCCESS)
            r = vkCreateSemaphore(d->device, &semaphore, NULL, &s->transferred);
    }
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "no transfer queue");
}

void mm_vk_transfer_end(mm_vk_dev *d)
{
    for (int i = 0; i < MM_VK_SLOTS; i++) {
        vkDestroySemaphore(d->device, d->slots[i].transferred, NULL);
        vkDestroyCommandPool(d->device, d->slots[i].transfer_pool, NULL);
    }
    mm_vk_mem_free(&d->landing, d);
}

mm_status mm_vk_transfer_add(mm_vk_dev *d, mm_vk_slot *s, VkDeviceSize at, VkDeviceSize bytes, mm_err *e)
{
    mm_status st = MM_OK;
    if (!d->landing.buffer)
        st = mm_vk_mem_new(&d->landing, d, MM_VK_SLOTS * MM_VK_STAGE, MM_VK_LANDING, e);
    if (st != MM_OK)
        return st;
    const bool first = s->transfer_lo == s->transfer_hi;
    s->transfer_lo = first || at < s->transfer_lo ? at : s->transfer_lo;
    s->transfer_hi = first || at + bytes > s->transfer_hi ? at + bytes : s->transfer_hi;
    return MM_OK;
}

/* One copy from the first byte to the last: small tables in between, which shaders read in place, are copied too. */
static VkResult record(const mm_vk_dev *d, mm_vk_slot *s)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    const VkBufferCopy copy = {s->transfer_lo, s->transfer_lo, s->transfer_hi - s->transfer_lo};
    VkResult r = vkResetCommandPool(d->device, s->transfer_pool, 0);
    if (r == VK_SUCCESS)
        r = vkBeginCommandBuffer(s->transfer_cmd, &begin);
    if (r != VK_SUCCESS)
        return r;
    vkCmdCopyBuffer(s->transfer_cmd, d->up.buffer, d->landing.buffer, 1, &copy);
    return vkEndCommandBuffer(s->transfer_cmd);
}

VkResult mm_vk_transfer_submit(mm_vk_dev *d, mm_vk_slot *s)
{
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &s->transfer_cmd,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &s->transferred};
    VkResult r = record(d, s);
    return r == VK_SUCCESS ? vkQueueSubmit(d->transfer_queue, 1, &info, VK_NULL_HANDLE) : r;
}
