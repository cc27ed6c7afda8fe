/* hub.h: reads a hub's description of a repository and chooses the files that a model needs. No network here. */
#ifndef MM_HUB_HUB_H
#define MM_HUB_HUB_H

#include "base/arena.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name;   /* "1_Pooling/config.json" */
    int64_t size;       /* −1: not stated */
    const char *sha256; /* NULL: not stated (the hub states it for large files) */
} mm_hub_file;

typedef struct {
    const char *commit;
    mm_hub_file *file; /* the chosen ones */
    int files;
} mm_hub_repo;

/* Splits "OWNER/NAME@REV"; refuses characters that such names cannot have. *rev is "main" without @. */
mm_status mm_hub_split(const char *repo, mm_arena *a, const char **id, const char **rev, mm_err *e);

/* Reads the answer to /api/models/ID/revision/REV?blobs=true. MM_FATAL when names are not safe to write below a
 * directory, or when the repository has no safetensors. Memory from the arena. */
mm_status mm_hub_read(mm_hub_repo *out, const json_t *answer, const char *id, bool all, mm_arena *a, mm_err *e);

#endif
