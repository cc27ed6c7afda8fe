/* npy_parse.h: NumPy's array files (numpy.lib.format, versions 1 to 3). */
#ifndef MM_MEDIA_TABLE_NPY_PARSE_H
#define MM_MEDIA_TABLE_NPY_PARSE_H

#include "base/str.h"
#include "tensor/tensor.h"

/* The array in n bytes; data points into them. MM_SKIP: no NPY file, cut off, or of a type that is not numbers in
 * little-endian or Fortran order of more than one dimension (both said with what numpy call helps). */
mm_status mm_npy_parse(mm_tensor *out, mm_str file, mm_err *e);

#endif
