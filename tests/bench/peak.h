/* peak.h: what the processor could do at most: multiply-adds on registers alone, in the widest vectors of a tier. */
#ifndef MM_BENCH_PEAK_H
#define MM_BENCH_PEAK_H

#include <stdint.h>
#include <string.h>

/* Runs n rounds of 12 independent chains; returns how many floating-point operations that were. Zero: unknown tier. */
static inline double peak_rounds(const char *tier, int64_t n)
{
#if defined(__x86_64__)
#define CHAINS(OP, R)                                                                                                  \
    OP " %%" R "0,%%" R "0,%%" R "1\n\t" OP " %%" R "0,%%" R "0,%%" R "2\n\t" OP " %%" R "0,%%" R "0,%%" R "3\n\t" OP  \
       " %%" R "0,%%" R "0,%%" R "4\n\t" OP " %%" R "0,%%" R "0,%%" R "5\n\t" OP " %%" R "0,%%" R "0,%%" R "6\n\t" OP  \
       " %%" R "0,%%" R "0,%%" R "7\n\t" OP " %%" R "0,%%" R "0,%%" R "8\n\t" OP " %%" R "0,%%" R "0,%%" R "9\n\t" OP  \
       " %%" R "0,%%" R "0,%%" R "10\n\t" OP " %%" R "0,%%" R "0,%%" R "11\n\t" OP " %%" R "0,%%" R "0,%%" R "12\n\t"
#define CLOBBER                                                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12"
    if (strcmp(tier, "avx512") == 0) {
        __asm__ volatile("vpxord %%zmm0,%%zmm0,%%zmm0\n\t" ::: "xmm0");
        for (int64_t i = 0; i < n; i++)
            __asm__ volatile(CHAINS("vfmadd231ps", "zmm")::: CLOBBER);
        return (double)n * 12 * 16 * 2;
    }
    if (strcmp(tier, "avx2") == 0) {
        __asm__ volatile("vpxor %%ymm0,%%ymm0,%%ymm0\n\t" ::: "xmm0");
        for (int64_t i = 0; i < n; i++)
            __asm__ volatile(CHAINS("vfmadd231ps", "ymm")::: CLOBBER);
        return (double)n * 12 * 8 * 2;
    }
    if (strcmp(tier, "vdpbf16ps") == 0 || strcmp(tier, "vpdpbusd") == 0) {
        const int pairs = tier[1] == 'd';
        __asm__ volatile("vpxord %%zmm0,%%zmm0,%%zmm0\n\t" ::: "xmm0");
        for (int64_t i = 0; i < n; i++)
            if (pairs)
                __asm__ volatile(CHAINS("vdpbf16ps", "zmm")::: CLOBBER);
            else
                __asm__ volatile(CHAINS("vpdpbusd", "zmm")::: CLOBBER);
        return (double)n * 12 * 16 * (pairs ? 4 : 8);
    }
    if (strncmp(tier, "tdpb", 4) == 0) { /* four sums of 16 × 16, 64 bytes deep */
        static const struct {
            uint8_t palette, start, reserved[14];
            uint16_t row_bytes[16];
            uint8_t rows[16];
        } config = {
            .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
        const int pairs = tier[4] == 'f';
        __asm__ volatile("ldtilecfg %0\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
                         "tilezero %%tmm4\n\ttilezero %%tmm5\n\ttilezero %%tmm6\n\ttilezero %%tmm7" ::"m"(config));
        for (int64_t i = 0; i < n / 64; i++)
            if (pairs)
                __asm__ volatile("tdpbf16ps %tmm6,%tmm4,%tmm0\n\ttdpbf16ps %tmm7,%tmm4,%tmm1\n\t"
                                 "tdpbf16ps %tmm6,%tmm5,%tmm2\n\ttdpbf16ps %tmm7,%tmm5,%tmm3");
            else
                __asm__ volatile("tdpbusd %tmm6,%tmm4,%tmm0\n\ttdpbusd %tmm7,%tmm4,%tmm1\n\t"
                                 "tdpbusd %tmm6,%tmm5,%tmm2\n\ttdpbusd %tmm7,%tmm5,%tmm3");
        __asm__ volatile("tilerelease");
        return (double)(n / 64) * 4 * 16 * 16 * 64 * (pairs ? 1 : 2);
    }
    if (strcmp(tier, "portable") == 0) { /* SSE2: a multiplication and an addition */
        __asm__ volatile("xorps %%xmm0,%%xmm0\n\t" ::: "xmm0");
        for (int64_t i = 0; i < n; i++)
            __asm__ volatile(
                "mulps %%xmm0,%%xmm1\n\taddps %%xmm0,%%xmm2\n\tmulps %%xmm0,%%xmm3\n\taddps %%xmm0,%%xmm4\n\t"
                "mulps %%xmm0,%%xmm5\n\taddps %%xmm0,%%xmm6\n\tmulps %%xmm0,%%xmm7\n\taddps %%xmm0,%%xmm8\n\t"
                "mulps %%xmm0,%%xmm9\n\taddps %%xmm0,%%xmm10\n\tmulps %%xmm0,%%xmm11\n\taddps %%xmm0,%%xmm12" ::
                    : CLOBBER);
        return (double)n * 12 * 4;
    }
#undef CHAINS
#undef CLOBBER
#endif
    (void)tier;
    (void)n;
    return 0;
}

#endif
