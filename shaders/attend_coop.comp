#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// attend_coop.comp: softmax(scale q k^T + bias) v for heads of 64 columns on matrix units of MS x MS x MS, in subgroups
// of SG invocations (as in linear_coop.comp), with f16 inputs and f32 sums. A subgroup takes MS queries, a workgroup
// four subgroups; keys and values pass through shared memory, 64 at a time.
//
// The online softmax (Milakov & Gimelshein 2018) rescales a row's sums whenever a higher score turns up. A shader
// cannot know which invocation holds which row of a cooperative matrix, so the factors become a matrix, too: loading
// them with a stride of 0 repeats the column of factors in every column.
#include "attend.glsl"

const uint SUBGROUPS = 4, QUERIES = SUBGROUPS * MS, THREADS = SUBGROUPS * SG;
const uint PARTS = SG / MS; // invocations per row
const uint KEYS = 64, HEAD = 64, H4 = HEAD / 4, H8 = HEAD / 8, M4 = MS / 4;
layout(local_size_x = 4 * SG) in;
layout(std430, binding = 0) readonly buffer QV { vec4 QQ[]; };
layout(std430, binding = 0) readonly buffer QH { uvec4 QH8[]; };
layout(std430, binding = 1) readonly buffer KH { uvec4 KH8[]; };
layout(std430, binding = 1) readonly buffer KV { vec4 KQ[]; }; // holds the values, too
layout(std430, binding = 3) writeonly buffer YV { vec4 YQ[]; };
layout(std430, binding = 3) writeonly buffer YH_ { uvec2 YH4[]; };

const uint HS = H4 + 2, SS = KEYS / 4 + 2; // row strides, in vectors
// qs: the queries and, once these are in registers, the softmax weights; each subgroup uses its own rows
shared f16vec4 qs[QUERIES * HS], ks[KEYS * HS], vs[KEYS * HS];
shared vec4 ss[QUERIES * SS]; // the scores of each subgroup's rows; at the end its sums
shared float tops[THREADS], factor[QUERIES];

#define MATRIX(use) coopmat<float16_t, gl_ScopeSubgroup, MS, MS, use>
#define SUMS coopmat<float, gl_ScopeSubgroup, MS, MS, gl_MatrixUseAccumulator>

// Which of the keys first .. first+3 the query sees.
bvec4 visible(Seen s, int first)
{
    const ivec4 key = first + ivec4(0, 1, 2, 3);
    const bvec4 below = lessThan(key, ivec4(s.to));
    if (!RANGED)
        return below;
    return bvec4(uvec4(below) & uvec4(greaterThanEqual(key, ivec4(s.from))) | uvec4(lessThan(key, ivec4(s.prefix))));
}

