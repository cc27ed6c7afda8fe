/* load.h: references from a stream, and the texts that features were made from. */
#ifndef MM_LABEL_LOAD_H
#define MM_LABEL_LOAD_H

#include "base/log.h"
#include "label/refs.h"

typedef struct {
    bool must_be_labelled; /* examples: leave out what carries no label. Otherwise the text or the key is the name */
    bool by_key;           /* every vector is called by its key, whatever label it carries */
    const char *field;     /* which entry of a label map; NULL: see mm_label_text */
    bool texts;            /* keep the text that each was made from */
    const char *of;        /* only features of this modality, where a file (no pipe) holds any; NULL: all */
    const mm_log *log;     /* gets a warning about what is left out */
} mm_load;

/* Adds the features of a stream file. MM_FATAL when it cannot be read, holds none, or mixes spaces. */
mm_status mm_refs_load(mm_refs *refs, const char *path, const mm_load *how, mm_err *e);

/* The last text record: mm-encode-text --keep writes it before its feature. */
typedef struct {
    mm_arena arena;
    mm_str key, text;
    int64_t part;
} mm_text_memory; /* all zero: nothing seen yet */

mm_status mm_text_memory_see(mm_text_memory *m, const mm_record *rec, mm_err *e);
/* The text that a feature was made from: meta.text, or the text record before it; p NULL when there is neither. */
mm_str mm_text_memory_of(const mm_text_memory *m, const mm_record *rec);

#endif
