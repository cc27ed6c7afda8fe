/* shaders.c: the SPIR-V of every shader, as glslc wrote it into build/shaders (see the Makefile). */
#include "backend/vulkan/vk.h"

#define SPIRV(name) static const uint32_t name[] =
SPIRV(linear_plain)
#include "shaders/linear_plain.inc"
    ;
SPIRV(linear_plain_half)
#include "shaders/linear_plain_half.inc"
    ;
SPIRV(linear_wide)
#include "shaders/linear_wide.inc"
    ;
SPIRV(linear_wide_half)
#include "shaders/linear_wide_half.inc"
    ;
SPIRV(linear_tile)
#include "shaders/linear_tile.inc"
    ;
SPIRV(linear_tile_half)
#include "shaders/linear_tile_half.inc"
    ;
SPIRV(linear_big)
#include "shaders/linear_big.inc"
    ;
SPIRV(linear_big_half)
#include "shaders/linear_big_half.inc"
    ;
#ifdef MM_HAVE_COOPMAT
SPIRV(linear_coop_small)
#include "shaders/linear_coop_small.inc"
    ;
SPIRV(linear_coop)
#include "shaders/linear_coop.inc"
    ;
SPIRV(linear_coop_big)
#include "shaders/linear_coop_big.inc"
    ;
SPIRV(linear_coop_8)
#include "shaders/linear_coop_8.inc"
    ;
SPIRV(attend_coop)
#include "shaders/attend_coop.inc"
    ;
SPIRV(attend_coop_8)
#include "shaders/attend_coop_8.inc"
    ;
#endif
SPIRV(linear_tile_fp16)
#include "shaders/linear_tile_fp16.inc"
    ;
SPIRV(linear_big_fp16)
#include "shaders/linear_big_fp16.inc"
    ;
SPIRV(linear_int8)
#include "shaders/linear_int8.inc"
    ;
SPIRV(linear_int8_big)
#include "shaders/linear_int8_big.inc"
    ;
SPIRV(quantise)
#include "shaders/quantise.inc"
    ;
SPIRV(norm)
#include "shaders/norm.inc"
    ;
SPIRV(norm_time)
#include "shaders/norm_time.inc"
    ;
SPIRV(attend_32)
#include "shaders/attend_32.inc"
    ;
SPIRV(attend_64)
#include "shaders/attend_64.inc"
    ;
SPIRV(attend_128)
#include "shaders/attend_128.inc"
    ;
SPIRV(attend_any)
#include "shaders/attend_any.inc"
    ;
SPIRV(gather)
#include "shaders/gather.inc"
    ;
SPIRV(pool)
#include "shaders/pool.inc"
    ;
SPIRV(l2)
#include "shaders/l2.inc"
    ;
SPIRV(unfold)
#include "shaders/unfold.inc"
    ;
SPIRV(lines)
#include "shaders/lines.inc"
    ;
SPIRV(affine)
#include "shaders/affine.inc"
    ;

#define CODE(name)                                                                                                     \
    {                                                                                                                  \
#name, name, sizeof name                                                                                       \
    }
static const mm_vk_code all[MM_VK_SHADERS] = {
    [MM_VK_LINEAR_PLAIN] = CODE(linear_plain),
    [MM_VK_LINEAR_PLAIN_HALF] = CODE(linear_plain_half),
    [MM_VK_LINEAR_WIDE] = CODE(linear_wide),
    [MM_VK_LINEAR_WIDE_HALF] = CODE(linear_wide_half),
    [MM_VK_LINEAR_TILE] = CODE(linear_tile),
    [MM_VK_LINEAR_TILE_HALF] = CODE(linear_tile_half),
    [MM_VK_LINEAR_BIG] = CODE(linear_big),
    [MM_VK_LINEAR_BIG_HALF] = CODE(linear_big_half),
#ifdef MM_HAVE_COOPMAT
    [MM_VK_LINEAR_COOP_SMALL] = CODE(linear_coop_small),
    [MM_VK_LINEAR_COOP] = CODE(linear_coop),
    [MM_VK_LINEAR_COOP_BIG] = CODE(linear_coop_big),
    [MM_VK_LINEAR_COOP_8] = CODE(linear_coop_8),
    [MM_VK_ATTEND_COOP] = CODE(attend_coop),
    [MM_VK_ATTEND_COOP_8] = CODE(attend_coop_8),
#endif
    [MM_VK_LINEAR_TILE_FP16] = CODE(linear_tile_fp16),
    [MM_VK_LINEAR_BIG_FP16] = CODE(linear_big_fp16),
    [MM_VK_LINEAR_INT8] = CODE(linear_int8),
    [MM_VK_LINEAR_INT8_BIG] = CODE(linear_int8_big),
    [MM_VK_QUANTISE] = CODE(quantise),
    [MM_VK_NORM] = CODE(norm),
    [MM_VK_NORM_TIME] = CODE(norm_time),
    [MM_VK_ATTEND_32] = CODE(attend_32),
    [MM_VK_ATTEND_64] = CODE(attend_64),
    [MM_VK_ATTEND_128] = CODE(attend_128),
    [MM_VK_ATTEND_ANY] = CODE(attend_any),
    [MM_VK_GATHER] = CODE(gather),
    [MM_VK_POOL] = CODE(pool),
    [MM_VK_L2] = CODE(l2),
    [MM_VK_UNFOLD] = CODE(unfold),
    [MM_VK_LINES] = CODE(lines),
    [MM_VK_AFFINE] = CODE(affine),
};

const mm_vk_code *mm_vk_code_of(int shader)
{
    return &all[shader];
}
