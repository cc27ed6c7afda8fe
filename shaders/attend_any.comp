#version 450
#extension GL_GOOGLE_include_directive : require
// attend_any.comp: attention for heads of any width: a query and a head a workgroup. Every lane scores one key of a run
// of 64, then gathers its columns of the values; sums stand in the output itself, which only this lane touches.
// Workgroups: x queries, y heads.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool CAUSAL = false;
layout(push_constant) uniform P
{
    uint heads, head;
    uint q, k, v, y, ldq, ldk, ldv, ldy;
    uint q0, q1, k0, k1;
    uint table, q_offset;
    float scale;
} p;
layout(std430, binding = 0) readonly buffer Q_ { float Q[]; };
layout(std430, binding = 1) readonly buffer K_ { float K[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

shared float score[LANES];

void main()
{
    const uint t = gl_LocalInvocationID.x, i = gl_WorkGroupID.x, h = gl_WorkGroupID.y * p.head;
    const uint keys = p.k1 - p.k0, seen = CAUSAL ? min(keys, i + p.q_offset + 1) : keys;
    const uint q = p.q + (p.q0 + i) * p.ldq + h, y = p.y + (p.q0 + i) * p.ldy + h;
    for (uint d = t; d < p.head; d += LANES)
        Y[y + d] = 0.0;
    float top = -1e30, sum = 0.0;
    for (uint k0 = 0; k0 < seen; k0 += LANES) {
        const uint n = min(LANES, seen - k0), row = p.k0 + k0 + min(t, n - 1), k = p.k + row * p.ldk + h;
        float s = 0.0;
        for (uint d = 0; d < p.head; d++)
            s += Q[q + d] * K[k + d];
        barrier();
        score[t] = s * p.scale;
        barrier();
        float higher = top;
        for (uint j = 0; j < n; j++)
            higher = max(higher, score[j]);
        const float f = exp(top - higher);
        sum *= f;
        for (uint j = 0; j < n; j++)
            sum += exp(score[j] - higher);
        for (uint d = t; d < p.head; d += LANES) {
            float o = Y[y + d] * f;
            for (uint j = 0; j < n; j++)
                o += exp(score[j] - higher) * V[p.v + (p.k0 + k0 + j) * p.ldv + h + d];
            Y[y + d] = o;
        }
        top = higher;
    }
    for (uint d = t; d < p.head; d += LANES)
        Y[y + d] *= sum > 0.0 ? 1.0 / sum : 0.0;
}
