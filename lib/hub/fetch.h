/* fetch.h: a model from a hub (huggingface.co or a mirror) into a directory. Links libcurl: only mm-model does. */
#ifndef MM_HUB_FETCH_H
#define MM_HUB_FETCH_H

#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *endpoint; /* NULL or "": https://huggingface.co */
    const char *token;    /* NULL or "": none */
    bool all;             /* every file, not only those that a model needs */
    const mm_log *log;
    void (*progress)(void *ctx, int64_t done, int64_t total); /* bytes; may be NULL */
    void *ctx;
} mm_fetch_opts;

/* Downloads OWNER/NAME or OWNER/NAME@REVISION. Files gather in DEST.part, which becomes DEST when all are complete and
 * have the size and (for large files) the SHA-256 that the hub states. An interrupted download of the same commit
 * continues. DEST must not exist. MM_FATAL says what is wrong and what helps. */
mm_status mm_fetch(const char *repo, const char *dest, const mm_fetch_opts *o, mm_err *e);

#endif
