/* The Vulkan device when things go wrong, on the first device of the loader's list (lavapipe where there is no GPU):
 * failures are injected by putting functions of our own in the place of volk's pointers, the Nth call first, then the
 * next, until nothing fails any more. Also: buffers beyond a binding's range, the pipeline cache, the choice of a
 * device, and that the validation layer would notice a missing barrier. Skipped where there is no Vulkan device. */
#include "backend/vulkan/vk.h"
#include "base/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- helpers ---- */

static mm_status open_first(mm_dev **d, mm_err *e)
{
    *e = (mm_err){0};
    return mm_dev_open(d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1}, e);
}

/* Dot products of 8-bit integers where they are offered, fast or not. */
static mm_status open_int8(mm_dev **d, mm_err *e)
{
    *e = (mm_err){0};
    setenv("MM_VULKAN_ENABLE", "int8", 1);
    mm_status s = mm_dev_open(d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1, .precision = MM_PREC_INT8}, e);
    unsetenv("MM_VULKAN_ENABLE");
    return s;
}

static bool here;

static int look(void **state)
{
    (void)state;
    mm_dev *d;
    mm_err e;
    here = open_first(&d, &e) == MM_OK;
    if (!here)
        print_message("no Vulkan device: %s\n", e.text);
    mm_dev_close(d);
    return 0;
}

#define NEEDS_DEVICE                                                                                                   \
    if (!here)                                                                                                         \
    skip()

enum { ROWS = 9, WIDE = 70 };

/* y = x wᵀ with x = 1, 2, … and w the identity: y is x. */
static mm_status run_identity(mm_dev *d, mm_err *e)
{
    float *w = calloc(WIDE * WIDE, sizeof *w), x[ROWS * WIDE], y[ROWS * WIDE] = {0};
    for (int i = 0; i < WIDE; i++)
        w[i * WIDE + i] = 1;
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)i;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {WIDE, WIDE}}, w}}};
    mm_weight *weight = NULL;
    mm_mat in = {.ld = WIDE}, out = {.ld = WIDE};
    mm_status s = mm_dev_linear_weight(&weight, d, &lw, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&in.buf, d, ROWS * WIDE, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&out.buf, d, ROWS * WIDE, e);
    if (s == MM_OK) {
        mm_dev_write(d, in.buf, 0, x, ROWS * WIDE);
        mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = ROWS});
        mm_dev_read(d, out.buf, 0, y, ROWS * WIDE);
        s = mm_dev_flush(d, e);
    }
    if (s == MM_OK)
        assert_memory_equal(x, y, sizeof x);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    free(w);
    return s;
}

/* ---- injected failures ---- */

static int calls, failing; /* the call that fails, counted from 1 */
static PFN_vkAllocateMemory real_allocate;
static PFN_vkQueueSubmit real_submit;
static PFN_vkCreateComputePipelines real_pipelines;
static PFN_vkWaitForFences real_wait;
static PFN_vkCreateDevice real_device;

static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice d, const VkMemoryAllocateInfo *i,
                                               const VkAllocationCallbacks *a, VkDeviceMemory *m)
{
    return ++calls == failing ? VK_ERROR_OUT_OF_DEVICE_MEMORY : real_allocate(d, i, a, m);
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f)
{
    return ++calls == failing ? VK_ERROR_DEVICE_LOST : real_submit(q, n, i, f);
}

static VKAPI_ATTR VkResult VKAPI_CALL wait(VkDevice d, uint32_t n, const VkFence *f, VkBool32 all, uint64_t t)
{
    VkResult r = real_wait(d, n, f, all, t); /* the work is done; only the answer is bad */
    return ++calls == failing ? VK_ERROR_DEVICE_LOST : r;
}

