#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// attend_coop.comp: softmax(scale q k^T) v on matrix units, for heads of 64 columns: f16 inputs, f32 sums. 64 queries a
// workgroup, 16 a subgroup; keys and values 32 at a time through shared memory.
//
// Rescaling a sum whenever a higher score turns up (the online softmax) would need to know which invocation holds which
// row of a cooperative matrix. Instead the scores are computed twice: once for each row's maximum and sum, then again
// for the weights, which are final and go straight into the product with the values. Matrix units make that cheap.
#include "common.glsl"

const uint SUBGROUPS = 4, KEYS = 32, HEAD = 64, H4 = HEAD / 4;
layout(local_size_x = 128) in;
layout(constant_id = 0) const bool CAUSAL = false;
layout(push_constant) uniform P
{
    uint heads, head;
    uint q, k, v, y, ldq, ldk, ldv, ldy;
    uint q0, q1, k0, k1;
    uint table, q_offset;
    float scale;
} p;
layout(std430, binding = 0) readonly buffer QV { vec4 QQ[]; };
layout(std430, binding = 1) readonly buffer KV { vec4 KQ[]; }; // and the values
layout(std430, binding = 2) readonly buffer T_ { uvec4 T[]; }; // q0, q1, k0, k1 of an item
layout(std430, binding = 3) writeonly buffer YV { vec4 YQ[]; };

const uint HS = H4 + 2, SS = KEYS + 4, PS = KEYS / 4 + 2; // row steps
shared f16vec4 qs[64 * HS], ks[KEYS * HS], vs[KEYS * HS];
shared float ss[SUBGROUPS * 16 * SS];   // scores of each subgroup's rows
shared f16vec4 ps[SUBGROUPS * 16 * PS]; // weights
shared vec2 stats[128];

#define MATRIX(use) coopmat<float16_t, gl_ScopeSubgroup, 16, 16, use>
#define SUMS coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>

