/* vk.h: the inside of the Vulkan device, file by file, bottom up: a file calls only what stands above it.
 *
 * One queue computes; a second one, where there is one, uploads. Operations are recorded one after another, with a
 * barrier between them, into slots: while one slot is filled, up to MM_VK_SLOTS - 2 others are in flight. Everything
 * that a recording refers to (descriptor sets, staging memory) belongs to its slot and lives until the slot is opened
 * again.
 *
 * volk loads function pointers for the instance, not for one device, so that a process can have several open. */
#ifndef MM_VULKAN_VK_H
#define MM_VULKAN_VK_H

#include "backend/vtable.h"
#include "backend/vulkan/vulkan.h"

/* volk's header does not keep to -Wpedantic everywhere */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <volk.h>
#pragma GCC diagnostic pop

#include "backend/vulkan/coopmat.h"

/* Paths that go beyond the baseline; each can be turned off by name in MM_VULKAN_DISABLE. */
typedef enum {
    MM_VK_TILES = 1 << 0,     /* "tiles": shared-memory tiles for the linear layer */
    MM_VK_BIG = 1 << 1,       /* "big": tiles that need 256 invocations and 33 KiB */
    MM_VK_WIDE = 1 << 2,      /* "wide": large tiles in registers, for Mesa's CPU driver */
    MM_VK_COOPMAT = 1 << 3,   /* "coopmat": VK_KHR_cooperative_matrix, f16 x f16 -> f32 */
    MM_VK_COOPATT = 1 << 4,   /* "coopattend": attention on it */
    MM_VK_COOPBIG = 1 << 5,   /* "coopbig": its larger tiles, for large products */
    MM_VK_INT8 = 1 << 6,      /* "int8": VK_KHR_shader_integer_dot_product, for --precision int8 */
    MM_VK_FP16 = 1 << 7,      /* "fp16": products in f16 where there are no matrix units, for --precision fp16 */
    MM_VK_UNIFIED = 1 << 8,   /* "unified": parameters are written where they stay, without staging */
    MM_VK_HALVES = 1 << 9,    /* "halves": what only products take is f16, for --precision fp16 */
    MM_VK_TRANSFER = 1 << 10, /* "transfer": uploads by a queue of their own (transfer.c) */
} mm_vk_path;

/* Memory with a buffer over all of it. */
typedef struct {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size;
    char *map; /* NULL: not visible to the host */
} mm_vk_mem;

typedef enum { MM_VK_LOCAL, MM_VK_LANDING, MM_VK_UPLOAD, MM_VK_READBACK, MM_VK_SHARED } mm_vk_place;

/* A part of a shared chunk of parameters. */
typedef struct mm_vk_chunk mm_vk_chunk;
struct mm_vk_chunk {
    mm_vk_mem mem;
    VkDeviceSize used;
    int users; /* parameters that still lie in it */
    bool vectors;
    mm_vk_chunk *next;
};

typedef struct {
    mm_dbuf head;
    mm_vk_mem mem;
} mm_vk_buf;

typedef struct {
    mm_weight head;
    mm_vk_chunk *chunk;
    VkDeviceSize at, bytes; /* in its chunk */
    /* linear, conv: panels [groups][panels][padded][64], or rows for matrix units: [groups][64 panels][padded]; 8-bit
     * integers with MM_VK_INT8_TAIL more bytes an output (weight.c) */
    bool half, rows, int8;
    int64_t depth, padded;     /* inputs of an output, with a convolution's taps; rounded up, and the tail */
    int64_t group_bytes;       /* of one group's panels */
    mm_vk_chunk *vector_chunk; /* of the bias; NULL: none */
    VkDeviceSize bias_at;
} mm_vk_weight;

/* A pending read: copied from the readback memory to the caller's once its slot is done. */
typedef struct {
    float *to;
    VkDeviceSize at;
    size_t bytes;
} mm_vk_readback;

enum { MM_VK_SPECS = 11, MM_VK_BINDINGS = 4, MM_VK_PUSH = 128 };

/* A dispatch or, without a pipeline, a copy. */
typedef struct {
    VkPipeline pipeline;
    VkDescriptorBufferInfo bind[MM_VK_BINDINGS];
    uint32_t groups[3], push_bytes;
    unsigned char push[MM_VK_PUSH];
    VkBuffer from, to;
    VkBufferCopy copy;
} mm_vk_command;
typedef struct {
    mm_vk_command *command; /* [n] */
    int n, dispatches;
    int64_t cap;
} mm_vk_list;

