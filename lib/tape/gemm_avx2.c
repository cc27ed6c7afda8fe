#if defined(__x86_64__)
#define TIER mm_gemm_rows_avx2
#define LANES 8
#include "tape/gemm.inc"
#endif
