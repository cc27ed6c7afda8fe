#version 450
#extension GL_GOOGLE_include_directive : require
// glu.comp: gated linear units, y = act(a) * b.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint ACT = 0;
layout(push_constant) uniform P { uint count, width, a, lda, b, ldb, y, ldy; } p;
layout(std430, binding = 0) readonly buffer A_ { float A[]; };
layout(std430, binding = 1) readonly buffer B_ { float B[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x; // count = rows * width
    if (e >= p.count)
        return;
    const uint r = e / p.width, c = e % p.width;
    Y[p.y + r * p.ldy + c] = activate(ACT, A[p.a + r * p.lda + c]) * B[p.b + r * p.ldb + c];
}
