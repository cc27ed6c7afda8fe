#version 450
#extension GL_GOOGLE_include_directive : require
// attend.comp: softmax(scale q k^T) v for heads of up to HD (32, 64 or 128) columns, with the online softmax of Milakov &
// Gimelshein (2018): a query an invocation, keys and values in shared memory, KT of them at a time.
// Workgroups: x blocks of 64 queries, y heads, z items.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const bool CAUSAL = false;
layout(constant_id = 1) const bool A4 = false;    // every row and head begins at a multiple of four floats; head % 4 = 0
layout(constant_id = 2) const bool TABLE = false; // many items: their rows stand in a table; k and v share a binding
layout(constant_id = 3) const bool HALF = false;  // q, k and v are half matrices
layout(constant_id = 4) const bool YH = false;    // y is
layout(push_constant) uniform P
{
    uint heads, head;
    uint q, k, v, y, ldq, ldk, ldv, ldy; // q: first float and row step of the queries, and so on
    uint q0, q1, k0, k1;                 // rows of the one item, without a table
    uint table, q_offset;
    float scale;
} p;
layout(std430, binding = 0) readonly buffer Q_ { float Q[]; };
layout(std430, binding = 0) readonly buffer QV { vec4 QQ[]; };
layout(std430, binding = 0) readonly buffer QH { uvec2 QH4[]; };
layout(std430, binding = 1) readonly buffer K_ { float K[]; };
layout(std430, binding = 1) readonly buffer KV { vec4 KQ[]; };
layout(std430, binding = 1) readonly buffer KH { uvec2 KH4[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 2) readonly buffer VV { vec4 VQ[]; };
layout(std430, binding = 2) readonly buffer VH { uvec2 VH4[]; };
layout(std430, binding = 2) readonly buffer T_ { uvec4 T[]; }; // q0, q1, k0, k1 of an item
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };
layout(std430, binding = 3) writeonly buffer YV { vec4 YQ[]; };
layout(std430, binding = 3) writeonly buffer YH_ { uvec2 YH4[]; };

const uint H4 = HD / 4, KT = 1024 / HD;
shared vec4 ks[KT * H4], vs[KT * H4];

// Columns d .. d+3 of head h in the row that begins at `row`.
#define LOAD(name, quads, scalars, halves)                                                                            \
    vec4 name(uint row, uint h, uint d)                                                                               \
    {                                                                                                                 \
        const uint i = row + h;                                                                                       \
        vec4 v = vec4(0);                                                                                             \
        if (HALF)                                                                                                     \
            return d < p.head ? from_halves(halves[row / 2 + (h + d) / 4]) : v;                                       \
        if (A4)                                                                                                       \
            return d < p.head ? quads[(i + d) >> 2] : v;                                                              \
        [[unroll]] for (uint c = 0; c < 4; c++)                                                                       \
            if (d + c < p.head)                                                                                       \
                v[c] = scalars[i + d + c];                                                                            \
        return v;                                                                                                     \
    }
LOAD(load_q, QQ, Q, QH4)
LOAD(load_k, KQ, K, KH4)
LOAD(load_own_v, VQ, V, VH4)

vec4 load_v(uint row, uint h, uint d)
{
    return TABLE ? load_k(row, h, d) : load_own_v(row, h, d);
}

void main()
{
    const uint t = gl_LocalInvocationID.x, h = gl_WorkGroupID.y * p.head;
    uvec4 rows = uvec4(p.q0, p.q1, p.k0, p.k1);
    if (TABLE)
        rows = T[p.table + gl_WorkGroupID.z];
    const uint queries = rows.y - rows.x, keys = rows.w - rows.z, i = gl_WorkGroupID.x * 64 + t;
    if (gl_WorkGroupID.x * 64 >= queries)
        return;
    const uint own = rows.x + min(i, queries - 1), seen = CAUSAL ? min(keys, i + p.q_offset + 1) : keys;
    // no query of this workgroup sees a key behind `most`
    const uint most = CAUSAL ? min(keys, gl_WorkGroupID.x * 64 + 63 + p.q_offset + 1) : keys;
    vec4 q[H4], o[H4];
    [[unroll]] for (uint d = 0; d < H4; d++) {
        q[d] = load_q(p.q + own * p.ldq, h, 4 * d) * p.scale;
        o[d] = vec4(0);
    }
    float top = -1e30, sum = 0.0;
    for (uint k0 = 0; k0 < most; k0 += KT) {
        barrier();
        for (uint e = t; e < KT * H4; e += 64) {
            const uint row = rows.z + min(k0 + e / H4, keys - 1), d = e % H4 * 4;
            ks[e] = load_k(p.k + row * p.ldk, h, d);
            vs[e] = load_v(p.v + row * p.ldv, h, d);
        }
        barrier();
        const uint n = min(KT, seen > k0 ? seen - k0 : 0);
        for (uint k = 0; k < n; k++) {
            vec4 s4 = vec4(0);
            [[unroll]] for (uint d = 0; d < H4; d++)
                s4 += q[d] * ks[k * H4 + d];
            const float s = s4.x + s4.y + s4.z + s4.w, higher = max(top, s), f = exp(top - higher), e = exp(s - higher);
            top = higher;
            sum = sum * f + e;
            [[unroll]] for (uint d = 0; d < H4; d++)
                o[d] = o[d] * f + e * vs[k * H4 + d];
        }
    }
    if (i >= queries)
        return;
    const uint first = p.y + own * p.ldy, y = first + h;
    const float f = sum > 0.0 ? 1.0 / sum : 0.0;
    [[unroll]] for (uint d = 0; d < H4; d++) {
        if (YH) {
            if (4 * d < p.head)
                YH4[first / 2 + h / 4 + d] = to_halves(o[d] * f);
            continue;
        }
        if (A4) {
            if (4 * d < p.head)
                YQ[(y >> 2) + d] = o[d] * f;
            continue;
        }
        [[unroll]] for (uint c = 0; c < 4; c++)
            if (4 * d + c < p.head)
                Y[y + 4 * d + c] = o[d][c] * f;
    }
}
