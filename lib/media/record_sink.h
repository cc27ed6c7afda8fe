/* record_sink.h: where the decoders of one input put the records that they make of it. */
#ifndef MM_MEDIA_RECORD_SINK_H
#define MM_MEDIA_RECORD_SINK_H

#include "base/fault.h"
#include "media/decode_options.h"
#include "media/image/picture.h"
#include "source/blob.h"

/* Where records go. Returns MM_OK, or MM_FATAL to stop decoding. */
typedef mm_status (*mm_emit)(void *ctx, const mm_record *rec, mm_err *e);

typedef struct {
    const mm_blob *b;
    const mm_decode_opts *o;
    mm_arena *a; /* reset after every record */
    mm_emit emit;
    void *ctx;
    int64_t emitted;
    bool marked; /* the last record was a mark */
    mm_err *e;   /* why everything has to stop: the receiver failed */
} mm_sink;

/* A record with the key and src of this input. */
mm_record mm_sink_record(const mm_sink *s, mm_kind kind);
/* Makes `name`, of a speaker, the modality of rec; after o->of and a hyphen, where that is asked for: "chat-agent".
 * MM_SKIP with *why set: it has a comma or is not UTF-8, or memory is out. */
mm_status mm_sink_modality(const mm_sink *s, mm_record *rec, mm_str name, mm_fault *why);
/* Hands rec on and resets the arena. MM_FATAL: stop. */
mm_status mm_sink_put(mm_sink *s, const mm_record *rec);
/* The same with x[dim[0], …] as rec's data. MM_SKIP with f set: it is too large. */
mm_status mm_sink_put_floats(mm_sink *s, mm_record *rec, const float *x, int rank, const int64_t *dim, mm_fault *f);
/* Puts the error record for f. */
mm_status mm_sink_fault(mm_sink *s, const mm_fault *f);
/* The same with the key, part and time of rec, whose strings are in the sink's arena or outlive it. */
mm_status mm_sink_fault_of(mm_sink *s, mm_record *rec, const mm_fault *f);

/* With o->mark: puts a mark with this key. mm_sink_put and mm_sink_fault_of call it
 *   – after each line or row;
 *   – in a live input, after each window of sound: where there are several channels, after that of the last;
 *   – in a live input, after each cue, and each window of a series;
 *   – in a live input, after each frame, where no windows of sound are asked for;
 * and mm_decode at the end of the input, unless a mark was the last that was put. */
mm_status mm_sink_mark(mm_sink *s, mm_str key);

/* Adds n to the field of o->notes at offset `what`. */
void mm_sink_note(const mm_sink *s, size_t what, int64_t n);

mm_picture_limits mm_sink_limits(const mm_sink *s);
double mm_sink_max_duration(const mm_sink *s);

#endif
