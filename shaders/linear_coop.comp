#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// linear_coop.comp: the linear layer on matrix units (VK_KHR_cooperative_matrix): f16 x f16 -> f32 products of MS x
// MS x MS by subgroups of SG invocations (MS 16, SG 32 on GPUs; 8 and 8 in Mesa's CPU driver). A workgroup of WY x WX
// subgroups computes BM rows x BN columns from tiles BK deep; inputs are converted to f16 on their way into shared
// memory where necessary. The Makefile compiles it for each size: MS, SG, BM, BN, WY, WX.
//
// Both tiles keep k contiguous, [row][k] and [column][k], because matrix units read neighbouring k in pairs.
#define HALF
#include "linear.glsl"

// rows of x are aligned vectors of four and K is a multiple of BK, so the loop needs no bounds checks
layout(constant_id = 7) const bool WHOLE = false;

const uint THREADS = SG * WX * WY;
const uint FM = BM / WY / MS, FN = BN / WX / MS; // matrices per subgroup
layout(local_size_x = SG * WX * WY) in;
#define MATRIX(use) coopmat<float16_t, gl_ScopeSubgroup, MS, MS, use>
#define SUMS coopmat<float, gl_ScopeSubgroup, MS, MS, gl_MatrixUseAccumulator>

const uint BK = 64, K8 = BK / 8, S = K8 + 1; // a uvec4 holds eight f16; S: row stride, padded against bank conflicts
const uint XL = BM * K8 / THREADS, WL = BN * K8 / THREADS;
const uint YS = BN + 4; // row stride of the sums
// the tiles of x and w; at the end the sums, MS rows of every subgroup at a time
shared uvec4 tiles[max((BM + BN) * S, MS * WY * YS / 4)];

layout(std430, binding = 0) readonly buffer X8 { uvec4 XH8[]; };
layout(std430, binding = 1) readonly buffer W8 { uvec4 WO[]; };

uvec4 halves(vec4 a, vec4 b)
{
    return uvec4(packFloat2x16(f16vec2(a.xy)), packFloat2x16(f16vec2(a.zw)), packFloat2x16(f16vec2(b.xy)),
                 packFloat2x16(f16vec2(b.zw)));
}

void main()
{
    const uint t = gl_LocalInvocationID.x, sg = gl_SubgroupID, sy = sg / WX, sx = sg % WX;
    const uint m0 = gl_WorkGroupID.y * BM, n0 = gl_WorkGroupID.x * BN, last = (p.N + 63) / 64 * 64 - 1;
    const uint w0 = (p.w + gl_WorkGroupID.z * p.zw) / 2;
    SUMS c[FM][FN];
    [[unroll]] for (uint i = 0; i < FM; i++)
        [[unroll]] for (uint j = 0; j < FN; j++)
            c[i][j] = SUMS(0.0);
    vec4 nx[XL][2]; // the next values of x: floats
    uvec4 nh[XL];   // … or halves
    uvec4 nw[WL];
    uint xm[XL], wn[WL]; // xm: row of x or, if WHOLE, its offset in vectors; wn: offset of a row of W
    [[unroll]] for (uint i = 0; i < XL; i++) {
        const uint e = t + i * THREADS, m = min(m0 + e / K8, p.M - 1);
        xm[i] = WHOLE ? (p.x + gl_WorkGroupID.z * p.zx + m * p.ldx) / 4 + e % K8 * (XH ? 1 : 2) : m;
    }
    [[unroll]] for (uint i = 0; i < WL; i++) {
        const uint e = t + i * THREADS;
        wn[i] = w0 + min(n0 + e / K8, last) * (p.KP / 8) + e % K8;
    }

#define FETCH(k0)                                                                                                     \
    [[unroll]] for (uint i = 0; i < XL; i++)                                                                          \
        if (WHOLE && XH) {                                                                                            \
            nh[i] = XH8[xm[i] + (k0) / 8];                                                                            \
        } else if (WHOLE) {                                                                                           \
            nx[i][0] = XQ[xm[i] + (k0) / 4];                                                                          \
            nx[i][1] = XQ[xm[i] + (k0) / 4 + 1];                                                                      \
        } else {                                                                                                      \
            const uint k = (k0) + (t + i * THREADS) % K8 * 8;                                                         \
            nx[i][0] = input_at(xm[i], k);                                                                            \
            nx[i][1] = input_at(xm[i], k + 4);                                                                        \
        }                                                                                                             \
    [[unroll]] for (uint i = 0; i < WL; i++)                                                                          \
        nw[i] = WO[wn[i] + (k0) / 8];

    FETCH(0)
    for (uint k0 = 0; k0 < p.K; k0 += BK) {
        barrier();
        [[unroll]] for (uint i = 0; i < XL; i++) {
            const uint e = t + i * THREADS;
            tiles[e / K8 * S + e % K8] = WHOLE && XH ? nh[i] : halves(nx[i][0], nx[i][1]);
        }
        [[unroll]] for (uint i = 0; i < WL; i++) {
            const uint e = t + i * THREADS;
            tiles[(BM + e / K8) * S + e % K8] = nw[i];
        }
        barrier();
        if (k0 + BK < p.K) {
            FETCH(k0 + BK)
        }
        [[unroll]] for (uint k = 0; k < BK; k += MS) {
            MATRIX(gl_MatrixUseA) a[FM];
            MATRIX(gl_MatrixUseB) b;
            [[unroll]] for (uint i = 0; i < FM; i++)
                coopMatLoad(a[i], tiles, (sy * FM + i) * MS * S + k / 8, S, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint j = 0; j < FN; j++) {
                coopMatLoad(b, tiles, (BM + (sx * FN + j) * MS) * S + k / 8, S, gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0; i < FM; i++)
                    c[i][j] = coopMatMulAdd(a[i], b, c[i][j]);
            }
        }
    }
    // the sums pass through shared memory, so that put() can apply bias and activation and check the edges
    [[unroll]] for (uint i = 0; i < FM; i++) {
        barrier();
        [[unroll]] for (uint j = 0; j < FN; j++)
            coopMatStore(c[i][j], tiles, (sy * MS * YS + (sx * FN + j) * MS) / 4, YS / 4, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        for (uint e = t; e < MS * WY * (BN / 4); e += THREADS) {
            const uint r = e / (BN / 4), q = e % (BN / 4);
            put(m0 + (r / MS * FM + i) * MS + r % MS, n0 / 4 + q, uintBitsToFloat(tiles[r * (YS / 4) + q]));
        }
    }
}