/* A recording and what it refers to. */
typedef struct {
    VkCommandPool pool;
    VkCommandBuffer cmd;
    VkDescriptorPool sets;
    mm_vk_list list, recorded; /* what is being recorded; what cmd holds, valid while mm_vk_dev.freed = freed */
    uint64_t freed;
    VkFence fence;
    uint64_t ticket;                       /* of the submission that is in flight; 0: none */
    VkDeviceSize up_used, down_used;       /* bytes of its parts of the staging memory */
    VkDeviceSize transfer_lo, transfer_hi; /* what the transfer queue copies, as places in the staging memory */
    VkCommandPool transfer_pool;
    VkCommandBuffer transfer_cmd;
    VkSemaphore transferred;
    mm_vk_readback *readbacks;
    int n_readbacks;
    int64_t cap_readbacks;
} mm_vk_slot;
enum { MM_VK_SLOTS = 8, MM_VK_DISPATCHES = 1024 }; /* of a recording at most */

typedef struct {
    int shader;
    uint32_t spec[MM_VK_SPECS];
    VkPipeline pipeline;
} mm_vk_pipeline;

/* What the physical device offers. */
typedef struct {
    VkPhysicalDevice device;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    char driver[256];         /* name and version as the driver says it */
    uint32_t family;          /* of the queue that computes */
    uint32_t transfer_family; /* of one that only copies, where has_transfer */
    bool has_transfer;
    bool float16; /* shaderFloat16 */
    bool f16;     /* that and storageBuffer16BitAccess */
    int coopmat;  /* matrices f16 -> f32: 16 (x16x16, in subgroups of 32), 8 (x8x8, in subgroups of 8) or 0 */
    bool memory_model;
    bool int8, int8_fast; /* dot products of packed 8-bit integers: offered; faster than other instructions */
    bool llvmpipe;        /* Mesa's driver on the CPU */
} mm_vk_card;

typedef struct {
    mm_dev head;
    mm_log log;
    char text[200];
    mm_vk_card card;
    uint32_t paths;    /* mm_vk_path that are on */
    char verdict[160]; /* of the self-test */
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkDevice device;
    VkQueue queue, transfer_queue; /* transfer_queue NULL: none */
    uint32_t transfer_family;
    mm_vk_slot slots[MM_VK_SLOTS];
    int current;      /* the slot that is filled, or will be */
    bool open;        /* it is being filled */
    double work;      /* multiply-adds in it */
    uint64_t tickets; /* handed out so far */
    uint64_t freed;   /* buffers freed so far */
    int64_t replays;  /* submissions of a command buffer that was built before */
    bool lost;

    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipelineCache cache;
    char cache_path[1024];
    bool cache_grown;
    mm_vk_pipeline *pipelines;
    int n_pipelines;
    int64_t cap_pipelines;

    mm_vk_mem up, down; /* staging, a part for each slot; also what shaders read small tables from */
    mm_vk_mem landing;  /* what the transfer queue copied, at the places it had in `up` */
    mm_vk_chunk *chunks;
    mm_vk_mem workspace; /* of one operation: unfolded windows, quantised rows */
    VkDeviceSize bytes;  /* allocated on the device */
    int64_t messages;    /* of the validation layer */
} mm_vk_dev;

/* ---- instance.c ---- */
mm_status mm_vk_fail(mm_err *e, VkResult r, const char *what);
mm_status mm_vk_instance(VkInstance *out, mm_err *e);
/* The devices of the instance in the order of vkEnumeratePhysicalDevices; free() the list. */
mm_status mm_vk_cards(mm_vk_card **out, int *n, VkInstance instance, mm_err *e);
const char *mm_vk_type_name(VkPhysicalDeviceType t);
mm_status mm_vk_watch(mm_vk_dev *d, mm_err *e); /* counts the messages of the validation layer, when it is asked for */

/* ---- memory.c ---- */
mm_status mm_vk_mem_new(mm_vk_mem *m, mm_vk_dev *d, VkDeviceSize bytes, mm_vk_place place, mm_err *e);
void mm_vk_mem_free(mm_vk_mem *m, mm_vk_dev *d);
/* `bytes` of a chunk for one parameter; released again, the last parameter's release frees the chunk. */
mm_status mm_vk_chunk_take(mm_vk_chunk **chunk, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, bool vectors,
                           mm_err *e);
void mm_vk_chunk_release(mm_vk_chunk *c, mm_vk_dev *d);
bool mm_vk_has_shared(const mm_vk_card *c); /* memory on the device that the host sees */
VkDeviceSize mm_vk_local_memory(const mm_vk_card *c);

/* ---- command.c ---- */
/* One more command, zeroed. Each starts when those before it are done. */
mm_status mm_vk_list_add(mm_vk_command **out, mm_vk_list *l, mm_err *e);
mm_status mm_vk_list_copy(mm_vk_list *l, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at,
                          VkDeviceSize bytes, mm_err *e);
