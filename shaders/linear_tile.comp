#version 450
#extension GL_GOOGLE_include_directive : require
// linear_tile.comp: the linear layer in tiles of BM rows x BN columns that pass through shared memory, BK deep at a
// time. An invocation sums TM x TN outputs in registers while it loads the next tile into other registers. With
// PLACES = 2, shared memory has room for two tiles, which saves a barrier and takes twice the memory.
// With FP16, factors and products are f16, which some devices compute at twice the rate; sums of PART products in f16
// are added up in f32, so that their rounding error does not grow with the depth.
// The Makefile compiles it for each size: BM, BN, BK, TM, TN, PLACES (TM and TN are multiples of 4).
#include "linear.glsl"

#ifdef FP16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define FACTORS f16vec4
const uint PART = 8;
f16vec4 factors(uint i)
{
    return f16vec4(unpackFloat2x16(WQ[i].x), unpackFloat2x16(WQ[i].y));
}
#else
#define FACTORS vec4
#define factors(i) weight(i)
#endif

const uint TX = BN / TN, TY = BM / TM, THREADS = TX * TY;
layout(local_size_x = BN / TN * (BM / TM)) in;

const uint XL = BM * BK / 4 / THREADS, WL = BK * BN / 4 / THREADS; // vectors that each invocation loads
const uint XS = BM / 4 + 1;                   // one extra vector against bank conflicts
const uint XT = BK * XS, WT = BK * BN / 4;    // vectors per tile
shared FACTORS xs[PLACES * XT];               // [k][row]
shared FACTORS ws[PLACES * WT];               // [k][column]

void main()
{
    const uint t = gl_LocalInvocationID.x, tx = t % TX, ty = t / TX;
    const uint m0 = gl_WorkGroupID.y * BM, q0 = gl_WorkGroupID.x * (BN / 4), last = (p.N - 1) / 4;
    vec4 c[TM][TN / 4];
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++)
            c[i][j] = vec4(0);
    FACTORS nx[XL], nw[WL];

#define FETCH(k0)                                                                                                     \
    [[unroll]] for (uint i = 0; i < XL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nx[i] = FACTORS(input_at(min(m0 + e / (BK / 4), p.M - 1), k0 + e % (BK / 4) * 4));                            \
    }                                                                                                                 \
    [[unroll]] for (uint i = 0; i < WL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nw[i] = factors(weight_at(min(q0 + e % (BN / 4), last), k0 + e / (BN / 4)));                                  \
    }

#define STORE(now)                                                                                                    \
    [[unroll]] for (uint i = 0; i < XL; i++) {                                                                        \
        const uint e = t + i * THREADS, m = e / (BK / 4), k = e % (BK / 4) * 4;                                       \
        [[unroll]] for (uint j = 0; j < 4; j++)                                                                       \
            xs[now * XT + (k + j) * XS + m / 4][m % 4] = nx[i][j];                                                    \
    }                                                                                                                 \
    [[unroll]] for (uint i = 0; i < WL; i++)                                                                          \
        ws[now * WT + t + i * THREADS] = nw[i];

// Adds the products of row k of the tiles to `sums`.
#define PRODUCTS(now, k, sums)                                                                                        \
    {                                                                                                                 \
        FACTORS a[TM / 4], b[TN / 4];                                                                                 \
        [[unroll]] for (uint i = 0; i < TM / 4; i++)                                                                  \
            a[i] = xs[now * XT + (k) * XS + ty + i * TY];                                                             \
        [[unroll]] for (uint j = 0; j < TN / 4; j++)                                                                  \
            b[j] = ws[now * WT + (k) * (BN / 4) + tx + j * TX];                                                       \
        [[unroll]] for (uint i = 0; i < TM; i++)                                                                      \
            [[unroll]] for (uint j = 0; j < TN / 4; j++)                                                              \
                sums[i][j] = fma(FACTORS(a[i / 4][i % 4]), b[j], sums[i][j]);                                         \
    }

#ifdef FP16
#define MULTIPLY(now)                                                                                                 \
    for (uint first = 0; first < BK; first += PART) {                                                                 \
        f16vec4 part[TM][TN / 4];                                                                                     \
        [[unroll]] for (uint i = 0; i < TM; i++)                                                                      \
            [[unroll]] for (uint j = 0; j < TN / 4; j++)                                                              \
                part[i][j] = f16vec4(0);                                                                              \
        [[unroll]] for (uint k = 0; k < PART; k++)                                                                    \
            PRODUCTS(now, first + k, part)                                                                            \
        [[unroll]] for (uint i = 0; i < TM; i++)                                                                      \
            [[unroll]] for (uint j = 0; j < TN / 4; j++)                                                              \
                c[i][j] += vec4(part[i][j]);                                                                          \
    }
#else
#define MULTIPLY(now)                                                                                                 \
    [[unroll]] for (uint k = 0; k < BK; k++)                                                                          \
        PRODUCTS(now, k, c)
#endif

    FETCH(0)
    if (PLACES == 2) {
        STORE(0)
        barrier();
    }
    uint now = 0;
    for (uint k0 = 0; k0 < p.K; k0 += BK) {
        const bool more = k0 + BK < p.K;
        if (PLACES == 1) {
            barrier();
            STORE(0)
            barrier();
        }
        if (more) {
            FETCH(k0 + BK)
        }
        MULTIPLY(now)
        if (PLACES == 2) {
            now ^= 1;
            if (more) {
                STORE(now)
            }
            barrier();
        }
    }
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++)
            put(m0 + (ty + i / 4 * TY) * 4 + i % 4, q0 + tx + j * TX, c[i][j]);
}