static VKAPI_ATTR VkResult VKAPI_CALL pipelines(VkDevice d, VkPipelineCache c, uint32_t n,
                                                const VkComputePipelineCreateInfo *i, const VkAllocationCallbacks *a,
                                                VkPipeline *p)
{
    return ++calls == failing ? VK_ERROR_INITIALIZATION_FAILED : real_pipelines(d, c, n, i, a, p);
}

static VKAPI_ATTR VkResult VKAPI_CALL device(VkPhysicalDevice p, const VkDeviceCreateInfo *i,
                                             const VkAllocationCallbacks *a, VkDevice *d)
{
    return ++calls == failing ? VK_ERROR_INITIALIZATION_FAILED : real_device(p, i, a, d);
}

typedef enum { NONE, MEMORY, SUBMISSION, WAITING, PIPELINES, DEVICE, BARRIERS } fault;
static fault wanted;

static VKAPI_ATTR void VKAPI_CALL no_barrier(VkCommandBuffer c, VkPipelineStageFlags from, VkPipelineStageFlags to,
                                             VkDependencyFlags f, uint32_t n, const VkMemoryBarrier *m, uint32_t nb,
                                             const VkBufferMemoryBarrier *b, uint32_t ni, const VkImageMemoryBarrier *i)
{
    (void)c, (void)from, (void)to, (void)f, (void)n, (void)m, (void)nb, (void)b, (void)ni, (void)i;
}

/* A new instance fills volk's pointers anew: the linker is told (--wrap, in the Makefile) to send the call here. */
mm_status __real_mm_vk_instance(VkInstance *out, mm_err *e);
mm_status __wrap_mm_vk_instance(VkInstance *out, mm_err *e);
mm_status __wrap_mm_vk_instance(VkInstance *out, mm_err *e)
{
    mm_status s = __real_mm_vk_instance(out, e);
    if (s != MM_OK)
        return s;
    switch (wanted) {
    case NONE: break;
    case MEMORY: real_allocate = vkAllocateMemory, vkAllocateMemory = allocate; break;
    case SUBMISSION: real_submit = vkQueueSubmit, vkQueueSubmit = submit; break;
    case WAITING: real_wait = vkWaitForFences, vkWaitForFences = wait; break;
    case PIPELINES: real_pipelines = vkCreateComputePipelines, vkCreateComputePipelines = pipelines; break;
    case DEVICE: real_device = vkCreateDevice, vkCreateDevice = device; break;
    case BARRIERS: vkCmdPipelineBarrier = no_barrier; break;
    }
    return MM_OK;
}

/* One life of a device in which call number `n` of the wanted kind fails. */
static mm_status live(int n, mm_err *e)
{
    mm_dev *d;
    calls = 0;
    failing = n;
    mm_status s = open_first(&d, e);
    if (s == MM_OK)
        s = run_identity(d, e);
    mm_dev_close(d);
    return s;
}

static void fail_each(fault f, const char *expected)
{
    int n = 1;
    wanted = f;
    for (;; n++) {
        mm_err e = {0};
        mm_status s = live(n, &e);
        if (calls < n) { /* nothing failed any more */
            assert_int_equal(s, MM_OK);
            break;
        }
        if (s == MM_OK) /* only a fast path may fail without consequences */
            continue;
        assert_int_equal(s, MM_FATAL);
        if (!strstr(e.text, "vulkan") || !strstr(e.text, expected))
            fail_msg("call %d: \"%s\" does not say \"%s\"", n, e.text, expected);
    }
    assert_true(n > 1);
}

static void test_faults(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    fail_each(MEMORY, "MiB");
    fail_each(SUBMISSION, "lost");
    fail_each(WAITING, "lost");
    fail_each(PIPELINES, "pipeline");
    fail_each(DEVICE, "initialisation");
    wanted = NONE;
}

/* ---- validation ---- */

static bool has_layer(void)
{
    uint32_t n = 64;
    VkLayerProperties all[64];
    if (volkInitialize() != VK_SUCCESS || vkEnumerateInstanceLayerProperties(&n, all) < VK_SUCCESS)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(all[i].layerName, "VK_LAYER_KHRONOS_validation"))
            return true;
    return false;
}