/* A pool for a queue of that family, with one command buffer, which is freed with it. */
VkResult mm_vk_command_pool(VkCommandPool *pool, VkCommandBuffer *cmd, const mm_vk_dev *d, uint32_t family);
VkResult mm_vk_record(mm_vk_dev *d, mm_vk_slot *s); /* the slot's list into its command buffer */

/* ---- transfer.c ---- */
enum { MM_VK_STAGE = 8 << 20, MM_VK_READ = 2 << 20 }; /* bytes of a slot's parts of the staging memory */
mm_status mm_vk_transfer_start(mm_vk_dev *d, mm_err *e);
void mm_vk_transfer_end(mm_vk_dev *d);
/* The transfer queue shall copy these bytes of the slot's staging memory to the landing. */
mm_status mm_vk_transfer_add(mm_vk_dev *d, mm_vk_slot *s, VkDeviceSize at, VkDeviceSize bytes, mm_err *e);
VkResult mm_vk_transfer_submit(mm_vk_dev *d, mm_vk_slot *s); /* signals s->transferred when it is done */

/* ---- slot.c ---- */
mm_status mm_vk_slots_start(mm_vk_dev *d, mm_err *e);
void mm_vk_slots_end(mm_vk_dev *d);
mm_status mm_vk_open_slot(mm_vk_slot **out, mm_vk_dev *d, mm_err *e); /* the current slot, ready to be filled */
mm_status mm_vk_submit_slot(mm_vk_dev *d, mm_err *e);                 /* starts what was recorded, if anything */
mm_status mm_vk_drain(mm_vk_dev *d, mm_err *e);                       /* until nothing is recorded or in flight */
mm_status mm_vk_copy(mm_vk_dev *d, VkBuffer from, VkDeviceSize from_at, VkBuffer to, VkDeviceSize to_at,
                     VkDeviceSize bytes, mm_err *e);
mm_status mm_vk_flush(mm_dev *d, mm_err *e);
mm_status mm_vk_submit(mm_dev *d, uint64_t *ticket, mm_err *e);
mm_status mm_vk_wait(mm_dev *d, uint64_t ticket, mm_err *e);

/* ---- staging.c ---- */
/* `bytes` (at most MM_VK_STAGE) of staging memory for the host to fill; what is recorded next may refer to them. */
mm_status mm_vk_stage(char **to, VkDeviceSize *at, mm_vk_dev *d, VkDeviceSize bytes, mm_err *e);
/* Where the host fills in bytes at .. at+bytes-1 of a chunk: in place, or in staging memory (`staged`); then, that they
 * are filled in. Nothing on the device may read these bytes yet. */
mm_status mm_vk_fill(char **to, VkDeviceSize *staged, mm_vk_dev *d, const mm_vk_chunk *c, VkDeviceSize at,
                     VkDeviceSize bytes, mm_err *e);
mm_status mm_vk_filled(mm_vk_dev *d, VkDeviceSize staged, const mm_vk_chunk *c, VkDeviceSize at, VkDeviceSize bytes,
                       mm_err *e);
int64_t mm_vk_batch_floats(const mm_dev *d);
mm_status mm_vk_alloc(mm_dbuf **out, mm_dev *d, int64_t floats, mm_err *e);
void mm_vk_free(mm_dev *d, mm_dbuf *b);
mm_status mm_vk_write(mm_dev *d, mm_dbuf *b, int64_t off, const float *src, int64_t n, mm_err *e);
mm_status mm_vk_read(mm_dev *d, const mm_dbuf *b, int64_t off, float *dst, int64_t n, mm_err *e);
mm_status mm_vk_reserve_workspace(mm_vk_dev *d, VkDeviceSize bytes, mm_err *e);

/* ---- shaders.c, cache.c, pipeline.c ---- */
#define SHADER(id, source, flags) MM_VK_##id,
#define MATRIX(id, source, flags) MM_VK_##id,
typedef enum {
#include "backend/vulkan/shaders.def"
    MM_VK_SHADERS
} mm_vk_shader;
#undef SHADER
#undef MATRIX
typedef struct {
    const char *name;
    const uint32_t *code; /* NULL: this build's glslc does not know matrix units */
    size_t bytes;
    bool matrix; /* counts on the size of its subgroups */
} mm_vk_code;
const mm_vk_code *mm_vk_code_of(int shader);
mm_status mm_vk_pipelines_start(mm_vk_dev *d, mm_err *e);
void mm_vk_pipelines_end(mm_vk_dev *d);
mm_status mm_vk_pipeline_of(VkPipeline *out, mm_vk_dev *d, int shader, const uint32_t spec[MM_VK_SPECS], mm_err *e);
void mm_vk_cache_load(mm_vk_dev *d);
void mm_vk_cache_save(mm_vk_dev *d);

