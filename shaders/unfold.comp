#version 450
#extension GL_GOOGLE_include_directive : require
// unfold.comp: windows of a convolution as rows of a matrix (im2col), channels last: y[r][(z, y, x, c)] = the input at
// that tap of the window of output position r, 0 outside. The items of a dispatch have one shape and are contiguous;
// missing outer dimensions have length 1.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(push_constant) uniform P
{
    uint count, depth;              // output elements; elements per row and group
    uint x, ldx, y;                 // offsets and row stride; y is contiguous
    uint channels;                  // per group
    uint d0, d1, d2, k0, k1, k2;    // dimensions of the item; kernel
    uint s0, s1, s2, p0, p1, p2;    // stride; padding
    uint o1, o2;                    // inner output dimensions
    uint groups, first;             // groups; first output position of this piece
    uint per, in_per;               // positions per item: output, input
} p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x; // [position][group][tap][channel]
    if (e >= p.count)
        return;
    const uint wide = p.depth * p.groups, all = p.first + e / wide, r = all % p.per, in_row = e % wide;
    const uint g = in_row / p.depth, tap = in_row % p.depth / p.channels, c = in_row % p.channels + g * p.channels;
    const uint z = r / (p.o1 * p.o2) * p.s0 + tap / (p.k1 * p.k2) - p.p0;
    const uint y = r / p.o2 % p.o1 * p.s1 + tap / p.k2 % p.k1 - p.p1;
    const uint x = r % p.o2 * p.s2 + tap % p.k2 - p.p2;
    // a position before the first wraps around to a large number, which fails these tests, too
    const bool inside = z < p.d0 && y < p.d1 && x < p.d2;
    Y[p.y + e] = inside ? X[p.x + (all / p.per * p.in_per + (z * p.d1 + y) * p.d2 + x) * p.ldx + c] : 0.0;
}
