/* record.h: one record of a feature stream (mm-stream(5)) as a C struct.
 *
 * A record's strings, tensors and values point into the arena it was read or built with, and live until that
 * arena is reset. */
#ifndef MM_STREAM_RECORD_H
#define MM_STREAM_RECORD_H

#include "base/arena.h"
#include "base/str.h"
#include "tensor/tensor.h"

#include <msgpack.h>
#include <stdbool.h>

enum { MM_STREAM_VERSION = 1 };

/* What a reader accepts. */
enum { MM_RECORD_MAX_DEPTH = 24 };            /* nested maps and arrays, the record itself included */
enum { MM_RECORD_MAX_ITEMS = 1 << 20 };       /* values in one record, keys included; a tensor is a handful */
#define MM_RECORD_MAX_BYTES ((size_t)1 << 30) /* writers stay below 64 MiB except for single photos */

typedef enum {
    MM_KIND_IMAGE,   /* data: u8|u16|f32 [H,W,3], RGB, upright */
    MM_KIND_AUDIO,   /* data: f32 [N], mono, −1..1, at `rate` samples per second */
    MM_KIND_TEXT,    /* data: str, UTF-8 */
    MM_KIND_SERIES,  /* data: f32 [N] or [N,C], at `rate` rows per second where known */
    MM_KIND_VOLUME,  /* data: [Z,Y,X] */
    MM_KIND_FEATURE, /* data: f32 [D] or [T,D]; `of`, `space`, `grid` */
    MM_KIND_LABEL,   /* label: what mm-label found */
    MM_KIND_ERROR,   /* error: what failed */
    MM_KIND_MARK,    /* no data: what stands before it leaves every tool without waiting for what comes after it */
    MM_KIND_FILE,    /* data: bin, the bytes of a file that is still to be decoded */
    MM_KIND_OTHER,   /* unknown to this version: passed on, never interpreted */
} mm_kind;

const char *mm_kind_name(mm_kind k); /* "image"; "other" for MM_KIND_OTHER */
mm_kind mm_kind_of(mm_str name);     /* MM_KIND_OTHER for an unknown name */

/* The positions of the D-vectors of a [T,D] feature: `prefix` leading tokens without a position (CLS, registers), then
 * rows × cols patches (images) or `frames` steps of `step` seconds (audio). Zero fields are absent. */
typedef struct {
    int64_t prefix, rows, cols, frames;
    double step;
} mm_grid;

typedef struct {
    mm_str stage, code, text; /* "decode", "truncated", "photo.jpg: JPEG data ends early" */
    mm_hint hint;             /* not in the stream: lib/cli adds it to the text */
} mm_record_error;

typedef struct {
    mm_kind kind;
    mm_str kind_name; /* as written, also for MM_KIND_OTHER */
    mm_str key, src;
    int64_t part; /* −1: absent */
    bool has_time;
    double time[2]; /* seconds */
    bool has_tensor;
    mm_tensor tensor; /* data, when it is a tensor; may be unaligned: see mm_tensor_f32 */
    mm_str text;      /* data, when it is a str; p NULL: absent */
    mm_str bytes;     /* data of a file, a bin; p NULL: absent */
    int64_t rate;     /* 0: absent */
    mm_str prep;
    mm_str of, space; /* of: see mm_record_modality */
    bool has_grid;
    mm_grid grid;
    msgpack_object label; /* str, number or map; MSGPACK_OBJECT_NIL: absent */
    mm_record_error error;
    msgpack_object meta;   /* a map, or MSGPACK_OBJECT_NIL when absent */
    msgpack_object others; /* a map of the fields unknown to this version, written back unchanged */
    mm_str raw;            /* the record's bytes as read, which go out unchanged; p NULL: built here. Whoever changes
                            * a field by hand clears it (`rec->raw = (mm_str){0}`), the functions below do */
} mm_record;

/* An empty record of this kind: every field absent. */
mm_record mm_record_new(mm_kind kind);

/* The modality of the record in joins, heads and --of: its `of` if present, else its kind. Encoders keep it: a feature
 * of an audio record has the modality "audio", or "mic" if that record has it. */
mm_str mm_record_modality(const mm_record *rec);
/* The kind of media that a record is or was made from ("audio"), whatever its modality is called. */
mm_str mm_record_medium(const mm_record *rec);

/* Takes its payload away; a file keeps none of its bytes. */
void mm_record_drop_data(mm_record *rec);

/* Adds or replaces one entry of rec->meta. The key must outlive the arena (a literal); values are copied into
 * the arena. MM_FATAL when memory is out. */
mm_status mm_meta_put(mm_record *rec, mm_arena *a, const char *key, msgpack_object value, mm_err *e);
mm_status mm_meta_put_str(mm_record *rec, mm_arena *a, const char *key, mm_str value, mm_err *e);
mm_status mm_meta_put_int(mm_record *rec, mm_arena *a, const char *key, int64_t value, mm_err *e);
mm_status mm_meta_put_float(mm_record *rec, mm_arena *a, const char *key, double value, mm_err *e);
mm_status mm_meta_put_bool(mm_record *rec, mm_arena *a, const char *key, bool value, mm_err *e);
/* The value under key in a map object (rec->meta, rec->label …); NULL when absent or not a map. */
const msgpack_object *mm_map_get(const msgpack_object *map, const char *key);

/* A str object over bytes that the caller keeps alive. */
msgpack_object mm_object_str(mm_str s);
/* The bytes of a str or bin object; p NULL for any other type. */
mm_str mm_object_as_str(const msgpack_object *o);

/* Turns rec into an error record with the same key, src, part and time, without any payload. The strings are copied
 * into the arena. */
mm_status mm_record_to_error(mm_record *rec, mm_arena *a, const char *stage, const char *code, const mm_err *why,
                             mm_err *e);

#endif