/* ---- dispatch.c ---- */
/* What a shader sees of a buffer: a window that begins where the device allows it, `shift` bytes before what was asked
 * for. */
typedef struct {
    VkDescriptorBufferInfo info;
    VkDeviceSize shift;
} mm_vk_window;
/* Bytes at .. at+bytes-1 of a buffer; where they are none, the first few of the buffer, whatever `at` is. False: the
 * device has no window that wide. */
bool mm_vk_window_of(mm_vk_window *w, const mm_vk_dev *d, VkBuffer b, VkDeviceSize at, VkDeviceSize bytes);
/* Rows lo .. hi-1 of a matrix, `width` numbers of each. */
bool mm_vk_window_rows(mm_vk_window *w, const mm_vk_dev *d, const mm_mat *m, int64_t lo, int64_t hi, int64_t width);
mm_status mm_vk_too_large(mm_err *e); /* the error for an input that no window holds */
/* A host table that a shader reads straight from staging memory. */
mm_status mm_vk_host_table(mm_vk_window *w, mm_vk_dev *d, const void *from, VkDeviceSize bytes, mm_err *e);
/* Workgroups for n invocations in groups of `lanes`, folded as common.glsl unfolds them. */
void mm_vk_fold(uint32_t groups[3], int64_t n, int lanes);

typedef struct {
    int shader;
    uint32_t spec[MM_VK_SPECS];
    mm_vk_window bind[MM_VK_BINDINGS]; /* buffer NULL: not used */
    const void *push;
    uint32_t push_bytes;
    uint32_t groups[3];
    double work; /* multiply-adds, to split long recordings */
} mm_vk_dispatch;
mm_status mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e);

/* ---- weight.c ---- */
mm_status mm_vk_linear_weight(mm_weight **out, mm_dev *d, const mm_linear_weight *w, mm_err *e);
mm_status mm_vk_conv_weight(mm_weight **out, mm_dev *d, const mm_conv_weight *w, mm_err *e);
mm_status mm_vk_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
mm_status mm_vk_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e);
void mm_vk_weight_free(mm_dev *d, mm_weight *w);

/* ---- product.c ---- */
/* A product as linear.glsl sees it; linear.c and conv.c make them. Places are bytes in their buffers. With weights of
 * 8-bit integers x holds rows that quantise.comp wrote. */
typedef struct {
    VkBuffer x, y, r; /* r NULL: no residual */
    VkDeviceSize x_at, y_at, r_at;
    int64_t rows, ldx, ldy, ldr;
    int64_t groups, step_x, step_y; /* floats from group to group */
    bool shared;                    /* all groups have the same weights */
    bool x_half, y_half;            /* half matrices, of one group */
    const mm_vk_weight *w;
    const mm_vk_weight *scale;
    mm_act act;
} mm_vk_product;
mm_status mm_vk_multiply(mm_vk_dev *d, const mm_vk_product *p, mm_err *e);

/* ---- linear.c, conv.c, attend.c, rowwise.c ---- */
#define MM_VK_OP(name, rows) mm_status mm_vk_##name(mm_dev *d, const mm_##name##_op *op, mm_err *e);
MM_OPS(MM_VK_OP)
#undef MM_VK_OP

/* ---- selftest.c ---- */
mm_status mm_vk_self_test(mm_vk_dev *d, mm_err *e);

/* ---- places and sizes ---- */

static inline VkDeviceSize mm_vk_at(const mm_mat *m)
{
    return (VkDeviceSize)m->off * sizeof(float);
}

static inline VkBuffer mm_vk_buffer(const mm_mat *m)
{
    return ((const mm_vk_buf *)m->buf)->mem.buffer;
}

/* Floats from the first to the last of rows × width numbers, ld apart. */
static inline int64_t mm_vk_extent(int64_t rows, int64_t width, int64_t ld)
{
    return rows > 0 && width > 0 ? (rows - 1) * ld + width : 0;
}

/* The floats that `width` numbers of a row of m take. */
static inline int64_t mm_vk_width(bool half, int64_t width)
{
    return half ? width / 2 : width;
}

/* A place in a buffer as shaders count it. */
static inline uint32_t mm_vk_floats(VkDeviceSize bytes)
{
    return (uint32_t)(bytes / sizeof(float));
}

/* Bytes of a weight. */
static inline int64_t mm_vk_weight_size(const mm_vk_weight *w)
{
    return w->int8 ? 1 : w->half ? 2 : 4;
}

static inline int64_t mm_vk_round(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Words of a column's 8-bit integers, or of a row's. After a column's come its scale and the sum of its integers. */
enum { MM_VK_INT8_TAIL = 8 };
static inline int64_t mm_vk_int8_words(const mm_vk_weight *w)
{
    return (w->padded - MM_VK_INT8_TAIL) / 4;
}

#endif
