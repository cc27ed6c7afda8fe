/* numbers_decode.h: tables of numbers and NPY arrays become records.
 *
 * Features: a row a record, f32 [D]. Series (the default for NPY): the whole file, f32 [N] or [N,C], in parts below
 * 64 MiB. */
#ifndef MM_MEDIA_TEXT_NUMBERS_DECODE_H
#define MM_MEDIA_TEXT_NUMBERS_DECODE_H

#include "media/record_sink.h"

/* Input that is MM_FORMAT_NUMBERS (NPY), or a table to be read as numbers. Results as mm_text_decode's. */
mm_status mm_numbers_decode(mm_sink *s, mm_fault *f);

#endif
