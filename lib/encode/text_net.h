/* text_net.h: what text encoders share: word, position and type embeddings, an optional norm, the layers. */
#ifndef MM_ENCODE_TEXT_NET_H
#define MM_ENCODE_TEXT_NET_H

#include "encode/blocks.h"

/* Names in the file, below mm_params' prefix. */
typedef struct {
    const char *word, *position;
    const char *type; /* the row of type 0 is added; NULL: none */
    const char *norm; /* NULL: none */
} mm_text_net_names;

typedef struct {
    mm_params params;
    mm_weight *word, *position, *type; /* [V,W], [P,W], [types,W] or NULL */
    mm_norm_params norm;               /* gain NULL: none */
    int64_t vocabulary, positions;
    mm_stack stack;
    mm_workspace work;
} mm_text_net;

/* Loads the embeddings; the stack is loaded before it. */
void mm_text_net_load(mm_text_net *t, const mm_text_net_names *n);
void mm_text_net_describe(const mm_text_net *t, mm_net_info *info);
mm_status mm_text_net_check(const mm_text_net *t, const mm_input *in, int64_t *floats, mm_err *e);
mm_status mm_text_net_forward(mm_text_net *t, mm_forward *f, mm_err *e);
void mm_text_net_free(mm_text_net *t);

#endif
