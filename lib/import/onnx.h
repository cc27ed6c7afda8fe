/* onnx.h: parses an ONNX file (onnx.proto3 of ONNX 1.x) into nodes with their inputs, and weights. */
#ifndef MM_IMPORT_ONNX_H
#define MM_IMPORT_ONNX_H

#include "import/draft.h"
#include "import/pb.h"

typedef struct {
    mm_str name, op;
    mm_str *in, *out;
    int n_in, n_out;
    mm_str raw; /* the NodeProto, for its attributes */
} mm_onnx_node;

typedef struct {
    mm_str name;
    mm_tensor t;
} mm_onnx_weight;

typedef struct {
    mm_onnx_node *node;
    int64_t nodes;
    mm_onnx_weight *weight; /* initializers and Constant nodes' tensors, by name */
    int64_t weights;
    mm_str producer;
    int64_t input_dim[MM_MAX_RANK]; /* of the first input that is not a weight; 0: not fixed */
    int input_rank;
} mm_onnx;

/* Parses n bytes. The result points into the bytes, into d's arena and, for external data (files in dir), into maps
 * that d keeps. Refuses counts and sizes that the bytes cannot hold. */
mm_status mm_onnx_parse(mm_onnx *x, mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                        mm_err *e);

const mm_onnx_weight *mm_onnx_find(const mm_onnx *x, mm_str name); /* NULL: no constant has this name */

/* A node's attributes, or the default. ints: writes at most max and returns how many. */
int64_t mm_onnx_int(const mm_onnx_node *n, const char *attribute, int64_t otherwise);
float mm_onnx_float(const mm_onnx_node *n, const char *attribute, float otherwise);
int mm_onnx_ints(const mm_onnx_node *n, const char *attribute, int64_t *out, int max);

#endif
