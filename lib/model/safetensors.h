/* safetensors.h: a mapped .safetensors file (format: 8-byte header length, JSON header, raw tensors). */
#ifndef MM_MODEL_SAFETENSORS_H
#define MM_MODEL_SAFETENSORS_H

#include "base/status.h"
#include "tensor/tensor.h"

#include <jansson.h>

typedef struct {
    const char *name;
    mm_tensor t; /* data points into the mapping */
} mm_named_tensor;

typedef struct mm_safetensors mm_safetensors;

/* Maps path and reads its header. Refuses headers beyond 32 MiB, offsets outside the file, tensors that overlap or
 * leave gaps, sizes that do not match their shapes, and unknown dtypes, by the tensor's name. */
mm_status mm_safetensors_open(mm_safetensors **out, const char *path, mm_err *e);
/* The same for bytes in memory, which the caller keeps (tests, fuzzing). */
mm_status mm_safetensors_parse(mm_safetensors **out, const void *bytes, size_t n, const char *name, mm_err *e);
void mm_safetensors_close(mm_safetensors *s);

int64_t mm_safetensors_count(const mm_safetensors *s);
const mm_named_tensor *mm_safetensors_at(const mm_safetensors *s, int64_t i);          /* in file order */
const mm_named_tensor *mm_safetensors_find(const mm_safetensors *s, const char *name); /* NULL: absent */
const json_t *mm_safetensors_metadata(const mm_safetensors *s);                        /* __metadata__; NULL: none */

/* A cheap digest: FNV-1a over the header and 16 blocks of 4 KiB spread evenly over the data, including the first and
 * the last. seed chains the files of a sharded model. */
uint64_t mm_safetensors_digest(const mm_safetensors *s, uint64_t seed);

/* Writes tensors (in the given order) and metadata (NULL: none) to path through path.part and rename. */
mm_status mm_safetensors_write(const char *path, const mm_named_tensor *t, int64_t n, const json_t *metadata,
                               mm_err *e);

#endif
