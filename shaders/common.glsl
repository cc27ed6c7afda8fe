// common.glsl: shared by all shaders: activations, halves and the numbering of workgroups.
//
// The baseline stays within the limits that Vulkan 1.1 guarantees: at most 128 invocations, 16 KiB of shared memory,
// four storage buffers and 128 bytes of push constants; no subgroup operations, no optional features.
#extension GL_EXT_control_flow_attributes : require

// mm_act of lib/backend/backend.h
const uint RELU = 1, GELU = 2, GELU_TANH = 3, QUICK_GELU = 4, SILU = 5, TANH = 6;

// Abramowitz & Stegun 7.1.26: absolute error below 1.5e-7.
float erf_of(float x)
{
    float a = abs(x), t = 1.0 / (1.0 + 0.3275911 * a);
    float p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(x) * (1.0 - p * exp(-a * a));
}

// A driver's tanh() may overflow internally, so its argument stays within ±15.
float tanh_of(float x)
{
    return tanh(clamp(x, -15.0, 15.0));
}

float activate(uint act, float x)
{
    switch (act) {
    case RELU: return max(x, 0.0);
    case GELU: return 0.5 * x * (1.0 + erf_of(x * 0.70710678118654752));
    case GELU_TANH: return 0.5 * x * (1.0 + tanh_of(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case QUICK_GELU: return x / (1.0 + exp(-1.702 * x));
    case SILU: return x / (1.0 + exp(-x));
    case TANH: return tanh_of(x);
    }
    return x;
}

// Unpack and pack four numbers of a half matrix.
vec4 from_halves(uvec2 u)
{
    return vec4(unpackHalf2x16(u.x), unpackHalf2x16(u.y));
}

uvec2 to_halves(vec4 v)
{
    return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw));
}

// Long rows of workgroups are folded into two dimensions, because a device may limit each to 65,535.
const uint FOLD = 32768;
uint folded_group()
{
    return gl_WorkGroupID.y * FOLD + gl_WorkGroupID.x;
}
