/* vulkan.h: Vulkan as a device (backend.h): compute shaders on any vendor's GPU.
 *
 * Device names: "vulkan" takes the best GPU, "vulkan:1" the second device of the loader's list, "vulkan:NAME" the first
 * whose name contains NAME (case does not count). "auto" takes a discrete, then an integrated GPU, never a driver that
 * computes on the CPU.
 *
 * Environment: MM_VULKAN_DISABLE, a comma-separated list of paths not to use (tiles, big, wide, coopmat, coopbig,
 * coopattend, cache); MM_VULKAN_ENABLE, those to use on a device that would not take them by itself (tiles, big, wide:
 * for tests); MM_VULKAN_VALIDATE=1 loads VK_LAYER_KHRONOS_validation with its synchronisation checks. */
#ifndef MM_VULKAN_VULKAN_H
#define MM_VULKAN_VULKAN_H

#include "backend/vtable.h"

extern const mm_backend mm_backend_vulkan;

/* Messages of the validation layer since the device was opened; 0 without the layer. For tests. */
int64_t mm_vulkan_messages(const mm_dev *d);

#endif
