#version 450
#extension GL_GOOGLE_include_directive : require
// lines.comp: one item of a rank-1 convolution as padded lines, one for each group: y[group][pad + length +
// pad][channels]. Every window is contiguous there, so the linear layer can read the windows as overlapping rows.
#include "common.glsl"

layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint count, x, ldx, y, channels, positions, pad; } p;
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };

void main()
{
    const uint e = folded_group() * 64 + gl_LocalInvocationID.x;
    if (e >= p.count)
        return;
    const uint line = (p.positions + 2 * p.pad) * p.channels, g = e / line, at = e % line / p.channels - p.pad;
    const uint c = g * p.channels + e % p.channels;
    Y[p.y + e] = at < p.positions ? X[p.x + at * p.ldx + c] : 0.0;
}
