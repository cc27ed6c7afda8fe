#version 450
#extension GL_GOOGLE_include_directive : require
// linear_wide.comp: linear_plain.comp with 16 rows x 16 columns per invocation, for Mesa's CPU driver. There a load
// from a buffer goes lane by lane and costs about ten multiplications, while accumulators that spill from the
// registers cost next to nothing: the larger the tile, the better. (SwiftShader would take seconds to compile it.)
#include "linear.glsl"

layout(local_size_x_id = 6) in; // along the columns: the whole workgroup reads the same rows of x

#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define ZERO(i) vec4 c##i##0 = vec4(0), c##i##1 = vec4(0), c##i##2 = vec4(0), c##i##3 = vec4(0);
#define START(i) const uint x##i = p.x + gl_WorkGroupID.z * p.zx + min(m + i, last) * p.ldx;
#define LOAD(i) vec4 a##i = XH ? from_halves(XH4[x##i / 2 + k / 4]) : X4 ? XQ[(x##i + k) >> 2] : \
                            vec4(X[x##i + k], X[x##i + k + 1], X[x##i + k + 2], X[x##i + k + 3]);
#define TAIL(i) vec4 a##i = input_at(min(m + i, last), k);
#define ROW(i) c##i##0 += a##i[E] * b0; c##i##1 += a##i[E] * b1; c##i##2 += a##i[E] * b2; c##i##3 += a##i[E] * b3;
#define STEP { const vec4 b0 = weight(w), b1 = weight(w + 1), b2 = weight(w + 2), b3 = weight(w + 3); EACH(ROW) w += 16; }
#define PUT(i) put(m + i, q, c##i##0); put(m + i, q + 1, c##i##1); put(m + i, q + 2, c##i##2); put(m + i, q + 3, c##i##3);

void main()
{
    const uint q = gl_GlobalInvocationID.x * 4, m = gl_WorkGroupID.y * 16, last = p.M - 1;
    if (4 * q >= p.N)
        return;
    EACH(ZERO)
    EACH(START)
    uint w = weight_at(q, 0), k = 0;
    for (; k + 4 <= p.K; k += 4) {
        EACH(LOAD)
#define E 0
        STEP
#undef E
#define E 1
        STEP
#undef E
#define E 2
        STEP
#undef E
#define E 3
        STEP
#undef E
    }
    if (k < p.K) {
        EACH(TAIL)
#define E 0
        STEP
#undef E
#define E 1
        STEP
#undef E
#define E 2
        STEP
#undef E
    }
    EACH(PUT)
}
