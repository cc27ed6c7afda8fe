/* vec_common.h: what every width of vector shares. Included at the end of vec_*.h, which declare `vf` (VL floats),
 * `vi` (VL 32-bit integers) and the few operations that have instructions of their own. Comparisons and
 * arithmetic are the compiler's operators on vectors. */

#include "tensor/tensor.h"

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef uint32_t vu __attribute__((vector_size(4 * VL)));

static inline vf v_set(float x)
{
    return x - (vf){0};
}

static inline vi v_iset(int32_t x)
{
    return x - (vi){0};
}

/* Lane by lane: where the mask is all ones a, where it is zero b. */
static inline vf v_select(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

static inline vf v_abs(vf v)
{
    return (vf)((vi)v & 0x7fffffff);
}

/* All ones in lanes 0 .. n-1. */
static inline vi v_lanes(int n)
{
    vi lane;
    for (int i = 0; i < VL; i++)
        lane[i] = i;
    return lane < v_iset(n);
}

/* VL elements from element i of an array of a floating-point type. */
static inline vf v_load_as(const void *p, int64_t i, mm_type t)
{
    if (t == MM_F32)
        return v_load((const float *)p + i);
    const uint16_t *h = (const uint16_t *)p + i;
    return t == MM_F16 ? v_load_f16(h) : v_load_bf16(h);
}

/* The same for the first n < VL of them: nothing after them is touched, since they may end a mapped file. */
static inline vf v_load_as_n(const void *p, int64_t i, int n, mm_type t)
{
    if (t == MM_F32)
        return v_load_n((const float *)p + i, n);
    uint16_t h[VL] = {0};
    memcpy(h, (const uint16_t *)p + i, (size_t)n * 2);
    return t == MM_F16 ? v_load_f16(h) : v_load_bf16(h);
}
