/* text.h: texts, tables of texts, and tables of numbers become records.
 *
 * Three ways to read a text: whole (the default), a record a line (o->lines), or one column of a table (o->column).
 * Tables are CSV (RFC 4180 quoting), TSV (tabs, quotes are plain characters, as IANA's text/tab-separated-values
 * and GLUE's files have it) and JSON lines; which one the content tells. Text is UTF-8; UTF-16 with a byte order mark
 * is converted; in any other encoding the bytes that are not UTF-8 become U+FFFD as Python's errors="replace" has it,
 * and meta.encoding says so.
 *
 * Numbers are CSV or TSV (with o->as) and NPY, as records of kind feature ("feature": a row a record, f32 [D]) or
 * series ("series", and NPY by default: the whole file, f32 [N] or [N,C], in parts below 64 MiB).
 *
 * All follow mm_decode's contract (decode.h): records and error records go to emit, the return value is MM_OK, or
 * MM_FATAL when emit said so or memory is out. */
#ifndef MM_MEDIA_TEXT_H
#define MM_MEDIA_TEXT_H

#include "media/decode.h"

/* b was sniffed as MM_SNIFF_TEXT. With o->as it is read as numbers. Emits nothing for a text that was only found
 * (not named as an operand) and whose name does not say that it is content: README, Makefile, index.html. */
mm_status mm_decode_text(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx,
                         int64_t *emitted, mm_err *e);

/* b was sniffed as MM_SNIFF_NUMBERS (NPY), or is a numeric CSV or TSV. */
mm_status mm_decode_numbers(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx,
                            int64_t *emitted, mm_err *e);

/* Emits the error record of b: stage "decode", this code and text. */
mm_status mm_emit_error(const mm_blob *b, mm_arena *a, mm_emit emit, void *ctx, const char *code, const char *text,
                        mm_err *e);

/* Where the writing of a text record's encoding is decided: the bytes as valid UTF-8, from the arena when they had
 * to be changed. *replaced counts U+FFFD that were put in. p NULL when memory is out. */
mm_str mm_utf8_clean(mm_arena *a, mm_str in, int64_t *replaced);

#endif
