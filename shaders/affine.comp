#version 450
#extension GL_GOOGLE_include_directive : require
// affine.comp: y = y * scale + r, for a linear layer whose shader cannot reach the buffer of the residual.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool SCALED = false;
layout(push_constant) uniform P { uint count, width, r, ldr, y, ldy, scale; } p;
layout(std430, binding = 0) readonly buffer R_ { float R[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x;
    if (e >= p.count)
        return;
    const uint r = e / p.width, c = e % p.width, y = p.y + r * p.ldy + c;
    Y[y] = (SCALED ? Y[y] * V[p.scale + c] : Y[y]) + R[p.r + r * p.ldr + c];
}
