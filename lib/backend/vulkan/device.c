/* device.c: choosing, opening and closing a Vulkan device. */
#include "backend/vulkan/vk.h"
#include "base/cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- choice ---- */

static bool is_auto(const char *name)
{
    return !name || !*name || strcmp(name, "auto") == 0;
}

/* "auto" prefers a discrete GPU to an integrated one, and that to a virtual one. A driver that computes on the CPU is
 * the last choice, and only for "vulkan". */
static int rank_of(VkPhysicalDeviceType t, bool any)
{
    switch (t) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return 4;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return 3;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return 2;
    default: return any ? 1 : 0;
    }
}

static int best_of(const mm_vk_card *c, int n, bool any)
{
    int best = -1, rank = 0;
    for (int i = 0; i < n; i++)
        if (rank_of(c[i].properties.deviceType, any) > rank) {
            rank = rank_of(c[i].properties.deviceType, any);
            best = i;
        }
    return best;
}

/* The device that `which` (the text after "vulkan:") names, by number or by part of its name; -1: none. */
static int named(const mm_vk_card *c, int n, const char *which)
{
    char *end;
    long number = strtol(which, &end, 10);
    if (*which && !*end)
        return number >= 0 && number < n ? (int)number : -1;
    for (int i = 0; i < n; i++)
        if (strcasestr(c[i].properties.deviceName, which))
            return i;
    return -1;
}

static mm_status choose(mm_vk_card *out, const mm_vk_card *c, int n, const char *name, mm_err *e)
{
    const char *which = is_auto(name) || !name[6] ? NULL : name + 7; /* after "vulkan:" */
    int i = which ? named(c, n, which) : best_of(c, n, !is_auto(name));
    if (i < 0 && which)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_DEVICES, "%s: there is no such device among %d", name, n);
    if (i < 0)
        return mm_fail(e, MM_FATAL,
                       n ? "no GPU among the devices; llvmpipe is used only on request" : "vulkan: no device");
    *out = c[i];
    return MM_OK;
}

/* ---- opening ---- */

static const struct {
    const char *name;
    uint32_t path;
} PATHS[] = {
    {"tiles", MM_VK_TILES},        {"big", MM_VK_BIG},         {"wide", MM_VK_WIDE},        {"coopmat", MM_VK_COOPMAT},
    {"coopattend", MM_VK_COOPATT}, {"coopbig", MM_VK_COOPBIG}, {"int8", MM_VK_INT8},        {"fp16", MM_VK_FP16},
    {"unified", MM_VK_UNIFIED},    {"halves", MM_VK_HALVES},   {"transfer", MM_VK_TRANSFER}};
static const uint32_t MATRIX_UNITS = MM_VK_COOPMAT | MM_VK_COOPATT | MM_VK_COOPBIG;

/* Is `name` in the comma-separated list? */
static bool listed(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncmp(p, name, n) && (p[n] == ',' || p[n] == '\0'))
            return true;
    }
    return false;
}

/* Bytes of shared memory in linear_big: room for two tiles, whose rows are padded by a vector. */
enum { BIG_TILES = 2 * 16 * (33 + 32) * 16 };
/* … and in linear_coop_big: tiles with rows of 64 f16, padded by 8. */
enum { COOP_TILES = (96 + 192) * (64 + 8) * 2 };

/* The paths that the device supports, without those in MM_VULKAN_DISABLE. Tiles do not pay on a driver that computes on
 * the CPU: its shared memory is ordinary memory. */
static uint32_t paths_of(const mm_vk_card *c)
{
    const VkPhysicalDeviceLimits *l = &c->properties.limits;
    const char *off = getenv("MM_VULKAN_DISABLE");
    const VkPhysicalDeviceType type = c->properties.deviceType;
    const bool shared = mm_vk_has_shared(c);
    uint32_t on = type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 0 : MM_VK_TILES;
    if (on && l->maxComputeWorkGroupInvocations >= 256 && l->maxComputeSharedMemorySize >= BIG_TILES)
        on |= MM_VK_BIG;
    if (c->llvmpipe)
        on |= MM_VK_WIDE;
    uint32_t units = c->coopmat && mm_vk_code_of(MM_VK_LINEAR_COOP)->code ? MATRIX_UNITS : 0;
    if (c->coopmat == 8 || l->maxComputeWorkGroupInvocations < 256 || l->maxComputeSharedMemorySize < COOP_TILES)
        units &= ~(uint32_t)MM_VK_COOPBIG;
    if (type != VK_PHYSICAL_DEVICE_TYPE_CPU)
        on |= units;
    if (c->int8_fast)
        on |= MM_VK_INT8;
    if (shared && (type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU || type == VK_PHYSICAL_DEVICE_TYPE_CPU))
        on |= MM_VK_UNIFIED;
    if (c->float16 && (on & MM_VK_TILES))
        on |= MM_VK_FP16;
    if (c->has_transfer && type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU)
        on |= MM_VK_TRANSFER;
    on |= MM_VK_HALVES;
    const char *force = getenv("MM_VULKAN_ENABLE"); /* to test paths on drivers that do not use them by default */
    const uint32_t forceable = units | MM_VK_TILES | MM_VK_BIG | MM_VK_WIDE | MM_VK_TRANSFER |
                               (c->int8 ? MM_VK_INT8 : 0) | (c->float16 ? MM_VK_FP16 : 0) |
                               (shared ? MM_VK_UNIFIED : 0);
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        if (listed(force, PATHS[i].name) && (PATHS[i].path & forceable))
            on |= PATHS[i].path;
        if (listed(off, PATHS[i].name))
            on &= ~PATHS[i].path;
    }
    return on;
}

