/* memory.c: buffers on the device, chunks that parameters share, and staging memory between host and device. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

/* After every buffer: a shader may read the rest of a vector of four there. */
enum { SLACK = 256 };

/* A parameter begins at a multiple of this many bytes, whatever the device's alignment. */
enum { PARAMETER_ALIGN = 256 };

/* Parameters share chunks of this size; a larger one gets a chunk of its own. */
enum { CHUNK = 64 << 20, VECTOR_CHUNK = 16 << 20 };

/* ---- memory ---- */

static const VkMemoryPropertyFlags SHARED = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

/* The first memory type that has all of `wanted` among those allowed; -1: none. */
static int memory_type(const mm_vk_card *c, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    for (uint32_t i = 0; i < c->memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (c->memory.memoryTypes[i].propertyFlags & wanted) == wanted)
            return (int)i;
    return -1;
}

/* What a place would like best, and what it must have. */
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
        return mm_fail(e, MM_FATAL,
                       "vulkan: %s has no %.1f MiB left beside the %.1f MiB in use: a smaller --batch or model, "
                       "--precision fp16, or --device cpu",
                       d->card.properties.deviceName, (double)need.size / (1 << 20), (double)d->bytes / (1 << 20));
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, "no memory");
    m->size = need.size;
    d->bytes += need.size;
    if ((r = vkBindBufferMemory(d->device, m->buffer, m->memory, 0)) != VK_SUCCESS)
        return mm_vk_fail(e, r, "a buffer without memory");
    if (place >= MM_VK_UPLOAD &&
        (r = vkMapMemory(d->device, m->memory, 0, VK_WHOLE_SIZE, 0, (void **)&m->map)) != VK_SUCCESS)
        return mm_vk_fail(e, r, "no map of memory");
    return MM_OK;
}

