/* instance.c: the Vulkan loader, the instance, and the capabilities of devices. */
#include "backend/vulkan/vk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

static const char *result_text(VkResult r)
{
    switch (r) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "initialisation failed";
    case VK_ERROR_DEVICE_LOST: return "the device was lost (driver reset, or removed)";
    case VK_ERROR_MEMORY_MAP_FAILED: return "memory could not be mapped";
    case VK_ERROR_LAYER_NOT_PRESENT: return "a layer is not installed";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is missing";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is missing";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "no driver is installed";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    case VK_TIMEOUT: return "timeout";
    default: return NULL;
    }
}

mm_status mm_vk_fail(mm_err *e, VkResult r, const char *what)
{
    const char *text = result_text(r);
    return text ? mm_fail(e, MM_FATAL, "vulkan: %s: %s", what, text)
                : mm_fail(e, MM_FATAL, "vulkan: %s: error %d", what, (int)r);
}

/* ---- instance ---- */

static bool validating(void)
{
    const char *v = getenv("MM_VULKAN_VALIDATE");
    return v && *v && strcmp(v, "0") != 0;
}

mm_status mm_vk_instance(VkInstance *out, mm_err *e)
{
    if (volkInitialize() != VK_SUCCESS)
        return mm_fail(e, MM_FATAL, "vulkan: there is no Vulkan loader (libvulkan.so.1)");
    static const char *const layers[] = {"VK_LAYER_KHRONOS_validation"};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT enabled[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    const VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                              .enabledValidationFeatureCount = 1,
                                              .pEnabledValidationFeatures = enabled};
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "mm",
                                   .pEngineName = "mm",
                                   .apiVersion = VK_API_VERSION_1_2};
    const uint32_t on = validating() ? 1 : 0;
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pNext = on ? &features : NULL,
                                       .pApplicationInfo = &app,
                                       .enabledLayerCount = on,
                                       .ppEnabledLayerNames = layers,
                                       .enabledExtensionCount = on,
                                       .ppEnabledExtensionNames = extensions};
    VkResult r = vkCreateInstance(&info, NULL, out);
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, "no instance");
    volkLoadInstance(*out);
    return MM_OK;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *ctx)
{
    (void)severity;
    mm_vk_dev *d = ctx;
    if (!(type & VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT))
        return VK_FALSE;
    d->messages++;
    mm_say(&d->log, MM_LOG_WARN, "vulkan: validation: %.400s", data->pMessage);
    return VK_FALSE;
}

mm_status mm_vk_watch(mm_vk_dev *d, mm_err *e)
{
    if (!validating())
        return MM_OK;
    const VkDebugUtilsMessengerCreateInfoEXT info = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                                     .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT |
                                                                        VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT,
                                                     .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                                                     .pfnUserCallback = on_message,
                                                     .pUserData = d};
    VkResult r = vkCreateDebugUtilsMessengerEXT(d->instance, &info, NULL, &d->messenger);
    return r == VK_SUCCESS ? MM_OK : mm_vk_fail(e, r, "no messenger for the validation layer");
}

/* ---- devices ---- */

const char *mm_vk_type_name(VkPhysicalDeviceType t)
{
    switch (t) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return "integrated GPU";
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return "discrete GPU";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return "virtual GPU";
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return "CPU";
    default: return "other";
    }
}

/* Finds a queue family for compute, preferably one without graphics, which is the least contended, and one that only
 * copies. */
static bool find_families(mm_vk_card *c)
{
    const VkQueueFlags works = VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT;
    VkQueueFamilyProperties family[32];
    uint32_t n = 32;
    bool found = false;
    vkGetPhysicalDeviceQueueFamilyProperties(c->device, &n, family);
    for (uint32_t i = 0; i < n && !c->has_transfer; i++)
        if ((family[i].queueFlags & VK_QUEUE_TRANSFER_BIT) && !(family[i].queueFlags & works)) {
            c->transfer_family = i;
            c->has_transfer = true;
        }
    for (uint32_t i = 0; i < n; i++) {
        const bool computes = family[i].queueFlags & VK_QUEUE_COMPUTE_BIT;
        const bool draws = family[i].queueFlags & VK_QUEUE_GRAPHICS_BIT;
        if (computes && (!found || !draws)) {
            c->family = i;
            found = true;
            if (!draws)
                break;
        }
    }
    return found;
}

static bool has_extension(VkPhysicalDevice device, const char *name)
{
    uint32_t n = 0;
    if (vkEnumerateDeviceExtensionProperties(device, NULL, &n, NULL) != VK_SUCCESS)
        return false;
    VkExtensionProperties *all = calloc(n + 1, sizeof *all);
    bool found = false;
    if (all && vkEnumerateDeviceExtensionProperties(device, NULL, &n, all) >= VK_SUCCESS)
        for (uint32_t i = 0; i < n && !found; i++)
            found = strcmp(all[i].extensionName, name) == 0;
    free(all);
    return found;
}

