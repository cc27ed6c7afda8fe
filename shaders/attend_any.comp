#version 450
#extension GL_GOOGLE_include_directive : require
// attend_any.comp: attention for heads of any width, one query and one head per workgroup. Each lane scores one of 64
// keys at a time, then adds the values of its own columns straight into the output, where no other lane writes.
// Workgroups: x queries, y heads, z items.
#include "attend.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Q_ { float Q[]; };
layout(std430, binding = 1) readonly buffer K_ { float K[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

shared float score[LANES];

void main()
{
    const Item item = item_of(gl_WorkGroupID.z);
    const uint t = gl_LocalInvocationID.x, i = gl_WorkGroupID.x, head = gl_WorkGroupID.y;
    if (i >= item.queries)
        return;
    const uint h = head * p.head, kh = head / p.group * p.head;
    const uint q = p.q + (item.q0 + i) * p.ldq + h, y = p.y + (item.q0 + i) * p.ldy + h;
    const int at = item.start + int(i);
    const Seen seen = seen_at(item, at);
    const ivec2 keys = seen_by_block(item, i, 1);
    const uvec2 bias = bias_rows_of(item, head, at);
    for (uint d = t; d < p.head; d += LANES)
        Y[y + d] = 0.0;
    float top = HIDDEN, sum = 0.0;
    for (int k0 = keys.x; k0 < keys.y; k0 += int(LANES)) {
        const int n = min(int(LANES), keys.y - k0), key = k0 + min(int(t), n - 1);
        const uint k = p.k + (item.k0 + uint(key)) * p.ldk + kh;
        float s = 0.0;
        for (uint d = 0; d < p.head; d++)
            s += Q[q + d] * K[k + d];
        s *= p.scale;
        if (RANGED && !sees(seen, key))
            s = 2 * HIDDEN;
        if (BIAS || DISTANCE)
            s += max(bias_of(bias, at, key), 2 * HIDDEN);
        barrier();
        score[t] = s;
        barrier();
        float higher = top;
        for (int j = 0; j < n; j++)
            higher = max(higher, score[j]);
        const float f = exp(top - higher);
        sum *= f;
        for (int j = 0; j < n; j++)
            sum += exp(score[j] - higher);
        for (uint d = t; d < p.head; d += LANES) {
            float o = Y[y + d] * f;
            for (int j = 0; j < n; j++) {
                const uint row = item.k0 + uint(k0 + j);
                o += exp(score[j] - higher) * (TABLE ? K[p.v + row * p.ldv + kh + d] : V[p.v + row * p.ldv + kh + d]);
            }
            Y[y + d] = o;
        }
        top = higher;
    }
    for (uint d = t; d < p.head; d += LANES)
        Y[y + d] *= sum > 0.0 ? 1.0 / sum : 0.0;
}