/* To the device and back: two copies, one after the other. Newer layers follow what copies touch, and what shaders
 * touch only when they are asked to. */
static void copy_twice(mm_dev *d, mm_err *e)
{
    float x[64] = {1}, y[64];
    mm_dbuf *b;
    assert_int_equal(mm_dev_alloc(&b, d, 64, e), MM_OK);
    mm_dev_write(d, b, 0, x, 64);
    mm_dev_read(d, b, 0, y, 64);
    assert_int_equal(mm_dev_flush(d, e), MM_OK);
    mm_dev_free(d, b);
}

/* The layer leaks memory of its own, in a module that is gone when a leak sanitizer looks: what is allocated while it
 * is loaded does not count. The other tests run the same code without it. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* Messages of the validation layer while the identity is computed; the layer writes none of them itself. */
static int64_t messages_with(fault f)
{
    mm_dev *d;
    mm_err e;
    wanted = f;
    if (__lsan_disable)
        __lsan_disable();
    assert_int_equal(open_first(&d, &e), MM_OK);
    run_identity(d, &e);
    copy_twice(d, &e);
    int64_t n = mm_vulkan_messages(d);
    mm_dev_close(d);
    if (__lsan_enable)
        __lsan_enable();
    wanted = NONE;
    return n;
}

static void test_validation(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    if (!has_layer())
        skip();
    setenv("MM_VULKAN_VALIDATE", "1", 1);
    assert_int_equal(messages_with(NONE), 0);
    assert_true(messages_with(BARRIERS) > 0);
    unsetenv("MM_VULKAN_VALIDATE");
}

/* ---- beyond a binding's range ---- */

/* A product, a gathering and a norm whose matrices are larger than the 128 MiB that a device must let a shader see; the
 * last rows are compared with the same rows computed alone. */
static void check_large(mm_dev *d)
{
    enum { K = 96, N = 64, LAST = 5 };
    const int64_t rows = ((int64_t)140 << 20) / (K * (int64_t)sizeof(float));
    mm_err e;
    float *x = malloc((size_t)(rows * K) * sizeof *x), *w = malloc(N * K * sizeof *w), whole[LAST * N], alone[LAST * N];
    for (int64_t i = 0; i < rows * K; i++)
        x[i] = (float)((int64_t)i * 7919 % 2003) / 1001.5f - 1;
    for (int i = 0; i < N * K; i++)
        w[i] = (float)((int64_t)i * 104729 % 1009) / 504.5f - 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}};
    const mm_tensor t = {{MM_F32, 2, {rows, K}}, x}, ones = {{MM_F32, 1, {K}}, w};
    mm_weight *weight, *table, *gain;
    mm_mat in = {.ld = K}, out = {.ld = N}, few = {.ld = K};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_table(&table, d, &t, &e), MM_OK);
    assert_int_equal(mm_dev_vector(&gain, d, &ones, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, rows * K, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, rows * N, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&few.buf, d, LAST * K, &e), MM_OK);
    int32_t *ids = malloc((size_t)rows * sizeof *ids);
    for (int64_t r = 0; r < rows; r++)
        ids[r] = (int32_t)r;
    const mm_mat end = {.buf = out.buf, .off = (rows - LAST) * N, .ld = N};
    /* everything by way of the table, normed in place, multiplied */
    mm_dev_gather(d, &(mm_gather_op){.table = table, .y = in, .rows = rows, .width = K, .ids = ids});
    mm_dev_norm(d, &(mm_norm_op){.x = in, .y = in, .rows = rows, .channels = K, .gain = gain, .eps = 1e-6f});
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = rows});
    mm_dev_read(d, out.buf, end.off, whole, LAST * N);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    /* the last rows by themselves */
    mm_dev_write(d, few.buf, 0, x + (rows - LAST) * K, LAST * K);
    mm_dev_norm(d, &(mm_norm_op){.x = few, .y = few, .rows = LAST, .channels = K, .gain = gain, .eps = 1e-6f});
    mm_dev_linear(d, &(mm_linear_op){.x = few, .y = end, .w = weight, .rows = LAST});
    mm_dev_read(d, out.buf, end.off, alone, LAST * N);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    assert_memory_equal(whole, alone, sizeof whole);
    mm_dev_weight_free(d, weight);
    mm_dev_weight_free(d, table);
    mm_dev_weight_free(d, gain);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_free(d, few.buf);
    free(x);
    free(w);
    free(ids);
}

