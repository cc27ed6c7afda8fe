#version 450
#extension GL_EXT_control_flow_attributes : require
// ceiling.comp: what a driver makes of the best that a shader can do. LOADS undefined: fused multiply-adds on registers and
// nothing else. LOADS: as many multiply-adds, one of whose factors is a vector of four read from a table that fits the
// first-level cache: what a matrix product without shared memory does for a row of one.
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint steps; float seed; } p;
layout(std430, binding = 0) readonly buffer X_ { vec4 X[]; };
layout(std430, binding = 3) writeonly buffer Y_ { float Y[]; };
const uint SUMS = 8, TURNS = 16, TABLE = 512; // multiply-adds of a turn; turns of a step, unrolled; vectors

void main()
{
    const uint t = gl_GlobalInvocationID.x;
    float c[SUMS], a = p.seed + float(t) * 1e-9;
    [[unroll]] for (uint i = 0; i < SUMS; i++)
        c[i] = float(i);
    for (uint s = 0; s < p.steps; s++) {
        const uint at = s * 2 * TURNS % TABLE;
        [[unroll]] for (uint r = 0; r < TURNS; r++) {
#ifdef LOADS
            const vec4 u = X[at + 2 * r], v = X[at + 2 * r + 1];
#else
            const vec4 u = vec4(a), v = vec4(a);
#endif
            [[unroll]] for (uint i = 0; i < 4; i++) {
                c[i] = fma(c[i], a, u[i]);
                c[4 + i] = fma(c[4 + i], a, v[i]);
            }
        }
    }
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < SUMS; i++)
        sum += c[i];
    Y[t] = sum;
}
