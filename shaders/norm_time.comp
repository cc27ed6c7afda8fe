#version 450
#extension GL_GOOGLE_include_directive : require
// norm_time.comp: normalises each channel over the rows of its item: group norm with one channel per group, as in the
// first layer of Wav2Vec2 base. Workgroups: x blocks of 8 channels, y items. 16 lanes share the rows, each with four
// loads in flight; the variance takes a second pass.
#include "common.glsl"

const uint CHANNELS = 8, ROWS = 16;
layout(local_size_x = 8, local_size_y = 16) in;
layout(constant_id = 0) const uint ACT = 0;
layout(constant_id = 1) const bool BIASED = false;
layout(push_constant) uniform P { uint items, channels, x, ldx, y, ldy, gain, bias; float eps; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 1) readonly buffer I_ { uint I[]; }; // first row of each item, and the end
layout(std430, binding = 2) readonly buffer V_ { float V[]; };
layout(std430, binding = 3) buffer Y_ { float Y[]; };

shared float part[ROWS][CHANNELS];

float total(float v)
{
    const uint c = gl_LocalInvocationID.x, r = gl_LocalInvocationID.y;
    part[r][c] = v;
    barrier();
    for (uint n = ROWS / 2; n > 0; n /= 2) {
        if (r < n)
            part[r][c] += part[r + n][c];
        barrier();
    }
    v = part[0][c];
    barrier();
    return v;
}

void main()
{
    // lanes past the last channel repeat it, so that all lanes reach every barrier
    const uint own = gl_WorkGroupID.x * CHANNELS + gl_LocalInvocationID.x, c = min(own, p.channels - 1);
    const uint first = I[p.items + gl_WorkGroupID.y], rows = I[p.items + gl_WorkGroupID.y + 1] - first;
    if (rows == 0)
        return;
    const uint x = p.x + first * p.ldx + c, y = p.y + first * p.ldy + c, r0 = gl_LocalInvocationID.y;
    vec4 four = vec4(0); // four independent loads at a time
    float sum = 0.0;
    uint r = r0;
    for (; r + 3 * ROWS < rows; r += 4 * ROWS)
        four += vec4(X[x + r * p.ldx], X[x + (r + ROWS) * p.ldx], X[x + (r + 2 * ROWS) * p.ldx],
                     X[x + (r + 3 * ROWS) * p.ldx]);
    for (; r < rows; r += ROWS)
        sum += X[x + r * p.ldx];
    const float mean = total(sum + four.x + four.y + four.z + four.w) / float(rows);
    four = vec4(0);
    sum = 0.0;
    for (r = r0; r + 3 * ROWS < rows; r += 4 * ROWS) {
        const vec4 d = vec4(X[x + r * p.ldx], X[x + (r + ROWS) * p.ldx], X[x + (r + 2 * ROWS) * p.ldx],
                            X[x + (r + 3 * ROWS) * p.ldx]) - mean;
        four += d * d;
    }
    for (; r < rows; r += ROWS) {
        const float d = X[x + r * p.ldx] - mean;
        sum += d * d;
    }
    sum += four.x + four.y + four.z + four.w;
    const float f = V[p.gain + c] / sqrt(total(sum) / float(rows) + p.eps), b = BIASED ? V[p.bias + c] : 0.0;
    if (own >= p.channels)
        return;
    for (r = r0; r < rows; r += ROWS)
        Y[y + r * p.ldy] = activate(ACT, (X[x + r * p.ldx] - mean) * f + b);
}