/* f16 x f16 -> f32 within a subgroup, in cubes of `size`. */
static bool is_cube(const mm_vk_coopmat_properties *p, uint32_t size)
{
    return p->m == size && p->n == size && p->k == size && p->a == MM_VK_COMPONENT_FLOAT16 &&
           p->b == MM_VK_COMPONENT_FLOAT16 && p->c == MM_VK_COMPONENT_FLOAT32 && p->result == MM_VK_COMPONENT_FLOAT32 &&
           p->scope == MM_VK_SCOPE_SUBGROUP;
}

static bool multiplies(VkPhysicalDevice device, VkInstance instance, uint32_t size)
{
    mm_vk_get_coopmat_properties *get = (mm_vk_get_coopmat_properties *)vkGetInstanceProcAddr(
        instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    uint32_t n = 0;
    if (!get || get(device, &n, NULL) != VK_SUCCESS || n > 1024)
        return false;
    mm_vk_coopmat_properties *all = calloc(n + 1, sizeof *all);
    bool found = false;
    for (uint32_t i = 0; all && i < n; i++)
        all[i].sType = (VkStructureType)MM_VK_STRUCTURE_COOPMAT_PROPERTIES;
    if (all && get(device, &n, all) >= VK_SUCCESS)
        for (uint32_t i = 0; i < n && !found; i++)
            found = is_cube(&all[i], size);
    free(all);
    return found;
}

/* Are dot products of four packed 8-bit integers available, and are they faster than separate products? */
static void ask_int8(mm_vk_card *c)
{
    if (!has_extension(c->device, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        return;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &dot};
    VkPhysicalDeviceShaderIntegerDotProductProperties fast = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &fast};
    vkGetPhysicalDeviceFeatures2(c->device, &f);
    vkGetPhysicalDeviceProperties2(c->device, &p);
    c->int8 = dot.shaderIntegerDotProduct;
    c->int8_fast = c->int8 && fast.integerDotProduct4x8BitPackedSignedAccelerated;
}

/* Matrix units. Their shaders rely on full subgroups of one size: AMD's have 64 invocations unless 32 are requested. */
static void ask_matrices(mm_vk_card *c, VkInstance instance)
{
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &sizes};
    VkPhysicalDeviceSubgroupSizeControlProperties range = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &range};
    if (!has_extension(c->device, MM_VK_COOPMAT_EXTENSION) ||
        !has_extension(c->device, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        return;
    vkGetPhysicalDeviceFeatures2(c->device, &f);
    vkGetPhysicalDeviceProperties2(c->device, &p);
    if (!sizes.subgroupSizeControl || !sizes.computeFullSubgroups ||
        !(range.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return;
    const uint32_t shared = c->properties.limits.maxComputeSharedMemorySize, least = range.minSubgroupSize,
                   most = range.maxSubgroupSize;
    if (shared >= 48 << 10 && least <= 32 && 32 <= most && multiplies(c->device, instance, 16))
        c->coopmat = 16;
    else if (shared >= 32 << 10 && least <= 8 && 8 <= most && multiplies(c->device, instance, 8))
        c->coopmat = 8;
}

static void describe_card(mm_vk_card *c, VkInstance instance)
{
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    vkGetPhysicalDeviceProperties(c->device, &c->properties);
    const bool v12 = c->properties.apiVersion >= VK_API_VERSION_1_2;
    if (v12)
        p.pNext = &driver;
    vkGetPhysicalDeviceProperties2(c->device, &p);
    if (v12)
        snprintf(c->driver, sizeof c->driver, "%.120s %.120s", driver.driverName, driver.driverInfo);
    c->llvmpipe = v12 && driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE;
    vkGetPhysicalDeviceMemoryProperties(c->device, &c->memory);

    if (!v12)
        return;
    VkPhysicalDeviceVulkanMemoryModelFeatures model = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES};
    VkPhysicalDevice16BitStorageFeatures storage = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                                                    .pNext = &model};
    VkPhysicalDeviceShaderFloat16Int8Features f16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, .pNext = &storage};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f16};
    vkGetPhysicalDeviceFeatures2(c->device, &f);
    ask_int8(c);
    c->float16 = f16.shaderFloat16;
    c->f16 = storage.storageBuffer16BitAccess && f16.shaderFloat16;
    c->memory_model = model.vulkanMemoryModel;
    if (c->f16 && c->memory_model)
        ask_matrices(c, instance);
}

mm_status mm_vk_cards(mm_vk_card **out, int *n, VkInstance instance, mm_err *e)
{
    VkPhysicalDevice all[32];
    uint32_t found = 32;
    VkResult r = vkEnumeratePhysicalDevices(instance, &found, all);
    *n = 0;
    *out = NULL;
    if (r != VK_SUCCESS && r != VK_INCOMPLETE)
        return mm_vk_fail(e, r, "no list of devices");
    mm_vk_card *c = calloc(found + 1, sizeof *c);
    if (!c)
        return mm_fail_memory(e);
    for (uint32_t i = 0; i < found; i++) {
        c[*n].device = all[i];
        describe_card(&c[*n], instance);
        if (c[*n].properties.apiVersion >= VK_API_VERSION_1_1 && find_families(&c[*n]))
            ++*n;
    }
    *out = c;
    return MM_OK;
}
