/* vector.h: a record's feature as a vector of length 1, and many dot products at once. */
#ifndef MM_LABEL_VECTOR_H
#define MM_LABEL_VECTOR_H

#include "stream/record.h"

/* Vectors are stored padded with zeros to a multiple of this many floats, so that kernels need no tails. */
enum { MM_LANES = 16 };

static inline int64_t mm_padded(int64_t dim)
{
    return (dim + MM_LANES - 1) / MM_LANES * MM_LANES;
}

/* The record's feature [dim], divided by its length, to out [mm_padded(dim)]; a zero vector stays zero. MM_SKIP when
 * the record holds no single vector, one of another dimension, or values that are not finite. */
mm_status mm_vector_unit(float *out, int64_t dim, const mm_record *rec, mm_arena *a, mm_err *e);
/* The dimension of a record's feature; 0 with MM_SKIP when it is not one vector. */
mm_status mm_vector_dim(int64_t *dim, const mm_record *rec, mm_err *e);

/* out[j·ld + i] = ⟨a_i, b_j⟩ for the na vectors a and nb vectors b, all of `stride` floats (a multiple of MM_LANES).
 * A product's value does not depend on its neighbours in the block. */
typedef void mm_dot_kernel(float *out, int64_t ld, const float *a, int64_t na, const float *b, int64_t nb,
                           int64_t stride);
mm_dot_kernel mm_dot_portable, mm_dot_avx2;
mm_dot_kernel *mm_dot_best(void); /* for this processor */

#endif
