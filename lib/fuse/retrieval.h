/* retrieval.h: samples with two modalities as queries and candidates of a retrieval evaluation. */
#ifndef MM_FUSE_RETRIEVAL_H
#define MM_FUSE_RETRIEVAL_H

#include "eval/report.h"
#include "fuse/dataset.h"

/* The samples with one vector of modality a and at least one of b, vectors L2-normalised. Memory from the arena.
 * MM_SKIP: there are none, or the modalities do not share a space. */
mm_status mm_retrieval_pairs(mm_pairs *out, const mm_data *d, const char *a, const char *b, mm_arena *arena, mm_err *e);

#endif
