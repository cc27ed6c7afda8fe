/* tensor.h: element types, shapes and views. A view owns nothing; sizes are checked for overflow once, where
 * they enter (mm_shape_make), and are safe to multiply from then on. */
#ifndef MM_TENSOR_TENSOR_H
#define MM_TENSOR_TENSOR_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MM_U8,
    MM_I8,
    MM_U16,
    MM_I16,
    MM_U32,
    MM_I32,
    MM_U64,
    MM_I64,
    MM_F16,
    MM_BF16,
    MM_F32,
    MM_F64,
    MM_BOOL,
    MM_TYPES, /* how many there are */
} mm_type;

enum { MM_MAX_RANK = 6 };

typedef struct {
    mm_type type;
    int rank; /* 0 is a scalar */
    int64_t dim[MM_MAX_RANK];
} mm_shape;

typedef struct {
    mm_shape s;
    const void *data; /* row-major, little-endian, not necessarily aligned */
} mm_tensor;

size_t mm_type_size(mm_type t);       /* bytes of one element */
const char *mm_type_name(mm_type t);  /* "f32" */
const char *mm_type_numpy(mm_type t); /* "<f4"; NULL for bf16, which numpy lacks */

/* Fills *s. MM_SKIP when rank is above MM_MAX_RANK, a dimension negative, or the size in bytes above 2^62. */
mm_status mm_shape_make(mm_shape *s, mm_type type, int rank, const int64_t *dim, mm_err *e);
int64_t mm_shape_count(const mm_shape *s); /* elements; 1 for a scalar */
size_t mm_shape_bytes(const mm_shape *s);
bool mm_shape_eq(const mm_shape *a, const mm_shape *b); /* type, rank and dimensions */

/* "f32[197,768]" into out (at least 128 bytes); returns out. */
char *mm_shape_text(const mm_shape *s, char *out, size_t size);

/* Where element i lies, counted in row-major order. */
static inline const char *mm_tensor_at(const mm_tensor *t, int64_t i)
{
    return (const char *)t->data + (size_t)i * mm_type_size(t->s.type);
}

/* Converts n elements of any type to f32 (integers as their value, bool as 0/1). src need not be aligned. */
void mm_to_f32(float *dst, const void *src, mm_type type, int64_t n);
/* The tensor's elements as aligned f32: the view itself where it already is that, else a converted copy in
 * the arena; NULL when memory is out. */
const float *mm_tensor_f32(mm_arena *a, const mm_tensor *t);

/* out[n] = x / ‖x‖, zeros of zeros; out may be x. Returns ‖x‖², summed in double and in order; where that is not
 * finite, out means nothing. */
double mm_to_unit_length(float *out, const float *x, int64_t n);

/* The first element that is not finite (NaN, infinite); −1: all are. */
int64_t mm_tensor_not_finite(const mm_tensor *t);

float mm_f16_to_f32(uint16_t h);
uint16_t mm_f32_to_f16(float f); /* round to nearest even */
static inline float mm_bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
uint16_t mm_f32_to_bf16(float f); /* round to nearest even, NaN kept */

#endif
