#include "backend/cpu/matmul.h"

#include "backend/cpu/kernels.h"
#include "base/cpu.h"

static const mm_matmul *bf16_for(uint32_t features)
{
#if defined(__x86_64__)
    if (features & MM_CPU_AMX_BF16)
        return &mm_matmul_amxbf16;
    if (features & MM_CPU_AVX512_BF16)
        return &mm_matmul_avx512bf16;
#elif defined(__aarch64__)
    if (features & MM_CPU_NEON_BF16)
        return &mm_matmul_neonbf16;
#endif
    return mm_kernels_for(features)->bf16;
}

static const mm_matmul *int8_for(uint32_t features)
{
#if defined(__x86_64__)
    if (features & MM_CPU_AMX_INT8)
        return &mm_matmul_amxint8;
    if (features & MM_CPU_AVX512_VNNI)
        return &mm_matmul_avx512vnni;
    if ((features & (MM_CPU_AVX_VNNI | MM_CPU_AVX512)) == MM_CPU_AVX_VNNI)
        return &mm_matmul_avxvnni;
#elif defined(__aarch64__)
    if (features & MM_CPU_NEON_DOT)
        return &mm_matmul_neondot;
#endif
    return mm_kernels_for(features)->int8;
}

const mm_matmul *mm_matmul_for(uint32_t features, mm_precision p)
{
    return p == MM_PREC_BF16    ? bf16_for(features)
           : p == MM_PREC_INT8  ? int8_for(features)
           : p == MM_PREC_INT16 ? mm_kernels_for(features)->int16
                                : mm_kernels_for(features)->fp32;
}
