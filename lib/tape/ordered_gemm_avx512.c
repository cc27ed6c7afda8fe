#if defined(__x86_64__)
#include <immintrin.h>
#define TIER mm_ordered_gemm_rows_avx512
#define LANES 16
#define LOAD_SOME(p, n) (vec) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#include "tape/ordered_gemm.inc"
#endif
