#version 450
#extension GL_GOOGLE_include_directive : require
// quantise.comp: converts rows of floats to 8-bit integers as lib/backend/cpu/matmul.h describes, a row per
// workgroup: x = (q - zero) * scale, q = 0 .. 255. The number of largest magnitude, the outlier, is left out of the
// range; `rest` is what q leaves of it. Output: a header of four words (scale, zero, rest, position of the outlier),
// then words of four q - 128.
#include "common.glsl"

const uint LANES = 64;
layout(local_size_x = 64) in;
layout(push_constant) uniform P { uint rows, channels, words, x, ldx, ldy; } p; // words: per row, with padding
layout(std430, binding = 0) readonly buffer X_ { float X[]; };
layout(std430, binding = 3) writeonly buffer Y_ { ivec4 Y[]; };

// The two largest of the numbers and zero (x, y) and of their negatives and zero (z, w).
shared vec4 part[LANES];
shared uint place[LANES]; // first whether a number is not finite, then the position of the outlier

void add(inout vec4 e, float x)
{
    e.y = max(e.y, min(e.x, x));
    e.x = max(e.x, x);
    e.w = max(e.w, min(e.z, -x));
    e.z = max(e.z, -x);
}

vec4 joined(vec4 a, vec4 b)
{
    return vec4(max(a.x, b.x), max(min(a.x, b.x), max(a.y, b.y)), max(a.z, b.z), max(min(a.z, b.z), max(a.w, b.w)));
}

int integer(float x, float inv, float low)
{
    return int(roundEven(clamp(x * inv, low, low + 255.0)));
}

void main()
{
    const uint t = gl_LocalInvocationID.x, row = folded_group();
    if (row >= p.rows)
        return;
    const uint x = p.x + row * p.ldx, y = row * (p.ldy / 4);
    vec4 e = vec4(0);
    bool odd = false; // NaN or infinite
    for (uint c = t; c < p.channels; c += LANES) {
        add(e, X[x + c]);
        odd = odd || (floatBitsToUint(X[x + c]) & 0x7f800000u) == 0x7f800000u;
    }
    part[t] = e;
    place[t] = odd ? 1 : 0;
    barrier();
    for (uint n = LANES / 2; n > 0; n /= 2) {
        if (t < n) {
            part[t] = joined(part[t], part[t + n]);
            place[t] |= place[t + n];
        }
        barrier();
    }
    e = part[0];
    odd = place[0] != 0;
    barrier();
    const bool above = e.x >= e.z;
    const float most = above ? e.x : -e.z, range = above ? e.y + e.z : e.x + e.w, lo = above ? -e.z : -e.w;
    uint at = 0xffffffffu;
    for (uint c = t; c < p.channels && at == 0xffffffffu; c += LANES)
        if (X[x + c] == most)
            at = c;
    place[t] = at;
    barrier();
    for (uint n = LANES / 2; n > 0; n /= 2) {
        if (t < n)
            place[t] = min(place[t], place[t + n]);
        barrier();
    }
    at = place[0];
    const bool flat_row = !(range > 1e-30);
    const float scale = flat_row ? 0.0 : range / 254.0, inv = flat_row ? 0.0 : 254.0 / range;
    const int zero = int(roundEven(-lo * inv));
    const float low = -float(zero);
    if (t == 0) {
        precise float rest = most - scale * float(integer(most, inv, low));
        Y[y] = ivec4(floatBitsToInt(scale), zero, odd ? 0x7fc00000 : floatBitsToInt(rest), odd ? 0 : int(at));
    }
    for (uint v = t; v < p.words / 4; v += LANES) {
        ivec4 q = ivec4(0);
        for (uint i = 0; i < 16; i++) {
            const uint c = 16 * v + i;
            const int b = (c < p.channels ? integer(X[x + c], inv, low) : 0) + zero - 128;
            q[i / 4] |= (b & 0xff) << (i % 4 * 8);
        }
        Y[y + 1 + v] = q;
    }
}
