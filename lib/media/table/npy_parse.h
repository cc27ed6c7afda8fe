/* npy_parse.h: NumPy's array files (numpy.lib.format, versions 1 to 3). */
#ifndef MM_MEDIA_TABLE_NPY_PARSE_H
#define MM_MEDIA_TABLE_NPY_PARSE_H

#include "base/str.h"
#include "tensor/tensor.h"

/* The array in the file; data points into it. MM_SKIP: not an NPY file, truncated, not little-endian numbers, or in
 * Fortran order with more than one dimension (the message names the numpy call that helps). */
mm_status mm_npy_parse(mm_tensor *out, mm_str file, mm_err *e);

#endif