mm_status mm_vk_mem_new(mm_vk_mem *m, mm_vk_dev *d, VkDeviceSize bytes, mm_vk_place place, mm_err *e)
{
    *m = (mm_vk_mem){0};
    const uint32_t families[] = {d->card.family, d->carrier_family};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes + SLACK,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    if (d->carrier && families[0] != families[1] && (place == MM_VK_LANDING || place == MM_VK_UPLOAD)) {
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

mm_status mm_vk_take(mm_vk_chunk **chunk, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, bool vectors, mm_err *e)
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

void mm_vk_give(mm_vk_chunk *c, mm_vk_dev *d)
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

/* ---- staging ---- */

mm_status mm_vk_stage(char **to, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, mm_err *e)
{
    const VkDeviceSize align = d->card.properties.limits.minStorageBufferOffsetAlignment;
    const int64_t step = align > 16 ? (int64_t)align : 16;
    mm_status s = mm_vk_begin(d, e); /* nothing reads the slot's old contents any more */
    if (s == MM_OK && !d->up.buffer)
        s = mm_vk_mem_new(&d->up, d, MM_VK_SLOTS * MM_VK_STAGE, MM_VK_UPLOAD, e);
    if (s == MM_OK && mm_vk_round((int64_t)d->slots[d->now].up_used, step) + (int64_t)bytes > MM_VK_STAGE) {
        s = mm_vk_turn(d, e);
        if (s == MM_OK)
            s = mm_vk_begin(d, e);
    }
    if (s != MM_OK)
        return s;
    mm_vk_slot *slot = &d->slots[d->now];
    const VkDeviceSize from = (VkDeviceSize)mm_vk_round((int64_t)slot->up_used, step);
    slot->up_used = from + bytes;
    *at = (VkDeviceSize)d->now * MM_VK_STAGE + from;
    *to = d->up.map + *at;
    return MM_OK;
}

mm_status mm_vk_send(mm_vk_dev *d, VkDeviceSize from, VkBuffer to, VkDeviceSize at, VkDeviceSize bytes, mm_err *e)
{
    if (!(d->paths & MM_VK_CARRY))
        return mm_vk_copy(d, d->up.buffer, from, to, at, bytes, e);
    mm_status s = mm_vk_carry(d, from, bytes, e);
    return s == MM_OK ? mm_vk_copy(d, d->landing.buffer, from, to, at, bytes, e) : s;
}

mm_status mm_vk_fill(char **to, VkDeviceSize *staged, mm_vk_dev *d, const mm_vk_chunk *c, VkDeviceSize at,
                     VkDeviceSize bytes, mm_err *e)
{
    *staged = 0;
    if (!c->mem.map)
        return mm_vk_stage(to, staged, d, bytes, e);
    *to = c->mem.map + at;
    return MM_OK;
}

/* What the host wrote before a submission is visible to it. */
mm_status mm_vk_filled(mm_vk_dev *d, VkDeviceSize staged, const mm_vk_chunk *c, VkDeviceSize at, VkDeviceSize bytes,
                       mm_err *e)
{
    return c->mem.map ? MM_OK : mm_vk_send(d, staged, c->mem.buffer, at, bytes, e);
}

/* One thread copies a few GB/s, a GPU takes ten times as much: large pieces are copied by all threads. */
enum { SLICE = 1 << 16 };
typedef struct {
    char *to;
    const char *from;
    size_t bytes;
} copy_job;

static void copy_slice(void *ctx, int i, int worker)
{
    (void)worker;
    const copy_job *j = ctx;
    const size_t at = (size_t)i * SLICE;
    memcpy(j->to + at, j->from + at, j->bytes - at < SLICE ? j->bytes - at : SLICE);
}

/* Half of a slot's staging memory at a time, which is on its way while the next half is filled. */
mm_status mm_vk_upload(mm_vk_dev *d, VkBuffer to, VkDeviceSize at, const void *from, size_t bytes, mm_err *e)
{
    enum { PIECE = MM_VK_STAGE / 2 };
    mm_status s = MM_OK;
    for (size_t done = 0; s == MM_OK && done < bytes; done += PIECE) {
        size_t n = bytes - done < PIECE ? bytes - done : PIECE;
        char *room;
        VkDeviceSize place;
        if ((s = mm_vk_stage(&room, &place, d, n, e)) != MM_OK)
            return s;
        copy_job job = {room, (const char *)from + done, n};
        mm_threads_run(d->head.pool, (int)((n + SLICE - 1) / SLICE), copy_slice, &job);
        s = mm_vk_send(d, place, to, at + done, n, e);
        if (s == MM_OK && d->slots[d->now].up_used >= PIECE)
            s = mm_vk_turn(d, e);
    }
    return s;
}

/* ---- activations ---- */

/* A large GPU is busy only with some thousand rows at a time. */
int64_t mm_vk_room(const mm_dev *dev)
{
    enum { USUAL = 64 << 20, LARGE = 256 << 20 };
    const mm_vk_card *c = &((const mm_vk_dev *)dev)->card;
    VkDeviceSize heap = 0;
    for (uint32_t i = 0; i < c->memory.memoryHeapCount; i++)
        if ((c->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && c->memory.memoryHeaps[i].size > heap)
            heap = c->memory.memoryHeaps[i].size;
    const int64_t eighth = (int64_t)(heap / 8 / sizeof(float));
    if (c->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU || eighth < USUAL)
        return USUAL;
    return eighth < LARGE ? eighth : LARGE;
}

mm_status mm_vk_alloc(mm_dbuf **out, mm_dev *dev, int64_t floats, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_vk_buf *b = calloc(1, sizeof *b);
    if (!b)
        return mm_fail_memory(e);
    mm_status s = mm_vk_mem_new(&b->mem, d, (VkDeviceSize)floats * sizeof(float), MM_VK_LOCAL, e);
    if (s != MM_OK) {
        free(b);
        return s;
    }
    b->head.floats = floats;
    *out = &b->head;
    return MM_OK;
}

/* Whatever was recorded may still refer to the buffer. */
void mm_vk_free(mm_dev *dev, mm_dbuf *buf)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_vk_buf *b = (mm_vk_buf *)buf;
    mm_vk_drain(d, &d->head.failed);
    mm_vk_mem_free(&b->mem, d);
    free(b);
}

mm_status mm_vk_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e)
{
    return mm_vk_upload((mm_vk_dev *)d, ((mm_vk_buf *)b)->mem.buffer, (VkDeviceSize)off * sizeof *src, src,
                        (size_t)n * sizeof *src, e);
}

static mm_status wish(mm_vk_slot *s, float *to, VkDeviceSize at, size_t bytes, mm_err *e)
{
    if (!mm_grow(&s->wishes, &s->cap_wishes, s->n_wishes))
        return mm_fail_memory(e);
    s->wishes[s->n_wishes++] = (mm_vk_wish){to, at, bytes};
    return MM_OK;
}

/* The slot's turn, with room in its part of the readback memory. */
static mm_status begin_reading(mm_vk_dev *d, mm_err *e)
{
    mm_status s = mm_vk_begin(d, e);
    if (s == MM_OK && !d->down.buffer)
        s = mm_vk_mem_new(&d->down, d, MM_VK_SLOTS * MM_VK_READ, MM_VK_READBACK, e);
    if (s == MM_OK && d->slots[d->now].down_used >= MM_VK_READ) {
        s = mm_vk_turn(d, e);
        if (s == MM_OK)
            s = mm_vk_begin(d, e);
    }
    return s;
}

mm_status mm_vk_read(mm_dev *dev, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const size_t bytes = (size_t)n * sizeof *dst;
    for (size_t done = 0; done < bytes;) {
        mm_status s = begin_reading(d, e);
        if (s != MM_OK)
            return s;
        mm_vk_slot *slot = &d->slots[d->now];
        const size_t room = MM_VK_READ - (size_t)slot->down_used, piece = bytes - done < room ? bytes - done : room;
        const VkDeviceSize at = (VkDeviceSize)d->now * MM_VK_READ + slot->down_used;
        s = wish(slot, dst + done / sizeof *dst, at, piece, e);
        if (s == MM_OK)
            s = mm_vk_copy(d, ((const mm_vk_buf *)b)->mem.buffer, (VkDeviceSize)off * sizeof *dst + done,
                           d->down.buffer, at, piece, e);
        if (s != MM_OK)
            return s;
        slot->down_used += piece;
        done += piece;
    }
    return MM_OK;
}
