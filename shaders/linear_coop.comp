#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// linear_coop.comp: the linear layer on matrix units (VK_KHR_cooperative_matrix): f16 x f16 -> f32 in 16 x 16 x 16, by
// subgroups of 32. A workgroup of WY x WX subgroups makes a tile of BM rows x BN columns from tiles that are BK deep;
// the inputs become f16 on their way into shared memory. Compiled for each size in the Makefile: BM, BN, WY, WX.
#define HALF
#include "linear.glsl"

const uint BK = 32, THREADS = 32 * WX * WY;
const uint FM = BM / WY / 16, FN = BN / WX / 16; // matrices of a subgroup
layout(local_size_x = 32 * WX * WY) in;

const uint XL = BM * BK / 4 / THREADS, WL = BK * BN / 8 / THREADS;
const uint XS = BK / 4 + 2, WS = BN / 8 + 1; // row steps: a little more, against bank conflicts
const uint YS = BN + 4;
// x tile: f16vec4, w tile: eight f16 as uvec4; the same memory holds the sums at the end
shared f16vec4 xs[BM * XS];
shared uvec4 ws[BK * WS];
shared float ys[16 * WY * YS];

layout(std430, binding = 1) readonly buffer W8 { uvec4 WO[]; };

void main()
{
    const uint t = gl_LocalInvocationID.x, sg = gl_SubgroupID, sy = sg / WX, sx = sg % WX;
    const uint m0 = gl_WorkGroupID.y * BM, q0 = gl_WorkGroupID.x * (BN / 4), last = (p.N + 63) / 64 * 16 - 2;
    coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> c[FM][FN];
    [[unroll]] for (uint i = 0; i < FM; i++)
        [[unroll]] for (uint j = 0; j < FN; j++)
            c[i][j] = coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>(0.0);
    f16vec4 nx[XL];
    uvec4 nw[WL];

#define FETCH(k0)                                                                                                     \
    [[unroll]] for (uint i = 0; i < XL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nx[i] = f16vec4(input_at(min(m0 + e / (BK / 4), p.M - 1), k0 + e % (BK / 4) * 4));                            \
    }                                                                                                                 \
    [[unroll]] for (uint i = 0; i < WL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nw[i] = WO[weight_at(min(q0 + e % (BN / 8) * 2, last), k0 + e / (BN / 8)) >> 1];                              \
    }

    FETCH(0)
    for (uint k0 = 0; k0 < p.K; k0 += BK) {
        barrier();
        [[unroll]] for (uint i = 0; i < XL; i++) {
            const uint e = t + i * THREADS;
            xs[e / (BK / 4) * XS + e % (BK / 4)] = nx[i];
        }
        [[unroll]] for (uint i = 0; i < WL; i++) {
            const uint e = t + i * THREADS;
            ws[e / (BN / 8) * WS + e % (BN / 8)] = nw[i];
        }
        barrier();
        if (k0 + BK < p.K) {
            FETCH(k0 + BK)
        }
        [[unroll]] for (uint k = 0; k < BK / 16; k++) {
            coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> a[FM];
            coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> b;
            [[unroll]] for (uint i = 0; i < FM; i++)
                coopMatLoad(a[i], xs, (sy * FM + i) * 16 * XS + k * 4, XS, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint j = 0; j < FN; j++) {
                coopMatLoad(b, ws, k * 16 * WS + (sx * FN + j) * 2, WS, gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (uint i = 0; i < FM; i++)
                    c[i][j] = coopMatMulAdd(a[i], b, c[i][j]);
            }
        }
    }
    // 16 rows of every subgroup's part at a time through shared memory, where bias, activation and edges are handled
    [[unroll]] for (uint i = 0; i < FM; i++) {
        barrier();
        [[unroll]] for (uint j = 0; j < FN; j++)
            coopMatStore(c[i][j], ys, sy * 16 * YS + (sx * FN + j) * 16, YS, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        for (uint e = t; e < 16 * WY * (BN / 4); e += THREADS) {
            const uint r = e / (BN / 4), q = e % (BN / 4), s = r * YS + 4 * q;
            put(m0 + (r / 16 * FM + i) * 16 + r % 16, q0 + q, vec4(ys[s], ys[s + 1], ys[s + 2], ys[s + 3]));
        }
    }
}
