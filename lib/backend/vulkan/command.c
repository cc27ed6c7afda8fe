/* command.c: what a recording consists of, copies and dispatches in their order. They are listed first and become a
 * command buffer when the slot is submitted: batches of the same shape make the same list again, and then the command
 * buffer that the slot had last time serves again. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

mm_status mm_vk_append(mm_vk_command **out, mm_vk_dev *d, mm_err *e)
{
    mm_status s = mm_vk_begin(d, e);
    if (s != MM_OK)
        return s;
    mm_vk_list *l = &d->slots[d->now].list;
    if (!mm_grow(&l->command, &l->cap, l->n))
        return mm_fail_memory(e);
    *out = &l->command[l->n++];
    memset(*out, 0, sizeof **out); /* its padding, too: lists are compared as bytes */
    return MM_OK;
}

/* The copy that these bytes go on with: items lie one after another on both sides. NULL: none. */
static mm_vk_command *continued(mm_vk_dev *d, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at)
{
    const mm_vk_list *l = &d->slots[d->now].list;
    mm_vk_command *c = d->open && l->n > 0 ? &l->command[l->n - 1] : NULL;
    return c && !c->pipeline && c->from == from && c->to == to && c->copy.srcOffset + c->copy.size == from_at &&
                   c->copy.dstOffset + c->copy.size == to_at
               ? c
               : NULL;
}

mm_status mm_vk_copy(mm_vk_dev *d, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at,
                     VkDeviceSize bytes, mm_err *e)
{
    mm_vk_command *c = continued(d, from, from_at, to, to_at);
    if (c) {
        c->copy.size += bytes;
        return MM_OK;
    }
    mm_status s = mm_vk_append(&c, d, e);
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

static void barrier(VkCommandBuffer cmd)
{
    const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                                VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    const VkPipelineStageFlags both = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(cmd, both, both, 0, 1, &b, 0, NULL, 0, NULL);
}

/* The host may read what was copied for it. */
static void show_host(VkCommandBuffer cmd)
{
    const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &b, 0, NULL, 0, NULL);
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

static VkResult record_one(mm_vk_dev *d, mm_vk_slot *s, const mm_vk_command *c)
{
    barrier(s->cmd);
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

static VkResult record_all(mm_vk_dev *d, mm_vk_slot *s)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult r = vkResetCommandPool(d->device, s->pool, 0);
    if (r == VK_SUCCESS)
        r = vkResetDescriptorPool(d->device, s->sets, 0);
    if (r == VK_SUCCESS)
        r = vkBeginCommandBuffer(s->cmd, &info);
    for (int i = 0; r == VK_SUCCESS && i < s->list.n; i++)
        r = record_one(d, s, &s->list.command[i]);
    if (r != VK_SUCCESS)
        return r;
    show_host(s->cmd);
    return vkEndCommandBuffer(s->cmd);
}

/* Does the slot's command buffer hold this list? Not when a buffer has been freed since: a new one may have its name.
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
    VkResult r = record_all(d, s);
    if (r != VK_SUCCESS)
        return r;
    const mm_vk_list old = s->recorded;
    s->recorded = s->list;
    s->list = old;
    s->freed = d->freed;
    return VK_SUCCESS;
}
