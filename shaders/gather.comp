#version 450
#extension GL_GOOGLE_include_directive : require
// gather.comp: y[r] = (add ? y[r] : 0) + table[ids[r]]. A table that exceeds a binding's range is read in slices of
// rows: this dispatch handles ids lo .. hi-1 and leaves the other rows of y alone. A negative id gives a row of
// zeros.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool ADD = false;
layout(push_constant) uniform P { uint count, width, x, ldx, y, ldy, ids; int lo, hi; uint zeros; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 1) readonly buffer I_ { int I[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x; // count = rows * width
    if (e >= p.count)
        return;
    const uint r = e / p.width, c = e % p.width, y = p.y + r * p.ldy + c;
    const int id = I[p.ids + r];
    if (id >= p.lo && id < p.hi) {
        const float v = X[p.x + uint(id - p.lo) * p.ldx + c];
        Y[y] = ADD ? Y[y] + v : v;
    } else if (!ADD && id < 0 && p.zeros != 0) {
        Y[y] = 0.0;
    }
}
