/* staging.c: what passes between host and device: staging memory, buffers of activations, and the workspace. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

/* ---- staging memory ---- */

mm_status mm_vk_stage(char **to, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, mm_err *e)
{
    const VkDeviceSize align = d->card.properties.limits.minStorageBufferOffsetAlignment;
    const int64_t step = align > 16 ? (int64_t)align : 16;
    mm_vk_slot *slot;
    mm_status s = mm_vk_open_slot(&slot, d, e); /* nothing reads the slot's old contents any more */
    if (s == MM_OK && !d->up.buffer)
        s = mm_vk_mem_new(&d->up, d, MM_VK_SLOTS * MM_VK_STAGE, MM_VK_UPLOAD, e);
    if (s == MM_OK && mm_vk_round((int64_t)slot->up_used, step) + (int64_t)bytes > MM_VK_STAGE) {
        s = mm_vk_submit_slot(d, e);
        if (s == MM_OK)
            s = mm_vk_open_slot(&slot, d, e);
    }
    if (s != MM_OK)
        return s;
    const VkDeviceSize from = (VkDeviceSize)mm_vk_round((int64_t)slot->up_used, step);
    slot->up_used = from + bytes;
    *at = (VkDeviceSize)d->current * MM_VK_STAGE + from;
    *to = d->up.map + *at;
    return MM_OK;
}

/* Records the copy of staged bytes into a buffer, by the transfer queue where it is on. */
static mm_status copy_staged(mm_vk_dev *d, VkDeviceSize from, VkBuffer to, VkDeviceSize at, VkDeviceSize bytes,
                             mm_err *e)
{
    if (!(d->paths & MM_VK_TRANSFER))
        return mm_vk_copy(d, d->up.buffer, from, to, at, bytes, e);
    mm_status s = mm_vk_transfer_add(d, &d->slots[d->current], from, bytes, e);
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

/* A submission sees what the host wrote before it. */
mm_status mm_vk_filled(mm_vk_dev *d, VkDeviceSize staged, const mm_vk_chunk *c, VkDeviceSize at, VkDeviceSize bytes,
                       mm_err *e)
{
    return c->mem.map ? MM_OK : copy_staged(d, staged, c->mem.buffer, at, bytes, e);
}

/* One thread copies a few GB/s, a GPU takes ten times as much: all threads copy large pieces. */
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

/* Half of a slot's staging memory at a time: it is under way while the next half is filled. */
mm_status mm_vk_write(mm_dev *dev, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e)
{
    enum { PIECE = MM_VK_STAGE / 2 };
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const size_t bytes = (size_t)n * sizeof *src;
    mm_status s = MM_OK;
    for (size_t done = 0; s == MM_OK && done < bytes; done += PIECE) {
        const size_t some = bytes - done < PIECE ? bytes - done : PIECE;
        char *staged;
        VkDeviceSize at;
        if ((s = mm_vk_stage(&staged, &at, d, some, e)) != MM_OK)
            return s;
        copy_job job = {staged, (const char *)src + done, some};
        mm_threads_run(d->head.pool, (int)((some + SLICE - 1) / SLICE), copy_slice, &job);
        s = copy_staged(d, at, ((mm_vk_buf *)b)->mem.buffer, (VkDeviceSize)off * sizeof *src + done, some, e);
        if (s == MM_OK && d->slots[d->current].up_used >= PIECE)
            s = mm_vk_submit_slot(d, e);
    }
    return s;
}

/* Opens a slot with space left in its part of the readback memory. */
static mm_status open_for_reading(mm_vk_slot **slot, mm_vk_dev *d, mm_err *e)
{
    mm_status s = mm_vk_open_slot(slot, d, e);
    if (s == MM_OK && !d->down.buffer)
        s = mm_vk_mem_new(&d->down, d, MM_VK_SLOTS * MM_VK_READ, MM_VK_READBACK, e);
    if (s == MM_OK && (*slot)->down_used >= MM_VK_READ) {
        s = mm_vk_submit_slot(d, e);
        if (s == MM_OK)
            s = mm_vk_open_slot(slot, d, e);
    }
    return s;
}

mm_status mm_vk_read(mm_dev *dev, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const size_t bytes = (size_t)n * sizeof *dst;
    for (size_t done = 0; done < bytes;) {
        mm_vk_slot *slot;
        mm_status s = open_for_reading(&slot, d, e);
        if (s != MM_OK)
            return s;
        const size_t left = MM_VK_READ - (size_t)slot->down_used, piece = bytes - done < left ? bytes - done : left;
        const VkDeviceSize at = (VkDeviceSize)d->current * MM_VK_READ + slot->down_used;
        if (!mm_grow(&slot->readbacks, &slot->cap_readbacks, slot->n_readbacks))
            return mm_fail_memory(e);
        slot->readbacks[slot->n_readbacks++] = (mm_vk_readback){dst + done / sizeof *dst, at, piece};
        s = mm_vk_copy(d, ((const mm_vk_buf *)b)->mem.buffer, (VkDeviceSize)off * sizeof *dst + done, d->down.buffer,
                       at, piece, e);
        if (s != MM_OK)
            return s;
        slot->down_used += piece;
        done += piece;
    }
    return MM_OK;
}

/* ---- buffers of activations ---- */

/* A large GPU is busy only with some thousand rows at a time. */
int64_t mm_vk_batch_floats(const mm_dev *dev)
{
    enum { USUAL = 64 << 20, LARGE = 256 << 20 };
    const mm_vk_card *c = &((const mm_vk_dev *)dev)->card;
    const int64_t eighth = (int64_t)(mm_vk_local_memory(c) / 8 / sizeof(float));
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

/* ---- workspace ---- */

mm_status mm_vk_reserve_workspace(mm_vk_dev *d, VkDeviceSize bytes, mm_err *e)
{
    if (d->workspace.buffer && d->workspace.size >= bytes + 256)
        return MM_OK;
    mm_status s = mm_vk_drain(d, e);
    if (s != MM_OK)
        return s;
    mm_vk_mem_free(&d->workspace, d);
    return mm_vk_mem_new(&d->workspace, d, bytes, MM_VK_LOCAL, e);
}
