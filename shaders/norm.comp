#version 450
#extension GL_GOOGLE_include_directive : require
// norm.comp: layer norm, y = act((x - mean) / sqrt(var + eps) * gain + bias), and RMS norm, which takes the mean as
// 0; one row per workgroup. The variance is summed from differences to the mean (two passes), never as E[x^2] -
// mean^2, which cancels. An aligned row of up to 1,024 channels is read once and stays in registers.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const bool BIASED = false;
layout(constant_id = 2) const bool HELD = false; // all offsets are multiples of four and the row fits in registers
layout(constant_id = 3) const bool YH = false;   // y is a half matrix
layout(constant_id = 4) const bool ALSO = false; // y is written to a half matrix, too
layout(constant_id = 5) const bool RMS = false;
layout(push_constant) uniform P { uint rows, channels, x, ldx, y, ldy, gain, bias; float eps; uint also, ldalso; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 0) readonly buffer XV { vec4 XQ[]; };
layout(std430, binding = 1) writeonly buffer AV { uvec2 AH4[]; };
layout(std430, binding = 1) writeonly buffer A_ { uint AH2[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 2) readonly buffer VV { vec4 VQ[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };
layout(std430, binding = 3) buffer YV { vec4 YQ[]; };
layout(std430, binding = 3) writeonly buffer YH_ { uint YH2[]; };
layout(std430, binding = 3) writeonly buffer YHV { uvec2 YH4[]; };

shared float part[LANES];

// The sum of v over the workgroup, always in the same order.
float total(float v)
{
    const uint t = gl_LocalInvocationID.x;
    part[t] = v;
    barrier();
    for (uint n = LANES / 2; n > 0; n /= 2) {
        if (t < n)
            part[t] += part[t + n];
        barrier();
    }
    v = part[0];
    barrier();
    return v;
}

const uint HOLD = 4; // vectors per invocation

void held(uint t, uint x, uint y, uint also)
{
    const uint quads = p.channels / 4;
    vec4 v[HOLD], sum = vec4(0);
    [[unroll]] for (uint i = 0; i < HOLD; i++) {
        const uint q = t + i * LANES;
        v[i] = q < quads ? XQ[x / 4 + q] : vec4(0);
        sum += v[i];
    }
    const float mean = RMS ? 0.0 : total(sum.x + sum.y + sum.z + sum.w) / float(p.channels);
    sum = vec4(0);
    [[unroll]] for (uint i = 0; i < HOLD; i++) {
        v[i] -= mean;
        if (t + i * LANES < quads)
            sum += v[i] * v[i];
    }
    const float f = 1.0 / sqrt(total(sum.x + sum.y + sum.z + sum.w) / float(p.channels) + p.eps);
    [[unroll]] for (uint i = 0; i < HOLD; i++) {
        const uint q = t + i * LANES;
        if (q < quads) {
            v[i] *= f * VQ[p.gain / 4 + q];
            if (BIASED)
                v[i] += VQ[p.bias / 4 + q];
            if (ACT != 0)
                v[i] = vec4(activate(ACT, v[i].x), activate(ACT, v[i].y), activate(ACT, v[i].z), activate(ACT, v[i].w));
            if (YH)
                YH4[y / 2 + q] = to_halves(v[i]);
            else
                YQ[y / 4 + q] = v[i];
            if (ALSO)
                AH4[also / 2 + q] = to_halves(v[i]);
        }
    }
}

float finished(uint x, uint c, float mean, float f)
{
    float v = (X[x + c] - mean) * f * V[p.gain + c];
    if (BIASED)
        v += V[p.bias + c];
    return activate(ACT, v);
}

void main()
{
    const uint t = gl_LocalInvocationID.x, row = folded_group();
    if (row >= p.rows)
        return;
    const uint x = p.x + row * p.ldx, y = p.y + row * p.ldy, also = p.also + row * p.ldalso;
    if (HELD) {
        held(t, x, y, also);
        return;
    }
    float sum = 0.0;
    for (uint c = t; !RMS && c < p.channels; c += LANES)
        sum += X[x + c];
    const float mean = RMS ? 0.0 : total(sum) / float(p.channels);
    sum = 0.0;
    for (uint c = t; c < p.channels; c += LANES) {
        const float d = X[x + c] - mean;
        sum += d * d;
    }
    const float f = 1.0 / sqrt(total(sum) / float(p.channels) + p.eps);
    if (!YH && !ALSO) {
        for (uint c = t; c < p.channels; c += LANES)
            Y[y + c] = finished(x, c, mean, f);
        return;
    }
    for (uint c = 2 * t; c < p.channels; c += 2 * LANES) {
        const vec2 v = vec2(finished(x, c, mean, f), finished(x, c + 1, mean, f));
        if (YH) {
            YH2[y + c / 2] = packHalf2x16(v);
        } else {
            Y[y + c] = v.x;
            Y[y + c + 1] = v.y;
        }
        if (ALSO)
            AH2[also + c / 2] = packHalf2x16(v);
    }
}