static void test_large(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    check_large(d);
    mm_dev_close(d);
}

/* Quantised rows have less room than that: they are made and multiplied piece by piece. */
static void test_large_int8(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e;
    if (open_int8(&d, &e) != MM_OK) {
        print_message("%s\n", e.text);
        skip();
    }
    check_large(d);
    mm_dev_close(d);
}

/* ---- recordings that serve again ---- */

/* The identity of one buffer after the other, of two lengths in turns, with new numbers each time. */
static void test_replay(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    enum { TIMES = 40 };
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    const int64_t before = ((const mm_vk_dev *)d)->replays;
    float w[WIDE * WIDE] = {0}, x[ROWS * WIDE], y[ROWS * WIDE];
    for (int i = 0; i < WIDE; i++)
        w[i * WIDE + i] = 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {WIDE, WIDE}}, w}}};
    mm_weight *weight;
    mm_mat in = {.ld = WIDE}, out = {.ld = WIDE};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, ROWS * WIDE, &e), MM_OK);
    for (int t = 0; t < TIMES; t++) {
        const int64_t rows = t / 8 % 2 ? ROWS : 4;
        if (t % 20 == 0) { /* a new buffer, which may get the old one's name */
            mm_dev_free(d, out.buf);
            assert_int_equal(mm_dev_alloc(&out.buf, d, ROWS * WIDE, &e), MM_OK);
        }
        for (int i = 0; i < ROWS * WIDE; i++)
            x[i] = (float)(i * (t + 1) % 1000);
        mm_dev_write(d, in.buf, 0, x, rows * WIDE);
        mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = rows});
        mm_dev_read(d, out.buf, 0, y, rows * WIDE);
        assert_int_equal(mm_dev_flush(d, &e), MM_OK);
        assert_memory_equal(x, y, (size_t)(rows * WIDE) * sizeof *x);
    }
    assert_true(((const mm_vk_dev *)d)->replays - before >= TIMES / 4);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
}

/* ---- long recordings ---- */

/* More dispatches between two flushes than there are descriptor sets, each with a table of its own in the staging
 * memory; later tables are larger, so that they reach where the first one after a submission lies. Row r of y becomes
 * row r * 7 % ROWS_X of x. */
static void test_long_recording(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    enum { LONG = 9000, FIRST = 4097, LATER = 16, WIDTH = 3, ROWS_X = 500, ALL = FIRST + LATER * (LONG - FIRST) };
    mm_dev *d;
    mm_err e;
    assert_int_equal(open_first(&d, &e), MM_OK);
    float x[ROWS_X * WIDTH], *y = malloc(ALL * WIDTH * sizeof *y);
    for (int i = 0; i < ROWS_X * WIDTH; i++)
        x[i] = (float)i;
    mm_mat in = {.ld = WIDTH}, out = {.ld = WIDTH};
    assert_int_equal(mm_dev_alloc(&in.buf, d, ROWS_X * WIDTH, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, ALL * WIDTH, &e), MM_OK);
    mm_dev_write(d, in.buf, 0, x, ROWS_X * WIDTH);
    for (int i = 0, r = 0; i < LONG; i++) {
        const int rows = i < FIRST ? 1 : LATER;
        const mm_mat to = {.buf = out.buf, .off = r * WIDTH, .ld = WIDTH};
        int32_t ids[LATER];
        for (int k = 0; k < rows; k++, r++)
            ids[k] = r * 7 % ROWS_X;
        mm_dev_gather(d, &(mm_gather_op){.x = in, .y = to, .rows = rows, .width = WIDTH, .ids = ids});
    }
    mm_dev_read(d, out.buf, 0, y, ALL * WIDTH);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    for (int r = 0; r < ALL; r++)
        assert_memory_equal(y + r * WIDTH, x + r * 7 % ROWS_X * WIDTH, WIDTH * sizeof *y);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
    free(y);
}

