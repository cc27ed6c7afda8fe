/* shaders.c: the SPIR-V of every shader of shaders.def. The Makefile has glslc compile them and writes them into
 * build/shaders/spirv.inc as arrays: static const uint32_t spirv_NORM[] = {...}; */
#include "backend/vulkan/vk.h"
#include "shaders/spirv.inc"

#define SHADER(id, source, flags) [MM_VK_##id] = {#id, spirv_##id, sizeof spirv_##id, false},
#ifdef MM_HAVE_COOPMAT
#define MATRIX(id, source, flags) [MM_VK_##id] = {#id, spirv_##id, sizeof spirv_##id, true},
#else
#define MATRIX(id, source, flags) [MM_VK_##id] = {#id, NULL, 0, true},
#endif
static const mm_vk_code all[MM_VK_SHADERS] = {
#include "backend/vulkan/shaders.def"
};

const mm_vk_code *mm_vk_code_of(int shader)
{
    return &all[shader];
}
