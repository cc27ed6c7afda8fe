#define TIER mm_gemm_rows_portable
#define LANES 4
#include "tape/gemm.inc"
