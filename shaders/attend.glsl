// attend.glsl: shared by the attention shaders: items, the keys that a query sees, and biases (mm_attend_op in
// lib/backend/ops.h).
#include "common.glsl"

layout(constant_id = 0) const bool CAUSAL = false;
layout(constant_id = 1) const bool A4 = false;       // rows and heads begin at multiples of four floats; head % 4 = 0
layout(constant_id = 2) const bool TABLE = false;    // items come from a table; k and v share a binding
layout(constant_id = 3) const bool HALF = false;     // q, k and v are half matrices
layout(constant_id = 4) const bool YH = false;       // y is a half matrix
layout(constant_id = 5) const bool RANGED = false;   // there is a window or a prefix
layout(constant_id = 6) const bool BIAS = false;     // adds a bias for each query and key,
layout(constant_id = 7) const bool DISTANCE = false; // … for each distance (both in the binding of T)
layout(push_constant) uniform P
{
    uvec4 rows, more; // the only item, if there is no table
    uint group, head; // query heads per head of keys; columns per head
    uint q, k, v, y, ldq, ldk, ldv, ldy; // offsets and row strides, in floats
    uint table;       // offset, in vectors of four
    float scale;
    uint window; // 0: none
    uint bias, ldb, bias_rows, distance, ldd, reach;
} p;
layout(std430, binding = 2) readonly buffer T_ { uvec4 T[]; };
layout(std430, binding = 2) readonly buffer B_ { float B[]; };

struct Item {
    uint q0, queries, k0, keys; // first row and number of rows
    int start;                  // position of the first query
    uint prefix, bias;          // keys that every query sees; first row of the bias
};

Item item_of(uint z)
{
    uvec4 a = p.rows, b = p.more;
    if (TABLE) {
        a = T[p.table + 2 * z];
        b = T[p.table + 2 * z + 1];
    }
    return Item(a.x, a.y, a.z, a.w, int(b.x), b.y, b.z);
}

// A query sees keys from .. to-1 and all keys below prefix.
struct Seen {
    int from, to, prefix;
};

Seen seen_at(Item item, int at)
{
    Seen s = Seen(0, int(item.keys), 0);
    if (CAUSAL && at < s.to)
        s.to = at + 1;
    if (RANGED) {
        s.prefix = int(min(item.prefix, item.keys));
        if (p.window != 0) {
            s.from = max(0, at - int(p.window) + 1);
            if (int(p.window) < s.to - at)
                s.to = at + int(p.window);
        }
    }
    return s;
}

bool sees(Seen s, int key)
{
    return key < s.prefix || (key >= s.from && key < s.to);
}

// The range of keys, x .. y-1, that queries first .. first+n-1 (or to the item's last) see.
ivec2 seen_by_block(Item item, uint first, uint n)
{
    const Seen a = seen_at(item, item.start + int(first));
    const Seen b = seen_at(item, item.start + int(min(first + n, item.queries) - 1));
    return ivec2(b.prefix > 0 ? 0 : a.from, max(b.prefix, b.to));
}

// Offsets of the biases of head h for the query at position `at`: x for key 0, y for distance 0.
uvec2 bias_rows_of(Item item, uint h, int at)
{
    return uvec2(p.bias + (item.bias + h * p.bias_rows + uint(at)) * p.ldb, p.distance + h * p.ldd + p.reach);
}

const float HIDDEN = -1e30; // a bias below this hides the key; also the initial maximum of the scores

float bias_of(uvec2 rows, int at, int key)
{
    float b = BIAS ? B[rows.x + uint(key)] : 0.0;
    if (DISTANCE)
        b += B[uint(int(rows.y) + clamp(key - at, -int(p.reach), int(p.reach)))];
    return b;
}
