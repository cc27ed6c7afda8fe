#version 450
#extension GL_GOOGLE_include_directive : require
// l2.comp: divides every row by its Euclidean norm, in place; a row of zeros stays as it is. One row per workgroup.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint rows, width, y, ldy; } p;
layout(std430, binding = 3) buffer Y_ { float Y[]; };

shared float part[LANES];

void main()
{
    const uint t = gl_LocalInvocationID.x, row = folded_group();
    if (row >= p.rows)
        return;
    const uint y = p.y + row * p.ldy;
    float sum = 0.0;
    for (uint c = t; c < p.width; c += LANES)
        sum += Y[y + c] * Y[y + c];
    part[t] = sum;
    barrier();
    for (uint n = LANES / 2; n > 0; n /= 2) {
        if (t < n)
            part[t] += part[t + n];
        barrier();
    }
    const float f = part[0] > 0.0 ? 1.0 / sqrt(part[0]) : 0.0;
    for (uint c = t; c < p.width; c += LANES)
        Y[y + c] *= f;
}
