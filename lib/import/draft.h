/* draft.h: a model directory in the making: the importers fill it with tensors, config and files, and it is written in
 * one go. */
#ifndef MM_IMPORT_DRAFT_H
#define MM_IMPORT_DRAFT_H

#include "base/file.h"
#include "model/safetensors.h"

typedef struct {
    mm_arena arena; /* names and converted tensors */
    mm_named_tensor *t;
    int64_t n, cap;
    json_t *config;       /* config.json; an object */
    json_t *preprocessor; /* preprocessor_config.json; NULL: none */
    json_t *metadata;     /* of the safetensors file: format, where it came from */
    struct {
        char *from, *name;
    } copy[32]; /* files that are copied unchanged */
    int copies;
    struct {
        char *name;
        mm_map map;
    } mapped[64]; /* files that tensors point into */
    int maps;
} mm_draft;

mm_status mm_draft_init(mm_draft *d, mm_err *e);
void mm_draft_free(mm_draft *d);

/* Adds a tensor under a name (copied into the arena); data must outlive the draft. */
mm_status mm_draft_add(mm_draft *d, const char *name, const mm_tensor *t, mm_err *e);
mm_status mm_draft_addf(mm_draft *d, const mm_tensor *t, mm_err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void mm_draft_remove(mm_draft *d, const char *name);
const mm_tensor *mm_draft_find(const mm_draft *d, const char *name); /* NULL: absent */

/* [rows, cols] → [cols, rows], in the arena. Elements of any size. */
mm_status mm_draft_transposed(mm_draft *d, mm_tensor *out, const mm_tensor *in, mm_err *e);
/* Rows from..to of the first dimension: a view. */
mm_tensor mm_tensor_rows(const mm_tensor *t, int64_t from, int64_t to);

/* Maps DIR/NAME until mm_draft_free; the same file only once. */
mm_status mm_draft_map(mm_draft *d, const char *dir, const char *name, const mm_map **out, mm_err *e);

/* Has DIR/NAME, if it exists, copied into the model. */
mm_status mm_draft_copy(mm_draft *d, const char *dir, const char *name, mm_err *e);

/* Members of the JSON object in a file override those of *to, which is made when it is NULL. */
mm_status mm_draft_overlay(json_t **to, const char *path, mm_err *e);

/* Writes everything, and SHA256SUMS for mm_model_verify, into a hidden directory beside DEST, which is renamed to DEST
 * at the end. DEST must not exist, or be an empty directory. */
mm_status mm_draft_write(mm_draft *d, const char *dest, mm_err *e);

#endif
