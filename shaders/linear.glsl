// linear.glsl: shared by the variants of the linear layer: y[M,N] = act(x[M,K] W + b) * s + r.
//
// W is packed in panels of 64 outputs: W[panel][k][64], with k zero-padded to a multiple of 32, so that no variant
// has to check where W ends. The z dimension of the dispatch runs over groups (grouped convolution).
#include "common.glsl"

layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const bool BIASED = false;
layout(constant_id = 2) const bool SCALED = false;
layout(constant_id = 3) const bool RESIDUAL = false;
layout(constant_id = 4) const bool X4 = false; // rows of x start at multiples of four floats
layout(constant_id = 5) const bool Y4 = false; // so do rows of y and r, and N is a multiple of four

layout(constant_id = 8) const bool XH = false; // x is a half matrix, whose rows start at even floats
layout(constant_id = 9) const bool YH = false; // y is a half matrix

layout(push_constant) uniform P
{
    uint M, N, K, KP;       // KP: K as padded in W
    uint ldx, ldy, ldr;     // row strides, in floats
    uint x, y, r;           // offsets in their bindings, in floats
    uint w;                 // … in vectors of four
    uint bias, scale;       // … in the binding of vectors, in floats
    uint zx, zw, zv, zy;    // strides between groups: x, w, bias and scale, y and r
} p;

layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 0) readonly buffer XV { vec4 XQ[]; };
layout(std430, binding = 0) readonly buffer XH_ { uvec2 XH4[]; };
#ifdef HALF
layout(std430, binding = 1) readonly buffer W_ { uvec2 WQ[]; };
vec4 weight(uint i)
{
    return from_halves(WQ[i]);
}
#else
layout(std430, binding = 1) readonly buffer W_ { vec4 WQ[]; };
vec4 weight(uint i)
{
    return WQ[i];
}
#endif
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };
layout(std430, binding = 3) buffer YV { vec4 YQ[]; };
layout(std430, binding = 3) buffer YH_ { uvec2 YH4[]; };

// Index, in vectors of four, of column 4q in row k of its panel.
uint weight_at(uint q, uint k)
{
    return p.w + gl_WorkGroupID.z * p.zw + ((q >> 4) * p.KP + k) * 16 + (q & 15);
}

// x[m][k .. k+3], with zeros from K on.
vec4 input_at(uint m, uint k)
{
    const uint row = p.x + gl_WorkGroupID.z * p.zx + m * p.ldx, i = row + k;
    if (XH)
        return k < p.K ? from_halves(XH4[row / 2 + k / 4]) : vec4(0);
    if (k + 4 <= p.K) {
        if (X4)
            return XQ[i >> 2];
        return vec4(X[i], X[i + 1], X[i + 2], X[i + 3]);
    }
    vec4 v = vec4(0);
    if (k < p.K)
        v.x = X[i];
    if (k + 1 < p.K)
        v.y = X[i + 1];
    if (k + 2 < p.K)
        v.z = X[i + 2];
    return v;
}

// x[m][k], given the offset of row m.
float input_of(uint row, uint k)
{
    return XH ? from_halves(XH4[row / 2 + k / 4])[k % 4] : X[row + k];
}

float finish(float c, uint n, uint r)
{
    const uint z = gl_WorkGroupID.z * p.zv;
    if (BIASED)
        c += V[p.bias + z + n];
    c = activate(ACT, c);
    if (SCALED)
        c *= V[p.scale + z + n];
    if (RESIDUAL)
        c += Y[r];
    return c;
}

// Finishes the sums c and writes them to y[m][4q .. 4q+3].
void put(uint m, uint q, vec4 c)
{
    const uint n = 4 * q, z = gl_WorkGroupID.z * p.zy, row = p.y + z + m * p.ldy, y = row + n, r = p.r + z + m * p.ldr + n;
    if (m >= p.M || n >= p.N)
        return;
    if (Y4 || YH) {
        const uint v = gl_WorkGroupID.z * p.zv + n;
        if (BIASED)
            c += vec4(V[p.bias + v], V[p.bias + v + 1], V[p.bias + v + 2], V[p.bias + v + 3]);
        if (ACT != 0)
            c = vec4(activate(ACT, c.x), activate(ACT, c.y), activate(ACT, c.z), activate(ACT, c.w));
        if (SCALED)
            c *= vec4(V[p.scale + v], V[p.scale + v + 1], V[p.scale + v + 2], V[p.scale + v + 3]);
        if (RESIDUAL)
            c += YQ[r >> 2];
        if (YH)
            YH4[row / 2 + q] = to_halves(c);
        else
            YQ[y >> 2] = c;
        return;
    }
    for (uint i = 0; i < 4 && n + i < p.N; i++)
        Y[y + i] = finish(c[i], n + i, r + i);
}