void main()
{
    const uint t = gl_LocalInvocationID.x, sg = gl_SubgroupID, lane = gl_SubgroupInvocationID;
    const uint head = gl_WorkGroupID.y, h = head * HEAD, kh = head / p.group * HEAD, block = gl_WorkGroupID.x * QUERIES;
    const Item item = item_of(gl_WorkGroupID.z);
    if (block >= item.queries)
        return;
    // where two invocations share a row, each takes every second vector of its scores
    const uint r = sg * MS + lane / PARTS, part = lane % PARTS, query = block + r;
    const int at = item.start + int(min(query, item.queries - 1));
    const Seen seen = seen_at(item, at);
    const ivec2 keys = seen_by_block(item, block, QUERIES);
    const uvec2 bias = bias_rows_of(item, head, at);

    if (HALF)
        for (uint e = t; e < QUERIES * H8; e += THREADS) {
            const uint row = item.q0 + min(block + e / H8, item.queries - 1);
            const uvec4 q = QH8[(p.q + row * p.ldq + h / 2) / 4 + e % H8];
            qs[e / H8 * HS + e % H8 * 2] = f16vec4(from_halves(q.xy) * p.scale);
            qs[e / H8 * HS + e % H8 * 2 + 1] = f16vec4(from_halves(q.zw) * p.scale);
        }
    else
        for (uint e = t; e < QUERIES * H4; e += THREADS) {
            const uint row = item.q0 + min(block + e / H4, item.queries - 1);
            qs[e / H4 * HS + e % H4] = f16vec4(QQ[((p.q + row * p.ldq + h) >> 2) + e % H4] * p.scale);
        }
    barrier();
    MATRIX(gl_MatrixUseA) q[HEAD / MS];
    [[unroll]] for (uint d = 0; d < HEAD / MS; d++)
        coopMatLoad(q[d], qs, sg * MS * HS + d * M4, HS, gl_CooperativeMatrixLayoutRowMajor);

#define LOAD(to, first, step)                                                                                         \
    if (HALF)                                                                                                         \
        [[unroll]] for (uint i = 0; i < KEYS * H8 / THREADS; i++) {                                                   \
            const uint e = t + i * THREADS, row = item.k0 + min(uint(k0) + e / H8, item.keys - 1);                    \
            const uvec4 x = KH8[(first + row * step + kh / 2) / 4 + e % H8];                                          \
            to[e / H8 * HS + e % H8 * 2] = f16vec4(unpackFloat2x16(x.x), unpackFloat2x16(x.y));                       \
            to[e / H8 * HS + e % H8 * 2 + 1] = f16vec4(unpackFloat2x16(x.z), unpackFloat2x16(x.w));                   \
        }                                                                                                             \
    else                                                                                                              \
        [[unroll]] for (uint i = 0; i < KEYS * H4 / THREADS; i++) {                                                   \
            const uint e = t + i * THREADS, row = item.k0 + min(uint(k0) + e / H4, item.keys - 1);                    \
            to[e / H4 * HS + e % H4] = f16vec4(KQ[((first + row * step + kh) >> 2) + e % H4]);                        \
        }

    float top = HIDDEN, sum = 0.0; // top: of the row; sum: of the weights that this invocation computed
    SUMS o[HEAD / MS], scale;
    [[unroll]] for (uint d = 0; d < HEAD / MS; d++)
        o[d] = SUMS(0.0);
    // starts at a multiple of KEYS, so that a query's sums do not depend on its neighbours
    for (int k0 = keys.x / int(KEYS) * int(KEYS); k0 < keys.y; k0 += int(KEYS)) {
        barrier();
        LOAD(ks, p.k, p.ldk)
        LOAD(vs, p.v, p.ldv)
        barrier();
        [[unroll]] for (uint j = 0; j < KEYS / MS; j++) {
            SUMS s = SUMS(0.0);
            [[unroll]] for (uint d = 0; d < HEAD / MS; d++) {
                MATRIX(gl_MatrixUseB) b;
                coopMatLoad(b, ks, j * MS * HS + d * M4, HS, gl_CooperativeMatrixLayoutColumnMajor);
                s = coopMatMulAdd(q[d], b, s);
            }
            coopMatStore(s, ss, sg * MS * SS + j * M4, SS, gl_CooperativeMatrixLayoutRowMajor);
        }
        subgroupBarrier();
        vec4 w[KEYS / 4 / PARTS];
        float higher = top;
        [[unroll]] for (uint c = 0; c < KEYS / 4 / PARTS; c++) {
            w[c] = mix(vec4(HIDDEN), ss[r * SS + PARTS * c + part], visible(seen, k0 + int(PARTS * c + part) * 4));
            if (BIAS || DISTANCE)
                [[unroll]] for (int j = 0; j < 4; j++) {
                    const int key = min(k0 + int(PARTS * c + part) * 4 + j, int(item.keys) - 1);
                    w[c][j] += max(bias_of(bias, at, key), 2 * HIDDEN);
                }
            higher = max(higher, max(max(w[c].x, w[c].y), max(w[c].z, w[c].w)));
        }
        tops[t] = higher;
        subgroupBarrier();
        if (PARTS == 2)
            higher = max(higher, tops[t ^ 1]);
        const float f = exp(top - higher);
        top = higher;
        sum *= f;
        [[unroll]] for (uint c = 0; c < KEYS / 4 / PARTS; c++) {
            w[c] = mix(vec4(0), exp(w[c] - higher), visible(seen, k0 + int(PARTS * c + part) * 4));
            sum += w[c].x + w[c].y + w[c].z + w[c].w;
            qs[r * HS + PARTS * c + part] = f16vec4(w[c]);
        }
        if (part == 0)
            factor[r] = f;
        subgroupBarrier();
        coopMatLoad(scale, factor, sg * MS, 0, gl_CooperativeMatrixLayoutColumnMajor);
        [[unroll]] for (uint d = 0; d < HEAD / MS; d++)
            o[d] *= scale;
        [[unroll]] for (uint j = 0; j < KEYS / MS; j++) {
            MATRIX(gl_MatrixUseA) a;
            coopMatLoad(a, qs, sg * MS * HS + j * M4, HS, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint d = 0; d < HEAD / MS; d++) {
                MATRIX(gl_MatrixUseB) v;
                coopMatLoad(v, vs, j * MS * HS + d * M4, HS, gl_CooperativeMatrixLayoutRowMajor);
                o[d] = coopMatMulAdd(a, v, o[d]);
            }
        }
    }
    tops[t] = sum;
    [[unroll]] for (uint d = 0; d < HEAD / MS; d++)
        coopMatStore(o[d], ss, sg * MS * SS + d * M4, SS, gl_CooperativeMatrixLayoutRowMajor);
    subgroupBarrier();
    const float all = PARTS == 2 ? tops[t & ~1u] + tops[t | 1] : sum, scaled = all > 0.0 ? 1.0 / all : 0.0;
    if (query < item.queries)
        [[unroll]] for (uint c = 0; c < H4; c += PARTS)
            if (YH)
                YH4[(p.y + (item.q0 + query) * p.ldy + h / 2) / 2 + c + part] = to_halves(ss[r * SS + c + part] * scaled);
            else
                YQ[((p.y + (item.q0 + query) * p.ldy + h) >> 2) + c + part] = ss[r * SS + c + part] * scaled;
}
