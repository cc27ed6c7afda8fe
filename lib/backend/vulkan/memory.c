/* memory.c: buffers that own their memory, and chunks that parameters share. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

/* Extra bytes at the end of every buffer, because a shader may read past the data to complete a vector of four. */
enum { SLACK = 256 };

/* Parameters start at multiples of this many bytes, whatever alignment the device requires. */
enum { PARAMETER_ALIGN = 256 };

/* Parameters share chunks of this size; a larger one gets a chunk of its own. */
enum { CHUNK = 64 << 20, VECTOR_CHUNK = 16 << 20 };

/* ---- memory ---- */

static const VkMemoryPropertyFlags SHARED = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

/* The first allowed memory type that has all the properties in `wanted`; -1: none. */
static int memory_type(const mm_vk_card *c, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    for (uint32_t i = 0; i < c->memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (c->memory.memoryTypes[i].propertyFlags & wanted) == wanted)
            return (int)i;
    return -1;
}

/* The memory type with the best properties for a place, else one with the properties that it requires; -1: none. */
static int type_for(const mm_vk_dev *d, uint32_t allowed, mm_vk_place place)
{
    static const VkMemoryPropertyFlags best[] = {
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, SHARED,
        SHARED | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, SHARED | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT};
    static const VkMemoryPropertyFlags least[] = {0, 0, SHARED, SHARED, SHARED};
    int t = memory_type(&d->card, allowed, best[place]);
    return t >= 0 ? t : memory_type(&d->card, allowed, least[place]);
}

bool mm_vk_has_shared(const mm_vk_card *c)
{
    return memory_type(c, UINT32_MAX, SHARED | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) >= 0;
}

VkDeviceSize mm_vk_local_memory(const mm_vk_card *c)
{
    VkDeviceSize most = 0;
    for (uint32_t i = 0; i < c->memory.memoryHeapCount; i++)
        if ((c->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && c->memory.memoryHeaps[i].size > most)
            most = c->memory.memoryHeaps[i].size;
    return most;
}

static mm_status allocate(mm_vk_mem *m, mm_vk_dev *d, mm_vk_place place, mm_err *e)
{
    VkMemoryRequirements need;
    vkGetBufferMemoryRequirements(d->device, m->buffer, &need);
    int type = type_for(d, need.memoryTypeBits, place);
    if (type < 0)
        return mm_fail(e, MM_FATAL, "vulkan: no memory of %s for a buffer", d->card.properties.deviceName);
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = need.size,
                                       .memoryTypeIndex = (uint32_t)type};
    VkResult r = vkAllocateMemory(d->device, &info, NULL, &m->memory);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_GPU_MEMORY,
                            "vulkan: %s cannot allocate another %.1f MiB: %.1f MiB are in use",
                            d->card.properties.deviceName, (double)need.size / (1 << 20), (double)d->bytes / (1 << 20));
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, "no memory");
    m->size = need.size;
    d->bytes += need.size;
    if ((r = vkBindBufferMemory(d->device, m->buffer, m->memory, 0)) != VK_SUCCESS)
        return mm_vk_fail(e, r, "no memory for a buffer");
    if (place >= MM_VK_UPLOAD &&
        (r = vkMapMemory(d->device, m->memory, 0, VK_WHOLE_SIZE, 0, (void **)&m->map)) != VK_SUCCESS)
        return mm_vk_fail(e, r, "memory could not be mapped");
    return MM_OK;
}

mm_status mm_vk_mem_new(mm_vk_mem *m, mm_vk_dev *d, VkDeviceSize bytes, mm_vk_place place, mm_err *e)
{
    *m = (mm_vk_mem){0};
    const uint32_t families[] = {d->card.family, d->transfer_family};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes + SLACK,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    if (d->transfer_queue && families[0] != families[1] && (place == MM_VK_LANDING || place == MM_VK_UPLOAD)) {
        info.sharingMode = VK_SHARING_MODE_CONCURRENT;
        info.queueFamilyIndexCount = 2;
        info.pQueueFamilyIndices = families;
    }
    VkResult r = vkCreateBuffer(d->device, &info, NULL, &m->buffer);
    mm_status s = r == VK_SUCCESS ? allocate(m, d, place, e) : mm_vk_fail(e, r, "no buffer");
    if (s != MM_OK)
        mm_vk_mem_free(m, d);
    return s;
}

void mm_vk_mem_free(mm_vk_mem *m, mm_vk_dev *d)
{
    if (m->buffer)
        vkDestroyBuffer(d->device, m->buffer, NULL);
    if (m->memory)
        vkFreeMemory(d->device, m->memory, NULL);
    d->bytes -= m->size;
    d->freed++;
    *m = (mm_vk_mem){0};
}

/* ---- chunks of parameters ---- */

static mm_status new_chunk(mm_vk_chunk **out, mm_vk_dev *d, VkDeviceSize bytes, bool vectors, mm_err *e)
{
    const VkDeviceSize usual = vectors ? VECTOR_CHUNK : CHUNK;
    mm_vk_chunk *c = calloc(1, sizeof *c);
    if (!c)
        return mm_fail_memory(e);
    mm_status s = mm_vk_mem_new(&c->mem, d, bytes > usual ? bytes : usual,
                                d->paths & MM_VK_UNIFIED ? MM_VK_SHARED : MM_VK_LOCAL, e);
    if (s != MM_OK) {
        free(c);
        return s;
    }
    c->vectors = vectors;
    c->next = d->chunks;
    d->chunks = c;
    *out = c;
    return MM_OK;
}

mm_status mm_vk_chunk_take(mm_vk_chunk **chunk, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, bool vectors,
                           mm_err *e)
{
    mm_vk_chunk *c = d->chunks;
    while (c && (c->vectors != vectors || c->mem.size - SLACK < c->used + bytes))
        c = c->next;
    mm_status s = c ? MM_OK : new_chunk(&c, d, bytes, vectors, e);
    if (s != MM_OK)
        return s;
    *chunk = c;
    *at = c->used;
    c->used = (VkDeviceSize)mm_vk_round((int64_t)(c->used + bytes), PARAMETER_ALIGN);
    c->users++;
    return MM_OK;
}

void mm_vk_chunk_release(mm_vk_chunk *c, mm_vk_dev *d)
{
    if (!c || --c->users > 0)
        return;
    mm_vk_chunk **p = &d->chunks;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    mm_vk_mem_free(&c->mem, d);
    free(c);
}
