#define TIER mm_ordered_gemm_rows_portable
#define LANES 4
#include "tape/ordered_gemm.inc"
