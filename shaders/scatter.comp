#version 450
#extension GL_GOOGLE_include_directive : require
// scatter.comp: y[ids[r]] = x[r]. A y that exceeds a binding's range is written in slices of rows: this
// dispatch writes rows lo .. hi-1 and leaves the others alone. A row with a negative id is dropped.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint count, width, x, ldx, y, ldy, ids; int lo, hi; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 1) readonly buffer I_ { int I[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x; // count = rows * width
    if (e >= p.count)
        return;
    const uint r = e / p.width, c = e % p.width;
    const int id = I[p.ids + r];
    if (id >= p.lo && id < p.hi)
        Y[p.y + uint(id - p.lo) * p.ldy + c] = X[p.x + r * p.ldx + c];
}
