/* record.c: command buffers: recording, submitting, waiting. */
#include "backend/vulkan/vk.h"

#include <stdlib.h>
#include <string.h>

/* Descriptor sets of one recording; when they are used up it is submitted and waited for. */
enum { SETS = 4096 };

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

mm_status mm_vk_record_start(mm_vk_dev *d, mm_err *e)
{
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
                                          .queueFamilyIndex = d->card.family};
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS * MM_VK_BINDINGS};
    const VkDescriptorPoolCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = SETS,
                                             .poolSizeCount = 1,
                                             .pPoolSizes = &size};
    VkResult r = vkCreateCommandPool(d->device, &pool, NULL, &d->pool);
    if (r == VK_SUCCESS)
        r = vkCreateDescriptorPool(d->device, &sets, NULL, &d->sets);
    if (r == VK_SUCCESS)
        r = vkCreateFence(d->device, &(VkFenceCreateInfo){.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO}, NULL,
                          &d->fence);
    d->sets_left = SETS;
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "nothing can be recorded");
}

void mm_vk_record_end(mm_vk_dev *d)
{
    vkDestroyFence(d->device, d->fence, NULL);
    vkDestroyDescriptorPool(d->device, d->sets, NULL);
    vkDestroyCommandPool(d->device, d->pool, NULL);
    free(d->wishes);
}

mm_status mm_vk_begin(mm_vk_dev *d, mm_err *e)
{
    if (d->lost)
        return mm_fail(e, MM_FATAL, "vulkan: %s was lost: start again, or use --device cpu",
                       d->card.properties.deviceName);
    if (d->cmd)
        return MM_OK;
    const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = d->pool,
                                              .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                              .commandBufferCount = 1};
    VkResult r = vkAllocateCommandBuffers(d->device, &info, &d->cmd);
    if (r == VK_SUCCESS)
        r = vkBeginCommandBuffer(d->cmd,
                                 &(VkCommandBufferBeginInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                                             .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT});
    if (r != VK_SUCCESS) {
        d->cmd = NULL;
        return mm_vk_fail(e, r, "no command buffer");
    }
    d->recording = true;
    return MM_OK;
}

void mm_vk_barrier(mm_vk_dev *d)
{
    const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                                VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    const VkPipelineStageFlags both = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(d->cmd, both, both, 0, 1, &b, 0, NULL, 0, NULL);
}

/* ---- submitting ---- */

static mm_status submit(mm_vk_dev *d, VkFence fence, mm_err *e)
{
    VkResult r = vkEndCommandBuffer(d->cmd);
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &d->cmd};
    if (r == VK_SUCCESS)
        r = vkQueueSubmit(d->queue, 1, &info, fence);
    d->cmd = NULL; /* goes back with its pool */
    d->recorded = 0;
    if (r == VK_ERROR_DEVICE_LOST)
        d->lost = true;
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "nothing could be submitted");
}

static mm_status wait(mm_vk_dev *d, mm_err *e)
{
    VkResult r = vkWaitForFences(d->device, 1, &d->fence, VK_TRUE, UINT64_MAX);
    if (r == VK_SUCCESS)
        r = vkResetFences(d->device, 1, &d->fence);
    if (r == VK_ERROR_DEVICE_LOST)
        d->lost = true;
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "the device did not finish");
}

/* Everything that the recording held can be used anew. */
static void recycle(mm_vk_dev *d)
{
    if (d->lost)
        vkDeviceWaitIdle(d->device);
    vkResetCommandPool(d->device, d->pool, 0);
    vkResetDescriptorPool(d->device, d->sets, 0);
    d->sets_left = SETS;
    d->cmd = NULL;
    d->recording = false;
    d->recorded = 0;
    d->up_used = d->down_used = 0;
    d->n_wishes = 0;
}

mm_status mm_vk_drain(mm_vk_dev *d, mm_err *e)
{
    if (!d->recording)
        return MM_OK;
    mm_status s = mm_vk_begin(d, e); /* a fence needs a submission */
    if (s == MM_OK) {
        const VkMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                   .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                   .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
        vkCmdPipelineBarrier(d->cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &b, 0, NULL, 0,
                             NULL);
        s = submit(d, d->fence, e);
    }
    if (s == MM_OK)
        s = wait(d, e);
    for (int i = 0; s == MM_OK && i < d->n_wishes; i++)
        memcpy(d->wishes[i].to, d->down.map + d->wishes[i].at, d->wishes[i].bytes);
    recycle(d);
    return s;
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
                           (VkDeviceSize)mm_vk_extent(hi - lo, width, m->ld) * sizeof(float));
}

void mm_vk_fold(uint32_t groups[3], int64_t n, int lanes)
{
    const int64_t fold = 32768, all = (n + lanes - 1) / lanes; /* FOLD of common.glsl */
    groups[0] = (uint32_t)(all < fold ? all : fold);
    groups[1] = (uint32_t)((all + fold - 1) / fold);
    groups[2] = 1;
}

static mm_status bind(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e)
{
    VkDescriptorSet set;
    const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = d->sets,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &d->set_layout};
    VkResult r = vkAllocateDescriptorSets(d->device, &info, &set);
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, "no descriptor set");
    d->sets_left--;
    VkDescriptorBufferInfo buffers[MM_VK_BINDINGS];
    VkWriteDescriptorSet writes[MM_VK_BINDINGS];
    for (uint32_t i = 0; i < MM_VK_BINDINGS; i++) {
        /* a binding that a shader does not use still has to be something */
        buffers[i] = x->bind[i].info.buffer ? x->bind[i].info : x->bind[MM_VK_BINDINGS - 1].info;
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           .pBufferInfo = &buffers[i]};
    }
    vkUpdateDescriptorSets(d->device, MM_VK_BINDINGS, writes, 0, NULL);
    vkCmdBindDescriptorSets(d->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, d->layout, 0, 1, &set, 0, NULL);
    return MM_OK;
}

/* Submits and waits because descriptor sets have run out. Staging memory stays taken: the dispatch that comes next may
 * read a table in it. */
static mm_status make_room(mm_vk_dev *d, mm_err *e)
{
    const VkDeviceSize used = d->up_used;
    mm_status s = mm_vk_drain(d, e);
    d->up_used = used;
    return s;
}

mm_status mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e)
{
    VkPipeline pipeline;
    mm_status s = mm_vk_pipeline_of(&pipeline, d, x->shader, x->spec, e);
    if (s == MM_OK && d->cmd && (d->recorded + x->work > submission_limit(d) || d->sets_left == 0))
        s = d->sets_left == 0 ? make_room(d, e) : submit(d, VK_NULL_HANDLE, e);
    if (s == MM_OK && d->profile)
        s = make_room(d, e);
    if (s == MM_OK)
        s = mm_vk_begin(d, e);
    if (s == MM_OK)
        s = bind(d, x, e);
    if (s != MM_OK)
        return s;
    mm_vk_barrier(d);
    vkCmdBindPipeline(d->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdPushConstants(d->cmd, d->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, x->push_bytes, x->push);
    vkCmdDispatch(d->cmd, x->groups[0], x->groups[1], x->groups[2]);
    d->recorded += x->work;
    return d->profile ? mm_vk_profile_add(d, x->shader, x->work, e) : MM_OK;
}
