#version 450
#extension GL_GOOGLE_include_directive : require
// norm.comp: layer norm of a row by a workgroup: y = act((x - mean) / sqrt(var + eps) * gain + bias). The variance is
// summed from the differences to the mean (two passes), never as E[x^2] - mean^2, which cancels. A row of up to 1,024
// channels in vectors of four is read once and stays in registers.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const bool BIASED = false;
layout(constant_id = 2) const bool HELD = false; // everything begins at multiples of four, and the row fits registers
layout(push_constant) uniform P { uint rows, channels, x, ldx, y, ldy, gain, bias; float eps; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 0) readonly buffer XV { vec4 XQ[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 2) readonly buffer VV { vec4 VQ[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };
layout(std430, binding = 3) buffer YV { vec4 YQ[]; };

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

const uint HOLD = 4; // vectors of an invocation

void held(uint t, uint x, uint y)
{
    const uint quads = p.channels / 4;
    vec4 v[HOLD], sum = vec4(0);
    [[unroll]] for (uint i = 0; i < HOLD; i++) {
        const uint q = t + i * LANES;
        v[i] = q < quads ? XQ[x / 4 + q] : vec4(0);
        sum += v[i];
    }
    const float mean = total(sum.x + sum.y + sum.z + sum.w) / float(p.channels);
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
            YQ[y / 4 + q] = v[i];
        }
    }
}

void main()
{
    const uint t = gl_LocalInvocationID.x, row = folded_group();
    if (row >= p.rows)
        return;
    const uint x = p.x + row * p.ldx, y = p.y + row * p.ldy;
    if (HELD) {
        held(t, x, y);
        return;
    }
    float sum = 0.0;
    for (uint c = t; c < p.channels; c += LANES)
        sum += X[x + c];
    const float mean = total(sum) / float(p.channels);
    sum = 0.0;
    for (uint c = t; c < p.channels; c += LANES) {
        const float d = X[x + c] - mean;
        sum += d * d;
    }
    const float f = 1.0 / sqrt(total(sum) / float(p.channels) + p.eps);
    for (uint c = t; c < p.channels; c += LANES) {
        float v = (X[x + c] - mean) * f * V[p.gain + c];
        if (BIASED)
            v += V[p.bias + c];
        Y[y + c] = activate(ACT, v);
    }
}
