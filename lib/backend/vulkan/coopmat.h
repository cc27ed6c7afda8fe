/* coopmat.h: VK_KHR_cooperative_matrix for systems whose Vulkan headers are older than the extension (Debian 12). The
 * values and layouts are those of the specification's registry. */
#ifndef MM_VULKAN_COOPMAT_H
#define MM_VULKAN_COOPMAT_H

#define MM_VK_COOPMAT_EXTENSION "VK_KHR_cooperative_matrix"
enum {
    MM_VK_STRUCTURE_COOPMAT_FEATURES = 1000506000,
    MM_VK_STRUCTURE_COOPMAT_PROPERTIES = 1000506001,
    MM_VK_COMPONENT_FLOAT16 = 0,
    MM_VK_COMPONENT_FLOAT32 = 1,
    MM_VK_SCOPE_SUBGROUP = 3,
};

typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t m, n, k;
    int a, b, c, result; /* component types */
    VkBool32 saturating;
    int scope;
} mm_vk_coopmat_properties;

typedef struct {
    VkStructureType sType;
    void *pNext;
    VkBool32 matrix, robust;
} mm_vk_coopmat_features;

typedef VkResult(VKAPI_PTR mm_vk_get_coopmat_properties)(VkPhysicalDevice, uint32_t *, mm_vk_coopmat_properties *);

#endif
