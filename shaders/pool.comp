#version 450
#extension GL_GOOGLE_include_directive : require
// pool.comp: y[i] = the mean of rows lo .. hi-1 of x. Workgroups: x blocks of 64 columns, y items.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint width, x, ldx, y, ldy, ranges; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 1) readonly buffer R_ { uvec2 R[]; }; // lo, hi of each item
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint c = gl_GlobalInvocationID.x, i = gl_WorkGroupID.y;
    if (c >= p.width)
        return;
    const uvec2 range = R[p.ranges + i];
    float sum = 0.0;
    for (uint r = range.x; r < range.y; r++)
        sum += X[p.x + r * p.ldx + c];
    Y[p.y + i * p.ldy + c] = range.y > range.x ? sum / float(range.y - range.x) : 0.0;
}
