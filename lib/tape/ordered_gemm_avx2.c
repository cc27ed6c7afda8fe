#if defined(__x86_64__)
#define TIER mm_ordered_gemm_rows_avx2
#define LANES 8
#include "tape/ordered_gemm.inc"
#endif
