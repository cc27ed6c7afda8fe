#include "backend/cpu/kernels.h"

#include "base/cpu.h"

const mm_kernels *mm_kernels_for(uint32_t features)
{
#if defined(__x86_64__)
    if (features & MM_CPU_AVX512)
        return &mm_kernels_avx512;
    if (features & MM_CPU_AVX2)
        return &mm_kernels_avx2;
#elif defined(__aarch64__)
    if (features & MM_CPU_NEON)
        return &mm_kernels_neon;
#endif
    (void)features;
    return &mm_kernels_portable;
}
