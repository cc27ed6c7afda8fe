#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>

static const struct {
    uint8_t size;
    const char *name, *numpy;
} TYPES[MM_TYPES] = {
    [MM_U8] = {1, "u8", "|u1"},     [MM_I8] = {1, "i8", "|i1"},   [MM_U16] = {2, "u16", "<u2"},
    [MM_I16] = {2, "i16", "<i2"},   [MM_U32] = {4, "u32", "<u4"}, [MM_I32] = {4, "i32", "<i4"},
    [MM_U64] = {8, "u64", "<u8"},   [MM_I64] = {8, "i64", "<i8"}, [MM_F16] = {2, "f16", "<f2"},
    [MM_BF16] = {2, "bf16", NULL},  [MM_F32] = {4, "f32", "<f4"}, [MM_F64] = {8, "f64", "<f8"},
    [MM_BOOL] = {1, "bool", "|b1"},
};

size_t mm_type_size(mm_type t)
{
    return TYPES[t].size;
}

const char *mm_type_name(mm_type t)
{
    return TYPES[t].name;
}

const char *mm_type_numpy(mm_type t)
{
    return TYPES[t].numpy;
}

mm_status mm_shape_make(mm_shape *s, mm_type type, int rank, const int64_t *dim, mm_err *e)
{
    if (rank < 0 || rank > MM_MAX_RANK)
        return mm_fail(e, MM_SKIP, "a tensor of %d dimensions (at most %d are supported)", rank, MM_MAX_RANK);
    mm_shape made = {.type = type, .rank = rank};
    int64_t limit = ((int64_t)1 << 62) / (int64_t)mm_type_size(type);
    int64_t product = 1; /* of the non-zero dimensions, so that [0, 2^40, 2^40] is refused as well */
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return mm_fail(e, MM_SKIP, "a tensor with a negative dimension");
        if (dim[i] && product > limit / dim[i])
            return mm_fail(e, MM_SKIP, "a tensor too large to address");
        if (dim[i])
            product *= dim[i];
        made.dim[i] = dim[i];
    }
    *s = made;
    return MM_OK;
}

int64_t mm_shape_count(const mm_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

size_t mm_shape_bytes(const mm_shape *s)
{
    return (size_t)mm_shape_count(s) * mm_type_size(s->type);
}

bool mm_shape_eq(const mm_shape *a, const mm_shape *b)
{
    if (a->type != b->type || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

char *mm_shape_text(const mm_shape *s, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "%s[", mm_type_name(s->type));
    for (int i = 0; i < s->rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%lld", i ? "," : "", (long long)s->dim[i]);
    if (at < size)
        snprintf(out + at, size - at, "]");
    return out;
}

float mm_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023, u;
    if (exponent == 31) { /* infinity, NaN */
        u = sign | 0x7f800000 | fraction << 13;
    } else if (exponent) {
        u = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero and subnormals: fraction × 2^-24, exact in f32 */
        float f = (float)fraction * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

uint16_t mm_f32_to_f16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffff;
    if (u > 0x7f800000)
        return sign | 0x7e00; /* NaN */
    if (u >= 0x477ff000)
        return sign | 0x7c00; /* 65520 and above round to infinity */
    if (u < 0x38800000) {     /* below 2^-14: let the FPU round at the subnormals' unit, 2^-24 */
        float a;
        memcpy(&a, &u, 4);
        a = a + 0.5f; /* 0.5 has the unit 2^-24 */
        memcpy(&u, &a, 4);
        return sign | (uint16_t)(u - 0x3f000000);
    }
    u += 0xfff + (u >> 13 & 1);
    return sign | (uint16_t)((u - 0x38000000) >> 13);
}

uint16_t mm_f32_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

#define CONVERT(ctype, expr)                                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        ctype v;                                                                                                       \
        memcpy(&v, (const char *)src + (size_t)i * sizeof v, sizeof v);                                                \
        dst[i] = (expr);                                                                                               \
    }                                                                                                                  \
    break

void mm_to_f32(float *dst, const void *src, mm_type type, int64_t n)
{
    switch (type) {
    case MM_U8: CONVERT(uint8_t, (float)v);
    case MM_I8: CONVERT(int8_t, (float)v);
    case MM_U16: CONVERT(uint16_t, (float)v);
    case MM_I16: CONVERT(int16_t, (float)v);
    case MM_U32: CONVERT(uint32_t, (float)v);
    case MM_I32: CONVERT(int32_t, (float)v);
    case MM_U64: CONVERT(uint64_t, (float)v);
    case MM_I64: CONVERT(int64_t, (float)v);
    case MM_F16: CONVERT(uint16_t, mm_f16_to_f32(v));
    case MM_BF16: CONVERT(uint16_t, mm_bf16_to_f32(v));
    case MM_F32: memcpy(dst, src, (size_t)n * sizeof *dst); break;
    case MM_F64: CONVERT(double, (float)v);
    case MM_BOOL: CONVERT(uint8_t, v ? 1.0f : 0.0f);
    case MM_TYPES: break;
    }
}

const float *mm_tensor_f32(mm_arena *a, const mm_tensor *t)
{
    if (t->s.type == MM_F32 && (uintptr_t)t->data % sizeof(float) == 0)
        return t->data;
    int64_t n = mm_shape_count(&t->s);
    float *copy = mm_arena_zalloc(a, (size_t)n, sizeof *copy);
    if (copy)
        mm_to_f32(copy, t->data, t->s.type, n);
    return copy;
}

double mm_to_unit_length(float *out, const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(x[i] * scale);
    return sum;
}

int64_t mm_tensor_not_finite(const mm_tensor *t)
{
    enum { BLOCK = 256 };
    if (t->s.type != MM_F16 && t->s.type != MM_BF16 && t->s.type != MM_F32 && t->s.type != MM_F64)
        return -1;
    int64_t n = mm_shape_count(&t->s);
    for (int64_t at = 0; at < n; at += BLOCK) {
        float x[BLOCK], zero = 0;
        int64_t k = n - at < BLOCK ? n - at : BLOCK;
        mm_to_f32(x, mm_tensor_at(t, at), t->s.type, k);
        for (int64_t i = 0; i < k; i++)
            zero += x[i] * 0; /* NaN when one of them is not finite */
        for (int64_t i = 0; zero != 0 && i < k; i++)
            if (!isfinite(x[i]))
                return at + i;
    }
    return -1;
}