/* Prepends a structure of features to a chain of them. */
static void *chained(void *features, void *rest)
{
    ((VkBaseOutStructure *)features)->pNext = rest;
    return features;
}

static mm_status make_device(mm_vk_dev *d, mm_err *e)
{
    VkPhysicalDeviceVulkanMemoryModelFeatures model = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES, .vulkanMemoryModel = VK_TRUE};
    VkPhysicalDevice16BitStorageFeatures storage = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                                                    .storageBuffer16BitAccess = VK_TRUE};
    VkPhysicalDeviceShaderFloat16Int8Features f16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, .shaderFloat16 = VK_TRUE};
    mm_vk_coopmat_features matrices = {.sType = (VkStructureType)MM_VK_STRUCTURE_COOPMAT_FEATURES, .matrix = VK_TRUE};
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
        .shaderIntegerDotProduct = VK_TRUE};
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE};
    const char *extension[3];
    uint32_t extensions = 0;
    void *features = NULL;
    if (d->paths & (MATRIX_UNITS | MM_VK_FP16))
        features = chained(&f16, features);
    if (d->paths & MATRIX_UNITS) {
        features = chained(&model, chained(&storage, chained(&sizes, chained(&matrices, features))));
        extension[extensions++] = MM_VK_COOPMAT_EXTENSION;
        extension[extensions++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    }
    if (d->paths & MM_VK_INT8) {
        features = chained(&dot, features);
        extension[extensions++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
    }
    const float priority = 1;
    const uint32_t families[] = {d->card.family, d->card.transfer_family};
    VkDeviceQueueCreateInfo queues[2];
    for (int i = 0; i < 2; i++)
        queues[i] = (VkDeviceQueueCreateInfo){.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                              .queueFamilyIndex = families[i],
                                              .queueCount = 1,
                                              .pQueuePriorities = &priority};
    const bool two = (d->paths & MM_VK_TRANSFER) && d->card.has_transfer;
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = features,
                                     .queueCreateInfoCount = two ? 2 : 1,
                                     .pQueueCreateInfos = queues,
                                     .enabledExtensionCount = extensions,
                                     .ppEnabledExtensionNames = extension};
    VkResult r = vkCreateDevice(d->card.device, &info, NULL, &d->device);
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, d->card.properties.deviceName);
    vkGetDeviceQueue(d->device, d->card.family, 0, &d->queue);
    if (d->paths & MM_VK_TRANSFER) { /* forced on a device without a queue for it: use the compute queue */
        d->transfer_family = two ? d->card.transfer_family : d->card.family;
        vkGetDeviceQueue(d->device, d->transfer_family, 0, &d->transfer_queue);
    }
    return MM_OK;
}

static void close_vulkan(mm_dev *dev)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_err ignored;
    if (d->device) {
        mm_vk_drain(d, &ignored);
        vkDeviceWaitIdle(d->device);
        while (d->chunks) {
            d->chunks->users = 1;
            mm_vk_chunk_release(d->chunks, d);
        }
        mm_vk_mem_free(&d->workspace, d);
        mm_vk_mem_free(&d->up, d);
        mm_vk_mem_free(&d->down, d);
        mm_vk_pipelines_end(d);
        mm_vk_slots_end(d);
        mm_vk_transfer_end(d);
        vkDestroyDevice(d->device, NULL);
    }
    if (d->messenger)
        vkDestroyDebugUtilsMessengerEXT(d->instance, d->messenger, NULL);
    if (d->instance)
        vkDestroyInstance(d->instance, NULL);
    mm_threads_free(d->head.pool);
    free(d);
}