void main()
{
    const uint t = gl_LocalInvocationID.x, sg = gl_SubgroupID, lane = gl_SubgroupInvocationID;
    const uint h = gl_WorkGroupID.y * HEAD, block = gl_WorkGroupID.x * 64;
    const uvec4 rows = T[p.table + gl_WorkGroupID.z];
    const uint queries = rows.y - rows.x, keys = rows.w - rows.z;
    if (block >= queries)
        return;
    // an invocation looks after half of a row of its subgroup
    const uint row = lane / 2, part = lane % 2, query = block + sg * 16 + row;
    const uint seen = CAUSAL ? min(keys, query + p.q_offset + 1) : keys;
    const uint most = CAUSAL ? min(keys, block + 64 + p.q_offset) : keys;

    for (uint e = t; e < 64 * H4; e += 128) {
        const uint r = rows.x + min(block + e / H4, queries - 1);
        qs[e / H4 * HS + e % H4] = f16vec4(QQ[((p.q + r * p.ldq + h) >> 2) + e % H4] * p.scale);
    }
    barrier();
    MATRIX(gl_MatrixUseA) q[HEAD / 16];
    [[unroll]] for (uint d = 0; d < HEAD / 16; d++)
        coopMatLoad(q[d], qs, sg * 16 * HS + d * 4, HS, gl_CooperativeMatrixLayoutRowMajor);

#define LOAD(to, first, step)                                                                                         \
    for (uint e = t; e < KEYS * H4; e += 128) {                                                                       \
        const uint r = rows.z + min(k0 + e / H4, keys - 1);                                                           \
        to[e / H4 * HS + e % H4] = f16vec4(KQ[((first + r * step + h) >> 2) + e % H4]);                               \
    }
#define SCORES                                                                                                        \
    [[unroll]] for (uint j = 0; j < KEYS / 16; j++) {                                                                 \
        SUMS s = SUMS(0.0);                                                                                           \
        [[unroll]] for (uint d = 0; d < HEAD / 16; d++) {                                                             \
            MATRIX(gl_MatrixUseB) b;                                                                                  \
            coopMatLoad(b, ks, j * 16 * HS + d * 4, HS, gl_CooperativeMatrixLayoutColumnMajor);                       \
            s = coopMatMulAdd(q[d], b, s);                                                                            \
        }                                                                                                             \
        coopMatStore(s, ss, sg * 16 * SS + j * 16, SS, gl_CooperativeMatrixLayoutRowMajor);                           \
    }                                                                                                                 \
    subgroupBarrier();

    const uint mine = (sg * 16 + row) * SS + part * (KEYS / 2);
    float top = -1e30, sum = 0.0;
    for (uint k0 = 0; k0 < most; k0 += KEYS) {
        barrier();
        LOAD(ks, p.k, p.ldk)
        barrier();
        SCORES
        float higher = top;
        [[unroll]] for (uint c = 0; c < KEYS / 2; c++)
            if (k0 + part * (KEYS / 2) + c < seen)
                higher = max(higher, ss[mine + c]);
        sum *= exp(top - higher);
        [[unroll]] for (uint c = 0; c < KEYS / 2; c++)
            if (k0 + part * (KEYS / 2) + c < seen)
                sum += exp(ss[mine + c] - higher);
        top = higher;
    }
    stats[t] = vec2(top, sum);
    barrier();
    const vec2 other = stats[t ^ 1];
    const float highest = max(top, other.x);
    // in the order of the halves, so that both invocations of a row get the same bits
    const vec2 a = part == 0 ? vec2(top, sum) : other, b = part == 0 ? other : vec2(top, sum);
    const float all = a.y * exp(a.x - highest) + b.y * exp(b.x - highest), f = all > 0.0 ? 1.0 / all : 0.0;

    SUMS o[HEAD / 16];
    [[unroll]] for (uint d = 0; d < HEAD / 16; d++)
        o[d] = SUMS(0.0);
    for (uint k0 = 0; k0 < most; k0 += KEYS) {
        barrier();
        LOAD(ks, p.k, p.ldk)
        LOAD(vs, p.v, p.ldv)
        barrier();
        SCORES
        [[unroll]] for (uint c = 0; c < KEYS / 2; c += 4) {
            vec4 w = vec4(0);
            [[unroll]] for (uint i = 0; i < 4; i++)
                if (k0 + part * (KEYS / 2) + c + i < seen)
                    w[i] = exp(ss[mine + c + i] - highest) * f;
            ps[(sg * 16 + row) * PS + part * (KEYS / 8) + c / 4] = f16vec4(w);
        }
        subgroupBarrier();
        [[unroll]] for (uint j = 0; j < KEYS / 16; j++) {
            MATRIX(gl_MatrixUseA) w;
            coopMatLoad(w, ps, sg * 16 * PS + j * 4, PS, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint d = 0; d < HEAD / 16; d++) {
                MATRIX(gl_MatrixUseB) v;
                coopMatLoad(v, vs, j * 16 * HS + d * 4, HS, gl_CooperativeMatrixLayoutRowMajor);
                o[d] = coopMatMulAdd(w, v, o[d]);
            }
        }
    }
    [[unroll]] for (uint d = 0; d < HEAD / 16; d += 2) {
        subgroupBarrier();
        coopMatStore(o[d], ss, sg * 16 * SS, SS, gl_CooperativeMatrixLayoutRowMajor);
        coopMatStore(o[d + 1], ss, sg * 16 * SS + 16, SS, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        if (query < queries)
            [[unroll]] for (uint c = 0; c < 16; c += 4)
                YQ[((p.y + (rows.x + query) * p.ldy + h + d * 16 + part * 16 + c) >> 2)] =
                    vec4(ss[mine + c], ss[mine + c + 1], ss[mine + c + 2], ss[mine + c + 3]);
    }
}
