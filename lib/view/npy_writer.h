/* npy_writer.h: features as one NumPy array (the NPY format, version 1.0), written row by row. */
#ifndef MM_VIEW_NPY_WRITER_H
#define MM_VIEW_NPY_WRITER_H

#include "stream/record.h"

#include <stdio.h>

typedef struct {
    FILE *f;         /* seekable; the caller's */
    mm_shape row;    /* of every row, always f32 */
    int64_t rows;    /* so far */
    char space[512]; /* of the first row; "" none */
    char of[64];     /* … its modality */
} mm_npy;

/* Leaves space for the header; f must be seekable. */
mm_status mm_npy_begin(mm_npy *n, FILE *f, mm_err *e);
/* Appends the record's tensor as f32. MM_FATAL: its shape or space differs from the first record's; the text names
 * both and what to do. */
mm_status mm_npy_put(mm_npy *n, const mm_record *rec, mm_arena *a, mm_err *e);
/* Writes the header: shape [rows, ...]; without a row [0, 0]. The caller closes f and looks for its errors. */
mm_status mm_npy_end(mm_npy *n, mm_err *e);

#endif
