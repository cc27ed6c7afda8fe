#version 450
#extension GL_GOOGLE_include_directive : require
// rotate.comp: rotary position embedding (Su et al. 2021). Pair i of a head's columns turns by angle i of its row; the
// cosines and sines are in row ids[r] of the table. One invocation per pair, and one per column after the pairs.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool INTERLEAVED = false;
layout(push_constant) uniform P { uint count, heads, head, pairs, x, ldx, y, ldy, table, ldt, ids; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 1) readonly buffer I_ { uint I[]; };
layout(std430, binding = 2) readonly buffer T_ { float T[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x;
    if (e >= p.count) // rows * heads * (head - pairs)
        return;
    const uint units = p.head - p.pairs, i = e % units, h = e / units % p.heads * p.head, r = e / units / p.heads;
    const uint x = p.x + r * p.ldx + h, y = p.y + r * p.ldy + h;
    if (i >= p.pairs) {
        Y[y + p.pairs + i] = X[x + p.pairs + i];
        return;
    }
    const uint a = INTERLEAVED ? 2 * i : i, b = INTERLEAVED ? a + 1 : i + p.pairs, t = p.table + I[p.ids + r] * p.ldt + i;
    const float xa = X[x + a], xb = X[x + b], c = T[t], s = T[t + p.pairs];
    Y[y + a] = xa * c - xb * s;
    Y[y + b] = xb * c + xa * s;
}
