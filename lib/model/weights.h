/* weights.h: the weights of a model directory: model.safetensors, or shards with an index, and the panels of a packed
 * model. */
#ifndef MM_MODEL_WEIGHTS_H
#define MM_MODEL_WEIGHTS_H

#include "model/safetensors.h"

/* A packed model's panels, and the metadata "format" and "version" of such a file. */
#define MM_PANELS_FILE "panels.safetensors"
#define MM_PANELS_FORMAT "mm-panels"
#define MM_PANELS_VERSION "1"

typedef struct {
    mm_safetensors **shard; /* [shards] in order of name */
    int shards;
    const mm_named_tensor **t;       /* [count] in the order of the files */
    const mm_named_tensor **by_name; /* [count] */
    int64_t count;
    char digest[17];                              /* of all shards, in hex: mm_safetensors_digest */
    mm_safetensors *panels;                       /* of a packed model, else NULL */
    const char *layout, *precision, *packed_from; /* what panels were packed for, and the model's name; or NULL */
} mm_weights;

/* Opens the weights of a directory into zeros; close after a failure, too. MM_FATAL says what the directory holds
 * instead, or what is wrong with it. */
mm_status mm_weights_open(mm_weights *w, const char *dir, mm_err *e);
void mm_weights_close(mm_weights *w);

const mm_named_tensor *mm_weights_find(const mm_weights *w, const char *name); /* NULL: absent */

#endif
