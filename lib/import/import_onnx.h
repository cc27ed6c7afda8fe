/* import_onnx.h: the ONNX importer: names (import_onnx.c), architectures and companion files (onnx_archs.c), config
 * (onnx_config.c), facts about the graph (onnx_facts.c). */
#ifndef MM_IMPORT_IMPORT_ONNX_H
#define MM_IMPORT_IMPORT_ONNX_H

#include "base/log.h"
#include "import/onnx.h"

enum { MM_ONNX_TRANSPOSED = 8192 };

typedef struct mm_onnx_import mm_onnx_import;

/* An architecture that is recognised by two of its parameters. */
typedef struct {
    const char *model_type, *architecture;
    const char *base;               /* the attribute that holds it in models with a head ("vit") */
    const char *anchor, *second[2]; /* names without prefix: anchor and one of second must exist */
    mm_status (*finish)(mm_onnx_import *m, mm_err *e);
} mm_onnx_arch;

struct mm_onnx_import {
    mm_draft *d; /* the result */
    mm_onnx x;
    mm_draft named; /* tensors as the file has them, by the names that file and nodes give them */
    const char *transpose[MM_ONNX_TRANSPOSED]; /* those of `named` that are [in,out] and must become [out,in] */
    int transposed;
    const mm_onnx_arch *arch;
    char prefix[128];     /* of the architecture's names in the file: "backbone." */
    char own_prefix[128]; /* … in the result */
    int64_t dropped;
    const char *path;
    const mm_log *log;
};

/* Sets arch and prefix, or fails naming what is supported. */
mm_status mm_onnx_recognise(mm_onnx_import *m, mm_err *e);
/* Undoes what exporters fold, fills config.json and preprocessor_config.json, lists the companion files. */
mm_status mm_onnx_finish(mm_onnx_import *m, const char *dir, mm_err *e);

/* Fill config and preprocessor of one architecture, and undo what exporters fold. */
mm_status mm_onnx_dinov2(mm_onnx_import *m, mm_err *e);
mm_status mm_onnx_vit(mm_onnx_import *m, mm_err *e);
mm_status mm_onnx_clip(mm_onnx_import *m, mm_err *e);
mm_status mm_onnx_bert(mm_onnx_import *m, mm_err *e);
mm_status mm_onnx_wav2vec2(mm_onnx_import *m, mm_err *e);

/* ---- facts, once the result has its tensors ---- */
const mm_tensor *mm_fact_tensor(const mm_onnx_import *m, const char *name); /* NULL: absent */
int64_t mm_fact_dim(const mm_onnx_import *m, const char *name, int i);      /* 0: absent */
/* How many of HEAD0TAIL, HEAD1TAIL … there are. */
int64_t mm_fact_count(const mm_onnx_import *m, const char *head, const char *tail);
/* Of the first layer in a scope ("text_model/"; "": the whole graph). Heads are 0 when they do not follow from the
 * graph. */
int64_t mm_fact_heads(const mm_onnx_import *m, const char *scope, int64_t width);
double mm_fact_epsilon(const mm_onnx_import *m, const char *scope, double otherwise);
const char *mm_fact_activation(const mm_onnx_import *m, const char *scope);
/* The first node of that kind whose name holds scope; NULL: none. */
const mm_onnx_node *mm_fact_node(const mm_onnx_import *m, const char *scope, const char *op);

#endif
