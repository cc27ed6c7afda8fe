#version 450
#extension GL_GOOGLE_include_directive : require
// linear_plain.comp: the linear layer that every driver gets right: no shared memory, no barriers, 8 rows x 8 columns
// per invocation. The accumulators are named variables, since a driver may keep arrays in memory.
#include "linear.glsl"

layout(local_size_x_id = 6) in; // along the columns: the whole workgroup reads the same rows of x

#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7)
#define START(i) const uint x##i = p.x + gl_WorkGroupID.z * p.zx + min(m + i, p.M - 1) * p.ldx; \
    vec4 c##i##0 = vec4(0), c##i##1 = vec4(0);
#define ROW(i) { const float a = input_of(x##i, k); c##i##0 += a * b0; c##i##1 += a * b1; }
#define PUT(i) put(m + i, q, c##i##0); put(m + i, q + 1, c##i##1);

void main()
{
    const uint q = gl_GlobalInvocationID.x * 2, m = gl_WorkGroupID.y * 8;
    if (4 * q >= p.N)
        return;
    EACH(START)
    uint w = weight_at(q, 0);
    for (uint k = 0; k < p.K; k++, w += 16) {
        const vec4 b0 = weight(w), b1 = weight(w + 1);
        EACH(ROW)
    }
    EACH(PUT)
}
