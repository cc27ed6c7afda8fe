#version 450
#extension GL_GOOGLE_include_directive : require
// linear_few.comp: the linear layer for up to eight rows, as in a decoder's steps. The weights are read once, and
// reading them is the whole cost. An invocation sums four columns of all rows in registers, eight k at a time, which
// keeps many loads in flight. Sums use the order and the instruction of the shaders for many rows: both give a row
// the same bits.
#include "linear.glsl"

layout(local_size_x_id = 6) in;                  // along the columns
layout(constant_id = 7) const uint ROWS = 8;     // 1, 2, 4 or 8
layout(constant_id = 10) const bool FUSED = false; // the shaders for many rows use fma()

#ifdef FP16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define WEIGHT(i) f16vec4(unpackFloat2x16(WQ[i].x), unpackFloat2x16(WQ[i].y))
#define W4 f16vec4
#else
#define WEIGHT(i) weight(i)
#define W4 vec4
#endif

#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7)
#define START(i) vec4 c##i = vec4(0);
#define LOAD(i) const W4 w##i = WEIGHT(w + 16 * i);
#define PUT(i) if (i < ROWS) put(i, q, c##i);
#ifdef FP16
#define STEP(s, b) s = fma(f16vec4(a[e]), b, s); e++;
#define ROW(i) if (i < ROWS) { f16vec4 s = f16vec4(0); const uint m = min(i, last); int e = 0; \
    f16vec4 a = f16vec4(input_at(m, k)); STEP(s, w0) STEP(s, w1) STEP(s, w2) STEP(s, w3) \
    e = 0; a = f16vec4(input_at(m, k + 4)); STEP(s, w4) STEP(s, w5) STEP(s, w6) STEP(s, w7) c##i += vec4(s); }
#else
#define STEP(s, x, b) if (FUSED) s = fma(vec4(x), b, s); else s += x * b;
#define ROW(i) if (i < ROWS) { const uint m = min(i, last); const vec4 a = input_at(m, k), b = input_at(m, k + 4); \
    STEP(c##i, a.x, w0) STEP(c##i, a.y, w1) STEP(c##i, a.z, w2) STEP(c##i, a.w, w3) \
    STEP(c##i, b.x, w4) STEP(c##i, b.y, w5) STEP(c##i, b.z, w6) STEP(c##i, b.w, w7) }
#endif

void main()
{
    const uint q = gl_GlobalInvocationID.x, last = p.M - 1;
    if (4 * q >= p.N)
        return;
    EACH(START)
    uint w = weight_at(q, 0);
    for (uint k = 0; k < p.K; k += 8, w += 128) { // W is padded with zeros to a multiple of 32
        EACH(LOAD)
        EACH(ROW)
    }
    EACH(PUT)
}
