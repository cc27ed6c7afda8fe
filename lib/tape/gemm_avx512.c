#if defined(__x86_64__)
#define TIER mm_gemm_rows_avx512
#define LANES 16
#include "tape/gemm.inc"
#endif
