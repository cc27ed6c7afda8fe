/* import.h: makes a model directory (model.h) from the model files of other programs. */
#ifndef MM_IMPORT_IMPORT_H
#define MM_IMPORT_IMPORT_H

#include "base/log.h"
#include "base/status.h"
#include "import/draft.h"

typedef struct {
    const char *config;          /* a config.json whose members override what the importer infers; NULL: none */
    const char *preprocessor;    /* the same for preprocessor_config.json */
    const char *const *set;      /* "key=value" for config.json; the value is JSON, or else a string */
    const char *const *set_prep; /* … for preprocessor_config.json */
    int sets, set_preps;
    const mm_log *log;
} mm_import_opts;

/* src: an .onnx file or a directory that holds one, or a CTranslate2 directory (model.bin) or its model.bin. Writes
 * dest (mm_draft_write). MM_FATAL says what is wrong and what helps. */
mm_status mm_import(const char *src, const char *dest, const mm_import_opts *o, mm_err *e);

/* The two importers: fill a draft from the n bytes of a file; dir has its companion files. */
mm_status mm_import_onnx(mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                         const mm_import_opts *o, mm_err *e);
mm_status mm_import_ct2(mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                        const mm_import_opts *o, mm_err *e);

#endif
