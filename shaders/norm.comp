#version 450
#extension GL_GOOGLE_include_directive : require
// norm.comp: layer norm of a row by a workgroup: y = act((x - mean) / sqrt(var + eps) * gain + bias). The variance is
// summed from the differences to the mean (two passes), never as E[x^2] - mean^2, which cancels.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const bool BIASED = false;
layout(push_constant) uniform P { uint rows, channels, x, ldx, y, ldy, gain, bias; float eps; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

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

void main()
{
    const uint t = gl_LocalInvocationID.x, row = folded_group();
    if (row >= p.rows)
        return;
    const uint x = p.x + row * p.ldx, y = p.y + row * p.ldy;
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
