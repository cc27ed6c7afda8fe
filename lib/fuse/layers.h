/* layers.h: the pieces that fusion methods share. */
#ifndef MM_FUSE_LAYERS_H
#define MM_FUSE_LAYERS_H

#include "fuse/head.h"

/* Adds NAME.weight [out,in] and NAME.bias [out], started as torch.nn.Linear starts them. */
mm_status mm_add_linear(mm_head *h, const char *name, int64_t in, int64_t out, mm_rng *r, mm_err *e);
/* Adds NAME.weight [width] = 1 and NAME.bias [width] = 0, as torch.nn.LayerNorm. */
mm_status mm_add_layer_norm(mm_head *h, const char *name, int64_t width, mm_err *e);
/* fc_<modality> for every input, to `out` columns. */
mm_status mm_add_input_layers(mm_head *h, int64_t out, mm_rng *r, mm_err *e);

mm_node *mm_apply_linear(const mm_head *h, mm_tape *t, mm_node *x, const char *name);
mm_node *mm_apply_layer_norm(const mm_head *h, mm_tape *t, mm_node *x, const char *name);

/* Modality m as one row a sample: [n, width]; the mean of its rows, zeros where it is missing. */
mm_node *mm_pooled_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);
/* Modality m as it comes: [cu[n], width]. */
mm_node *mm_rows_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);
/* ReLU(fc_<modality>(pooled input)), a row of zeros where the modality is missing: [n, hidden]. */
mm_node *mm_hidden_input(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, int m);

/* [n, inputs] of 1 and 0: which modalities each sample has; tape memory. NULL: the tape is in error. */
const uint8_t *mm_present(const mm_head *h, mm_tape *t, const mm_fuse_batch *b);
/* The same for one modality, as a column of 1.0 and 0.0: [n, 1]. */
mm_node *mm_present_column(mm_tape *t, const mm_fuse_batch *b, int m);

/* fc_out(dropout(fused)); the usual end. */
void mm_finish(const mm_head *h, mm_tape *t, mm_node *fused, mm_rng *rng, mm_fused *out);

#endif
