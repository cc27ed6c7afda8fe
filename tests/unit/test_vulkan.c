/* The Vulkan device when things go wrong: failures are injected by putting functions of our own in the place of volk's
 * pointers, the Nth call first, then the next, until nothing fails any more. Also: the choice of a device, the pipeline
 * cache, and that the validation layer would notice a missing barrier. */
#include "base/file.h"
#include "vulkan_util.h"

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

/* Mesa's CPU driver compiles its large tiles for most of a second, and these tests open some sixty devices. */
static void small_tiles(void)
{
    setenv("MM_VULKAN_DISABLE", "wide", 1);
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
    /* also those of a fast path */
    unsetenv("MM_VULKAN_DISABLE");
    fail_each(PIPELINES, "pipeline");
    small_tiles();
    fail_each(MEMORY, "MiB");
    fail_each(SUBMISSION, "lost");
    fail_each(WAITING, "lost");
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

/* ---- choice ---- */

static void test_choice(void **state)
{
    (void)state;
    NEEDS_DEVICE;
    mm_dev *d;
    mm_err e = {0};
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:99"}, &e), MM_FATAL);
    assert_int_equal(e.hint, MM_HINT_DEVICES);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:no such card"}, &e), MM_FATAL);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .precision = MM_PREC_BF16}, &e), MM_FATAL);
    assert_int_equal(e.hint, MM_HINT_GPU_PRECISION);
    setenv("MM_VULKAN_DISABLE", "wide,int8", 1);
    assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "vulkan:0", .precision = MM_PREC_INT8}, &e), MM_FATAL);
    small_tiles();
    assert_non_null(strstr(e.text, "8-bit"));
    assert_int_equal(e.hint, MM_HINT_GPU_PRECISION);
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

int main(void)
{
    hide_caches();
    small_tiles();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),    cmocka_unit_test(test_validation),   cmocka_unit_test(test_choice),
        cmocka_unit_test(test_fall_back), cmocka_unit_test(test_int8_refused), cmocka_unit_test(test_cache),
    };
    return cmocka_run_group_tests(tests, look, NULL);
}