/* The loader takes tens of milliseconds, because it loads drivers. Without a device node "auto" can only end at the
 * CPU, and looking for nodes takes no time. */
static bool has_gpu_node(void)
{
    static const char *const nodes[] = {"/dev/dri/renderD128", "/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg",
                                        "/dev/kgsl-3d0",       "/dev/mali0"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (access(nodes[i], F_OK) == 0)
            return true;
    return false;
}

static mm_status find_card(mm_vk_dev *d, const char *name, mm_err *e)
{
    mm_vk_card *cards;
    int n;
    if (is_auto(name) && !has_gpu_node())
        return mm_fail(e, MM_FATAL, "no GPU (no /dev/dri, /dev/nvidia0 …); llvmpipe is used only on request");
    mm_status s = mm_vk_instance(&d->instance, e);
    if (s == MM_OK)
        s = mm_vk_watch(d, e);
    if (s != MM_OK || (s = mm_vk_cards(&cards, &n, d->instance, e)) != MM_OK)
        return s;
    s = choose(&d->card, cards, n, name, e);
    free(cards);
    return s;
}

static bool supports(mm_precision p)
{
    return p != MM_PREC_BF16 && p != MM_PREC_INT16;
}

/* Resolves "auto" and turns off the paths that the precision does not use. */
static mm_status choose_precision(mm_vk_dev *d, mm_precision wanted, mm_err *e)
{
    if (wanted == MM_PREC_INT8 && !(d->paths & MM_VK_INT8))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_GPU_PRECISION, "vulkan: %s has no fast dot products of 8-bit integers",
                            d->card.properties.deviceName);
    /* on matrix units fp16 is several times as fast, and cosines to fp32 stay above .9995 */
    if (wanted == MM_PREC_AUTO)
        wanted = d->paths & MM_VK_COOPMAT ? MM_PREC_FP16 : MM_PREC_FP32;
    d->head.precision = wanted;
    if (wanted == MM_PREC_FP32)
        d->paths &= ~MATRIX_UNITS; /* their inputs are f16 */
    if (wanted != MM_PREC_FP16)
        d->paths &= ~(uint32_t)MM_VK_HALVES;
    if (wanted != MM_PREC_INT8)
        d->paths &= ~(uint32_t)MM_VK_INT8;
    if (wanted != MM_PREC_FP16 || (d->paths & MM_VK_COOPMAT))
        d->paths &= ~(uint32_t)MM_VK_FP16;
    return MM_OK;
}

static mm_status start(mm_vk_dev *d, const mm_dev_opts *o, mm_err *e)
{
    mm_status s = find_card(d, o->name, e);
    if (s != MM_OK)
        return s;
    d->paths = paths_of(&d->card);
    if ((s = choose_precision(d, o->precision, e)) != MM_OK ||
        (s = mm_threads_new(&d->head.pool, o->threads > 0 ? o->threads : mm_cpu_count(), e)) != MM_OK ||
        (s = make_device(d, e)) != MM_OK || (s = mm_vk_pipelines_start(d, e)) != MM_OK ||
        (s = mm_vk_slots_start(d, e)) != MM_OK || (s = mm_vk_transfer_start(d, e)) != MM_OK)
        return s;
    s = mm_vk_self_test(d, e);
    if (s == MM_OK && o->precision == MM_PREC_INT8)
        s = choose_precision(d, o->precision, e); /* the self-test may have turned int8 off */
    return s;
}

static mm_status open_vulkan(mm_dev **out, const mm_dev_opts *o, mm_err *e)
{
    if (!supports(o->precision))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_GPU_PRECISION, "vulkan computes in fp32, fp16 or int8, not in %s",
                            mm_precision_name(o->precision));
    mm_vk_dev *d = calloc(1, sizeof *d);
    if (!d)
        return mm_fail_memory(e);
    d->head.be = &mm_backend_vulkan;
    if (o->log)
        d->log = *o->log;
    mm_status s = start(d, o, e);
    if (s != MM_OK) {
        close_vulkan(&d->head);
        return s;
    }
    int n = snprintf(d->text, sizeof d->text, "vulkan (%.80s", d->card.properties.deviceName);
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        if (d->paths & PATHS[i].path)
            n += snprintf(d->text + n, sizeof d->text - (size_t)n, ", %s", PATHS[i].name);
    snprintf(d->text + n, sizeof d->text - (size_t)n, ")");
    mm_say(&d->log, MM_LOG_INFO, "device: %s, %s", d->text, d->card.driver);
    *out = &d->head;
    return MM_OK;
}

static bool halves(const mm_dev *d)
{
    return ((const mm_vk_dev *)d)->paths & MM_VK_HALVES;
}

static const char *describe(const mm_dev *d)
{
    return ((const mm_vk_dev *)d)->text;
}

