/* layers.h: the layers and inputs that fusion methods share. */
#ifndef MM_FUSE_LAYERS_H
#define MM_FUSE_LAYERS_H

#include "fuse/head.h"

/* Adds NAME.weight [out,in] and NAME.bias [out], initialised like torch.nn.Linear. */
mm_status mm_add_linear(mm_head *h, const char *name, int64_t in, int64_t out, mm_rng *r, mm_err *e);
/* Adds NAME.weight [width] = 1 and NAME.bias [width] = 0, like torch.nn.LayerNorm. */
mm_status mm_add_layer_norm(mm_head *h, const char *name, int64_t width, mm_err *e);
/* The same as PREFIX<name of input m>: "gate_image". */
mm_status mm_add_input_linear(mm_head *h, const char *prefix, int m, int64_t in, int64_t out, mm_rng *r, mm_err *e);
/* Adds fc_<modality> [out,width] for every input. */
mm_status mm_add_input_layers(mm_head *h, int64_t out, mm_rng *r, mm_err *e);

mm_node *mm_apply_linear(const mm_head *h, mm_tape *t, mm_node *x, const char *name);
mm_node *mm_apply_input_linear(const mm_head *h, mm_tape *t, mm_node *x, const char *prefix, int m);
mm_node *mm_apply_layer_norm(const mm_head *h, mm_tape *t, mm_node *x, const char *name);

/* Modality m, pooled: [n, width], the mean of its rows, zeros where it is missing. */
mm_node *mm_pooled_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);
/* All rows of modality m: [cu[n], width]. */
mm_node *mm_rows_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);
/* ReLU(fc_<modality>(pooled input)): [n, hidden], zeros where the modality is missing. */
mm_node *mm_hidden_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);

/* [n, inputs] 1: the sample has the modality; else 0. Tape memory; NULL: the tape is in error. */
const uint8_t *mm_present(const mm_head *h, mm_tape *t, const mm_fuse_batch *b);
/* The same for one modality, as 1.0 and 0.0: [n, 1]. */
mm_node *mm_present_column(mm_tape *t, const mm_fuse_batch *b, int m);

/* The usual last layer: fc_out(dropout(fused)). */
void mm_finish(const mm_head *h, mm_tape *t, mm_node *fused, mm_rng *rng, mm_fused *out);

#endif
