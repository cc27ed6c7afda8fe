#version 450
#extension GL_GOOGLE_include_directive : require
// attend.comp: softmax(scale q k^T + bias) v for heads of up to HD (32, 64 or 128) columns, with the online softmax of
// Milakov & Gimelshein (2018). One query per invocation; keys and values pass through shared memory, KT at a time.
// Workgroups: x blocks of 64 queries, y heads, z items.
#include "attend.glsl"

layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Q_ { float Q[]; };
layout(std430, binding = 0) readonly buffer QV { vec4 QQ[]; };
layout(std430, binding = 0) readonly buffer QH { uvec2 QH4[]; };
layout(std430, binding = 1) readonly buffer K_ { float K[]; };
layout(std430, binding = 1) readonly buffer KV { vec4 KQ[]; };
layout(std430, binding = 1) readonly buffer KH { uvec2 KH4[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 2) readonly buffer VV { vec4 VQ[]; };
layout(std430, binding = 2) readonly buffer VH { uvec2 VH4[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };
layout(std430, binding = 3) writeonly buffer YV { vec4 YQ[]; };
layout(std430, binding = 3) writeonly buffer YH_ { uvec2 YH4[]; };

const uint H4 = HD / 4, KT = 1024 / HD;
shared vec4 ks[KT * H4], vs[KT * H4];

// Columns d .. d+3 of a head; `row` is the start of the row, h the first column of the head.
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
    const uint t = gl_LocalInvocationID.x, head = gl_WorkGroupID.y, h = head * p.head, kh = head / p.group * p.head;
    const Item item = item_of(gl_WorkGroupID.z);
    const uint i = gl_WorkGroupID.x * 64 + t;
    if (gl_WorkGroupID.x * 64 >= item.queries)
        return;
    const uint own = item.q0 + min(i, item.queries - 1);
    const int at = item.start + int(min(i, item.queries - 1));
    const Seen seen = seen_at(item, at);
    const ivec2 keys = seen_by_block(item, gl_WorkGroupID.x * 64, 64);
    const uvec2 bias = bias_rows_of(item, head, at);
    vec4 q[H4], o[H4];
    [[unroll]] for (uint d = 0; d < H4; d++) {
        q[d] = load_q(p.q + own * p.ldq, h, 4 * d) * p.scale;
        o[d] = vec4(0);
    }
    float top = HIDDEN, sum = 0.0;
    for (int k0 = keys.x; k0 < keys.y; k0 += int(KT)) {
        barrier();
        for (uint e = t; e < KT * H4; e += 64) {
            const uint row = item.k0 + min(uint(k0) + e / H4, item.keys - 1), d = e % H4 * 4;
            ks[e] = load_k(p.k + row * p.ldk, kh, d);
            vs[e] = load_v(p.v + row * p.ldv, kh, d);
        }
        barrier();
        const int n = min(int(KT), max(seen.to, seen.prefix) - k0);
        for (int k = 0; k < n; k++) {
            if (RANGED && !sees(seen, k0 + k))
                continue;
            vec4 s4 = vec4(0);
            [[unroll]] for (uint d = 0; d < H4; d++)
                s4 += q[d] * ks[k * H4 + d];
            float s = s4.x + s4.y + s4.z + s4.w;
            if (BIAS || DISTANCE) {
                const float b = bias_of(bias, at, k0 + k);
                if (b < HIDDEN)
                    continue;
                s += b;
            }
            const float higher = max(top, s), f = exp(top - higher), e = exp(s - higher);
            top = higher;
            sum = sum * f + e;
            [[unroll]] for (uint d = 0; d < H4; d++)
                o[d] = o[d] * f + e * vs[k * H4 + d];
        }
    }
    if (i >= item.queries)
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
