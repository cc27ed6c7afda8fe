/* text_net.h: what text encoders share: word, position and type embeddings, an optional norm, the layers. */
#ifndef MM_ENCODE_TEXT_NET_H
#define MM_ENCODE_TEXT_NET_H

#include "encode/arch.h"

/* Names in the file, after mm_params' prefix. */
typedef struct {
    const char *word, *position;
    const char *type; /* row 0 is added, as for a single sentence; NULL: none */
    const char *norm; /* NULL: none */
} mm_text_net_names;

typedef struct {
    mm_net net;
    mm_weight *word, *position, *type; /* [V,W], [P,W], [types,W] or NULL */
    mm_norm_params norm;               /* gain NULL: none */
    int64_t vocabulary, positions;
} mm_text_net;

/* Loads layers and embeddings and fills net.info with what follows from them. */
void mm_text_net_load(mm_text_net *t, const mm_text_net_names *names, const mm_stack_spec *spec,
                      const mm_stack_names *layers);

/* mm_arch's functions for structs that begin with an mm_text_net. */
mm_status mm_text_net_check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e);
mm_status mm_text_net_forward(mm_net *n, mm_forward *f, mm_err *e);

#endif
