/* onnx_tensor.h: TensorProtos of an ONNX file as tensors. Internal to import/. */
#ifndef MM_IMPORT_ONNX_TENSOR_H
#define MM_IMPORT_ONNX_TENSOR_H

#include "import/onnx.h"

typedef struct {
    mm_onnx *x;             /* being filled; weight has memory for one more */
    mm_draft *d;            /* owner of memory and of maps of external data */
    const char *path, *dir; /* of the file, for messages; where external data lies */
} mm_onnx_parser;

mm_status mm_onnx_damaged(const mm_onnx_parser *p, mm_err *e);
/* Appends the tensor of this message to x->weight, under `name` or (p NULL) its own. Strings are skipped. MM_FATAL for
 * unknown element types, sizes that do not fit, and data outside dir. */
mm_status mm_onnx_add_weight(mm_onnx_parser *p, mm_str name, mm_str message, mm_err *e);

#endif