/* ---- the size of a tile ---- */

/* How many rows a product has decides about its tiles: a row's result must not depend on them. 2,048 rows take the
 * large tiles where a device has them, the first eight alone the small ones. */
static void check_tile_sizes(const char *paths, mm_precision precision)
{
    enum { K = 75, N = 1024, MANY = 2048, FEW = 8 };
    mm_dev *d;
    mm_err e;
    setenv("MM_VULKAN_ENABLE", paths, 1);
    setenv("MM_VULKAN_DISABLE", "wide", 1);
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1, .precision = precision}, &e);
    unsetenv("MM_VULKAN_ENABLE");
    unsetenv("MM_VULKAN_DISABLE");
    if (s != MM_OK || !strstr(mm_dev_name(d), "big")) { /* too small a device for them, or without that precision */
        print_message("%s\n", s != MM_OK ? e.text : mm_dev_name(d));
        mm_dev_close(d);
        return;
    }
    float *x = malloc(MANY * K * sizeof *x), *w = malloc(N * K * sizeof *w);
    float *many = malloc(FEW * N * sizeof *many), *few = malloc(FEW * N * sizeof *few);
    for (int i = 0; i < MANY * K; i++)
        x[i] = (float)((int64_t)i * 7919 % 2003) / 1001.5f - 1;
    for (int i = 0; i < N * K; i++)
        w[i] = (float)((int64_t)i * 104729 % 1009) / 504.5f - 1;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}};
    mm_weight *weight;
    mm_mat in = {.ld = K}, out = {.ld = N};
    assert_int_equal(mm_dev_linear_weight(&weight, d, &lw, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&in.buf, d, MANY * K, &e), MM_OK);
    assert_int_equal(mm_dev_alloc(&out.buf, d, MANY * N, &e), MM_OK);
    mm_dev_write(d, in.buf, 0, x, MANY * K);
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = MANY});
    mm_dev_read(d, out.buf, 0, many, FEW * N);
    mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = FEW});
    mm_dev_read(d, out.buf, 0, few, FEW * N);
    assert_int_equal(mm_dev_flush(d, &e), MM_OK);
    assert_memory_equal(many, few, FEW * N * sizeof *few);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    mm_dev_close(d);
    free(x);
    free(w);
    free(many);
    free(few);
}

static void test_tile_sizes(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    check_tile_sizes("tiles,big", MM_PREC_FP32);
    check_tile_sizes("tiles,big,fp16", MM_PREC_FP16);
    check_tile_sizes("tiles,big,int8", MM_PREC_INT8);
}

/* ---- choice ---- */

static void test_choice(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e = {0};
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:99"}, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "mm-model devices"));
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:no such card"}, &e), MM_FATAL);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .precision = MM_PREC_BF16}, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "fp16"));
    setenv("MM_VULKAN_DISABLE", "int8", 1);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .precision = MM_PREC_INT8}, &e), MM_FATAL);
    unsetenv("MM_VULKAN_DISABLE");
    assert_non_null(strstr(e.text, "8-bit"));
    /* by a part of its name, in whatever case */
    assert_int_equal(open_first(&d, &e), MM_OK);
    char name[64] = "vulkan:";
    const char *card = ((mm_vk_dev *)d)->card.properties.deviceName;
    for (int i = 0; i < 8 && card[i]; i++)
        name[7 + i] = (char)(card[i] >= 'a' && card[i] <= 'z' ? card[i] - 32 : card[i]);
    mm_dev_close(d);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = name, .threads = 1}, &e), MM_OK);
    mm_dev_close(d);
}

