#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_spirv_intrinsics : require
// linear_int8.comp: the linear layer in 8-bit integers, four products per instruction
// (VK_KHR_shader_integer_dot_product). x has the layout that quantise.comp writes. A panel of W has KP words of four
// k for each of 64 outputs, followed by a row of their scales and a row of the sums of their integers. Tiles of BM
// rows x BN columns x BK words pass through shared memory, as in linear_tile.comp. The Makefile compiles it for each
// size: BM, BN, BK, TM, TN.
#include "linear.glsl"

// OpSDot by its number, since older compilers do not know GL_EXT_integer_dot_product; the last operand selects four
// 8-bit integers packed in a word.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int dot4(int a, int b, spirv_literal int packed);

const uint TX = BN / TN, TY = BM / TM, THREADS = TX * TY;
layout(local_size_x = BN / TN * (BM / TM)) in;

layout(std430, binding = 0) readonly buffer XI_ { ivec4 XI[]; };
layout(std430, binding = 1) readonly buffer WI_ { ivec4 WI[]; };

const uint XL = BM * BK / 4 / THREADS, WL = BK * BN / 4 / THREADS; // vectors that each invocation loads
const uint XS = BM / 4 + 1;
shared ivec4 xs[BK * XS];     // [word][row]
shared ivec4 ws[BK * BN / 4]; // [word][column]

uint row_at(uint m)
{
    return (p.x + min(m, p.M - 1) * p.ldx) / 4;
}

// Index of column 4q in row `word` of its panel.
uint word_at(uint q, uint word)
{
    return p.w + ((q >> 4) * (p.KP + 2) + word) * 16 + (q & 15);
}

// Converts sums of (q - 128) w to floats: the row's zero point multiplies the sums of the columns' integers, and its
// rest multiplies the columns' integers at the position of the outlier.
vec4 widened(ivec4 c, uint m, uint q)
{
    const ivec4 head = XI[row_at(m)], sums = WI[word_at(q, p.KP + 1)];
    const vec4 scale = intBitsToFloat(WI[word_at(q, p.KP)]);
    const ivec4 own = bitfieldExtract(WI[word_at(q, uint(head.w) / 4)], head.w % 4 * 8, 8);
    c += (128 - head.y) * sums;
    precise vec4 y = vec4(c) * intBitsToFloat(head.x);
    y += vec4(own) * intBitsToFloat(head.z);
    y *= scale;
    return y;
}

void main()
{
    const uint t = gl_LocalInvocationID.x, tx = t % TX, ty = t / TX;
    const uint m0 = gl_WorkGroupID.y * BM, q0 = gl_WorkGroupID.x * (BN / 4), last = (p.N - 1) / 4;
    ivec4 c[TM][TN / 4];
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++)
            c[i][j] = ivec4(0);
    ivec4 nx[XL], nw[WL];

#define FETCH(k0)                                                                                                     \
    [[unroll]] for (uint i = 0; i < XL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nx[i] = XI[row_at(m0 + e / (BK / 4)) + 1 + (k0) / 4 + e % (BK / 4)];                                          \
    }                                                                                                                 \
    [[unroll]] for (uint i = 0; i < WL; i++) {                                                                        \
        const uint e = t + i * THREADS;                                                                               \
        nw[i] = WI[word_at(min(q0 + e % (BN / 4), last), (k0) + e / (BN / 4))];                                       \
    }

    FETCH(0)
    for (uint k0 = 0; k0 < p.KP; k0 += BK) {
        barrier();
        [[unroll]] for (uint i = 0; i < XL; i++) {
            const uint e = t + i * THREADS, m = e / (BK / 4), k = e % (BK / 4) * 4;
            [[unroll]] for (uint j = 0; j < 4; j++)
                xs[(k + j) * XS + m / 4][m % 4] = nx[i][j];
        }
        [[unroll]] for (uint i = 0; i < WL; i++)
            ws[t + i * THREADS] = nw[i];
        barrier();
        if (k0 + BK < p.KP) {
            FETCH(k0 + BK)
        }
        for (uint k = 0; k < BK; k++) {
            ivec4 a[TM / 4], b[TN / 4];
            [[unroll]] for (uint i = 0; i < TM / 4; i++)
                a[i] = xs[k * XS + ty + i * TY];
            [[unroll]] for (uint j = 0; j < TN / 4; j++)
                b[j] = ws[k * (BN / 4) + tx + j * TX];
            [[unroll]] for (uint i = 0; i < TM; i++)
                [[unroll]] for (uint j = 0; j < TN / 4; j++)
                    [[unroll]] for (uint l = 0; l < 4; l++)
                        c[i][j][l] += dot4(a[i / 4][i % 4], b[j][l], 0);
        }
    }
    [[unroll]] for (uint i = 0; i < TM; i++)
        [[unroll]] for (uint j = 0; j < TN / 4; j++) {
            const uint m = m0 + (ty + i / 4 * TY) * 4 + i % 4, q = q0 + tx + j * TX;
            put(m, q, widened(c[i][j], m, min(q, last)));
        }
}
