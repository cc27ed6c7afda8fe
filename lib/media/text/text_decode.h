/* text_decode.h: texts, tables of texts, and tables of numbers become records.
 *
 * Three ways to read a text: whole (the default), a record a line (o->lines), or one column of a table (o->column,
 * table.h). Text is UTF-8; UTF-16 with a byte order mark is converted; in any other encoding the bytes that are not
 * UTF-8 become U+FFFD, and meta.encoding says so (charset.h).
 *
 * Numbers are tables (with o->as) and NPY, as records of kind feature ("feature": a row a record, f32 [D]) or series
 * ("series", and NPY by default: the whole file, f32 [N] or [N,C], in parts below 64 MiB).
 *
 * Both put records, and error records of rows, into the sink. MM_SKIP with f set when the file itself fails, memory
 * included; MM_FATAL when the sink says so. */
#ifndef MM_MEDIA_TEXT_TEXT_DECODE_H
#define MM_MEDIA_TEXT_TEXT_DECODE_H

#include "media/record_sink.h"

/* The input was sniffed as MM_SNIFF_TEXT. With o->as it is read as numbers. Puts nothing for a text that was only found
 * (not named as an operand) and whose name does not say that it is content: README, Makefile, index.html. */
mm_status mm_text_decode(mm_sink *s, mm_fault *f);

/* The input was sniffed as MM_SNIFF_NUMBERS (NPY), or is a table of numbers. */
mm_status mm_numbers_decode(mm_sink *s, mm_fault *f);

#endif
