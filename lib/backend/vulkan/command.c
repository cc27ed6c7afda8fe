/* command.c: what a slot's recording consists of: a list of copies and dispatches, in order. The list becomes a command
 * buffer when the slot is submitted. Batches of one shape give the same list again, and then the command buffer that
 * the slot built last time is submitted again as it is. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

mm_status mm_vk_list_add(mm_vk_command **out, mm_vk_list *l, mm_err *e)
{
    if (!mm_grow(&l->command, &l->cap, l->n))
        return mm_fail_memory(e);
    *out = &l->command[l->n++];
    memset(*out, 0, sizeof **out); /* the padding too: lists are compared as bytes */
    return MM_OK;
}

mm_status mm_vk_list_copy(mm_vk_list *l, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at,
                          VkDeviceSize bytes, mm_err *e)
{
    mm_vk_command *c = l->n > 0 ? &l->command[l->n - 1] : NULL;
    if (c && !c->pipeline && c->from == from && c->to == to && c->copy.srcOffset + c->copy.size == from_at &&
        c->copy.dstOffset + c->copy.size == to_at) { /* goes on where the last copy ends, on both sides */
        c->copy.size += bytes;
        return MM_OK;
    }
    mm_status s = mm_vk_list_add(&c, l, e);
    if (s != MM_OK)
        return s;
    c->from = from;
    c->to = to;
    c->copy.srcOffset = from_at;
    c->copy.dstOffset = to_at;
    c->copy.size = bytes;
    return MM_OK;
}

/* ---- the command buffer ---- */

VkResult mm_vk_command_pool(VkCommandPool *pool, VkCommandBuffer *cmd, const mm_vk_dev *d, uint32_t family)
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

static VkResult bind(mm_vk_dev *d, mm_vk_slot *slot, const mm_vk_command *c)
{
    VkDescriptorSet set;
    const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = slot->sets,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &d->set_layout};
    VkResult r = vkAllocateDescriptorSets(d->device, &info, &set);
    if (r != VK_SUCCESS)
        return r;
    VkWriteDescriptorSet writes[MM_VK_BINDINGS];
    for (uint32_t i = 0; i < MM_VK_BINDINGS; i++)
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           .pBufferInfo = &c->bind[i]};
    vkUpdateDescriptorSets(d->device, MM_VK_BINDINGS, writes, 0, NULL);
    vkCmdBindDescriptorSets(slot->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, d->layout, 0, 1, &set, 0, NULL);
    return VK_SUCCESS;
}

/* One command, after everything that was recorded before it. */
static VkResult record(mm_vk_dev *d, mm_vk_slot *s, const mm_vk_command *c)
{
    const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                                VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    const VkPipelineStageFlags both = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(s->cmd, both, both, 0, 1, &b, 0, NULL, 0, NULL);
    if (!c->pipeline) {
        vkCmdCopyBuffer(s->cmd, c->from, c->to, 1, &c->copy);
        return VK_SUCCESS;
    }
    VkResult r = bind(d, s, c);
    if (r != VK_SUCCESS)
        return r;
    vkCmdBindPipeline(s->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, c->pipeline);
    vkCmdPushConstants(s->cmd, d->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, c->push_bytes, c->push);
    vkCmdDispatch(s->cmd, c->groups[0], c->groups[1], c->groups[2]);
    return VK_SUCCESS;
}

static VkResult record_list(mm_vk_dev *d, mm_vk_slot *s)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult r = vkResetCommandPool(d->device, s->pool, 0);
    if (r == VK_SUCCESS)
        r = vkResetDescriptorPool(d->device, s->sets, 0);
    if (r == VK_SUCCESS)
        r = vkBeginCommandBuffer(s->cmd, &info);
    for (int i = 0; r == VK_SUCCESS && i < s->list.n; i++)
        r = record(d, s, &s->list.command[i]);
    if (r != VK_SUCCESS)
        return r;
    /* the host may read what was copied for it */
    const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(s->cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &b, 0, NULL, 0,
                         NULL);
    return vkEndCommandBuffer(s->cmd);
}

/* Does the slot's command buffer hold this list? Not once a buffer has been freed: a new one may have the same handle.
 */
static bool is_recorded(const mm_vk_dev *d, const mm_vk_slot *s)
{
    return s->recorded.n == s->list.n && s->freed == d->freed &&
           !memcmp(s->recorded.command, s->list.command, (size_t)s->list.n * sizeof *s->list.command);
}

VkResult mm_vk_record(mm_vk_dev *d, mm_vk_slot *s)
{
    if (s->list.n > 0 && is_recorded(d, s)) {
        d->replays++;
        return VK_SUCCESS;
    }
    s->recorded.n = 0;
    VkResult r = record_list(d, s);
    if (r != VK_SUCCESS)
        return r;
    const mm_vk_list old = s->recorded;
    s->recorded = s->list;
    s->list = old;
    s->freed = d->freed;
    return VK_SUCCESS;
}