/* "auto" takes what works: a device that cannot be opened gives way to the CPU. */
static void test_fall_back(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e = {0};
    wanted = DEVICE;
    calls = 0;
    failing = 1;
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "auto", .threads = 1}, &e), MM_OK);
    assert_non_null(strstr(mm_dev_name(d), "cpu"));
    mm_dev_close(d);
    wanted = NONE;
}

/* An int8 run needs its fast path: one that fails the self-test (here: whose pipelines are refused) is no int8 device.
 */
static void test_int8_refused(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e;
    bool refused = false;
    if (open_int8(&d, &e) != MM_OK)
        skip();
    mm_dev_close(d);
    wanted = PIPELINES;
    for (int n = 1; !refused && (n == 1 || calls >= n - 1); n++) {
        calls = 0;
        failing = n;
        if (open_int8(&d, &e) != MM_OK)
            refused = refused || strstr(e.text, "8-bit");
        mm_dev_close(d);
    }
    wanted = NONE;
    assert_true(refused);
}

/* ---- pipeline cache ---- */

/* The one file below DIR/mm. */
static void cache_file(char *path, size_t size, const char *dir)
{
    char command[512];
    snprintf(command, sizeof command, "ls %s/mm/vulkan-* 2>/dev/null", dir);
    FILE *f = popen(command, "r");
    path[0] = '\0';
    if (f && fgets(path, (int)size, f))
        path[strcspn(path, "\n")] = '\0';
    if (f)
        pclose(f);
}

static void test_cache(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    char dir[] = "/tmp/mm-cache-XXXXXX", path[512], command[128];
    mm_err e;
    assert_non_null(mkdtemp(dir));
    setenv("XDG_CACHE_HOME", dir, 1);
    assert_int_equal(live(0, &e), MM_OK);
    cache_file(path, sizeof path, dir);
    assert_true(path[0]);
    assert_int_equal(live(0, &e), MM_OK); /* with the file */
    const char junk[] = "not what was written there, and longer than a checksum: 0123456789abcdef0123456789abcdef";
    assert_int_equal(mm_file_write(path, junk, sizeof junk, &e), MM_OK);
    assert_int_equal(live(0, &e), MM_OK); /* with a damaged file, which is replaced */
    mm_buf b = {0};
    assert_int_equal(mm_file_read(&b, path, 64 << 20, &e), MM_OK);
    assert_true(b.n != sizeof junk || memcmp(b.p, junk, b.n) != 0);
    mm_buf_free(&b);
    assert_int_equal(mm_file_write(path, "", 0, &e), MM_OK);
    assert_int_equal(live(0, &e), MM_OK); /* with an empty one */
    unsetenv("XDG_CACHE_HOME");
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

/* No pipeline cache of ours but where a test asks for one; Mesa's own cache stays where it is. */
static void hide_caches(void)
{
    char mesa[512];
    snprintf(mesa, sizeof mesa, "%.480s/.cache", getenv("HOME") ? getenv("HOME") : "/tmp");
    setenv("MESA_SHADER_CACHE_DIR", mesa, 0);
    setenv("XDG_CACHE_HOME", "relative: no cache", 1);
    unsetenv("HOME");
}

int main(void)
{
    hide_caches();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),       cmocka_unit_test(test_validation), cmocka_unit_test(test_large),
        cmocka_unit_test(test_large_int8),   cmocka_unit_test(test_replay),     cmocka_unit_test(test_long_recording),
        cmocka_unit_test(test_tile_sizes),   cmocka_unit_test(test_choice),     cmocka_unit_test(test_fall_back),
        cmocka_unit_test(test_int8_refused), cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, look, NULL);
}
