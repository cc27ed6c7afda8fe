/* encoding.h: what mm-encode-image, mm-encode-text and mm-encode-audio share: their options, and the path from a
 * model's output to a record. */
#ifndef MM_CLI_ENCODING_H
#define MM_CLI_ENCODING_H

#include "cli/device.h"
#include "encode/encode.h"

/* Values of the options; begin with MM_ENCODING_DEFAULTS. */
typedef struct {
    const char *model, *pool, *layer;
    int normalize, project;
    int64_t batch, top;
    bool keep, flush, classify;
    mm_device_values device;
} mm_encoding_values;

#define MM_ENCODING_DEFAULTS(most)                                                                                     \
    .normalize = -1, .project = -1, .batch = (most), .top = 5, .device = MM_DEVICE_DEFAULTS

/* Options that some encoders have beside the common ones. */
enum { MM_ENCODING_PROJECT = 1, MM_ENCODING_CLASSIFY = 2 };

/* Adds the rows that encoders share; `more` of the above. */
void mm_encoding_opts(mm_opts *o, mm_encoding_values *v, unsigned more);

/* A batch in flight. */
typedef struct {
    mm_arena a; /* its memory: reset when the slot is used again */
    mm_output *out;
    mm_err *failed;
    mm_pass *pass; /* NULL: nothing to encode */
} mm_encoding_slot;

typedef struct {
    mm_run *r;
    const mm_encoding_values *v;
    mm_model *model;
    mm_dev *dev;
    mm_encoder *encoder;
    mm_modality of;
    mm_encoding_slot slot[2];
    uint64_t prepares;  /* mm_model_prep_hash */
    uint64_t settings;  /* of options that change vectors and that the space does not tell; 0: none */
    const void *hashed; /* the payload whose hash is … */
    uint64_t hash;
} mm_encoding;

/* Opens model, device and encoder; dies with what would help when it cannot. pad: Whisper's 30 s. */
void mm_encoding_open(mm_encoding *x, mm_run *r, const mm_encoding_values *v, mm_modality of, bool pad);
void mm_encoding_close(mm_encoding *x);

/* An option of the tool's own that changes vectors and is not at its default. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void mm_encoding_setting(mm_encoding *x, const char *name, const char *fmt, ...);

/* mm_filter_run with what the options and the device say: batch, keep, flush, overlap. f.ctx begins with x. */
void mm_encoding_run(mm_encoding *x, mm_filter f);

/* Starts a batch of n inputs (0 is fine); out and failed of its slot are there once it is finished. */
mm_status mm_encoding_start(mm_encoding *x, int slot, const mm_input *in, int n, mm_err *e);
mm_status mm_encoding_finish(mm_encoding *x, int slot, mm_err *e);

/* The record that takes from's place: a feature, or with --classify a label; key, source, part, time, label and meta
 * are from's. Memory from the arena (the vector stays where it is). MM_FATAL when memory is out. */
mm_status mm_encoding_record(mm_encoding *x, mm_record *out, const mm_record *from, const mm_output *o, mm_arena *a,
                             mm_err *e);

/* Sets out->of, and meta.kind where the modality has another name than the kind of what was encoded. */
mm_status mm_encoding_modality(mm_record *out, const mm_record *from, mm_arena *a, mm_err *e);

/* provenance.c: meta.input and meta.settings of a record made of `from`. */
mm_status mm_provenance_put(mm_encoding *x, mm_record *out, const mm_record *from, mm_arena *a, mm_err *e);
/* mm_filter's matches; ctx begins with the mm_encoding. */
bool mm_provenance_matches(void *ctx, const mm_record *made, const mm_record *from, int n);
/* … and what --update needs: id, expected_id and refresh. */
uint64_t mm_provenance_id(void *ctx, const mm_record *made);
uint64_t mm_provenance_expected_id(void *ctx, const mm_record *from, int n);
mm_status mm_provenance_refresh(void *ctx, mm_record *made, const mm_record *from, mm_arena *a, mm_err *e);

#endif