/* ---- listing devices ---- */

static void each_vulkan(void (*each)(void *ctx, const char *name), void *ctx)
{
    VkInstance instance;
    mm_vk_card *cards;
    mm_err ignored;
    int n;
    if (mm_vk_instance(&instance, &ignored) != MM_OK)
        return;
    if (mm_vk_cards(&cards, &n, instance, &ignored) == MM_OK) {
        for (int i = 0; i < n; i++) {
            char name[32];
            snprintf(name, sizeof name, "vulkan:%d", i);
            each(ctx, name);
        }
        free(cards);
    }
    vkDestroyInstance(instance, NULL);
}

#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
static void
fact(mm_fact *facts, int *n, int most, const char *key, const char *format, ...)
{
    if (*n == most)
        return;
    va_list ap;
    va_start(ap, format);
    snprintf(facts[*n].key, sizeof facts[*n].key, "%s", key);
    vsnprintf(facts[*n].value, sizeof facts[*n].value, format, ap);
    va_end(ap);
    ++*n;
}

static int facts_of(const mm_dev *dev, mm_fact *f, int most)
{
    const mm_vk_dev *d = (const mm_vk_dev *)dev;
    const VkPhysicalDeviceProperties *p = &d->card.properties;
    const uint32_t v = p->apiVersion;
    char paths[128] = "";
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        if (d->paths & PATHS[i].path) {
            strncat(paths, paths[0] ? " " : "", sizeof paths - strlen(paths) - 1);
            strncat(paths, PATHS[i].name, sizeof paths - strlen(paths) - 1);
        }
    int n = 0;
    fact(f, &n, most, "device", "%s", p->deviceName);
    fact(f, &n, most, "type", "%s", mm_vk_type_name(p->deviceType));
    fact(f, &n, most, "driver", "%s", d->card.driver);
    fact(f, &n, most, "vulkan", "%u.%u.%u", VK_API_VERSION_MAJOR(v), VK_API_VERSION_MINOR(v), VK_API_VERSION_PATCH(v));
    fact(f, &n, most, "ids", "%04x:%04x", p->vendorID, p->deviceID);
    fact(f, &n, most, "memory", "%.0f MiB", (double)mm_vk_local_memory(&d->card) / (1 << 20));
    fact(f, &n, most, "invocations", "%u", p->limits.maxComputeWorkGroupInvocations);
    fact(f, &n, most, "shared memory", "%u bytes", p->limits.maxComputeSharedMemorySize);
    fact(f, &n, most, "storage range", "%.0f MiB", (double)p->limits.maxStorageBufferRange / (1 << 20));
    fact(f, &n, most, "offset alignment", "%u bytes", (unsigned)p->limits.minStorageBufferOffsetAlignment);
    fact(f, &n, most, "16-bit", "%s", d->card.f16 ? "yes" : "no");
    fact(f, &n, most, "fp16 arithmetic", "%s", d->card.float16 ? "yes" : "no");
    fact(f, &n, most, "cooperative matrix", "%s",
         !mm_vk_code_of(MM_VK_LINEAR_COOP)->code ? "not in this build"
         : d->card.coopmat == 16                 ? "16x16x16"
         : d->card.coopmat == 8                  ? "8x8x8"
                                                 : "no");
    fact(f, &n, most, "int8 dot product", "%s", d->card.int8_fast ? "yes" : d->card.int8 ? "slow" : "no");
    fact(f, &n, most, "paths", "%s", paths[0] ? paths : "baseline only");
    fact(f, &n, most, "self-test", "%s", d->verdict);
    return n;
}

int64_t mm_vulkan_messages(const mm_dev *d)
{
    return ((const mm_vk_dev *)d)->messages;
}

const mm_backend mm_backend_vulkan = {
    .name = "vulkan",
    .open = open_vulkan,
    .close = close_vulkan,
    .describe = describe,
    .supports = supports,
    .each = each_vulkan,
    .facts = facts_of,
    .linear_weight = mm_vk_linear_weight,
    .conv_weight = mm_vk_conv_weight,
    .vector = mm_vk_vector,
    .table = mm_vk_table,
    .weight_free = mm_vk_weight_free,
    .alloc = mm_vk_alloc,
    .free = mm_vk_free,
    .write = mm_vk_write,
    .read = mm_vk_read,
#define ENTRY(name, rows) .name = mm_vk_##name,
    MM_OPS(ENTRY)
#undef ENTRY
        .flush = mm_vk_flush,
    .submit = mm_vk_submit,
    .wait = mm_vk_wait,
    .batch_floats = mm_vk_batch_floats,
    .halves = halves,
};
