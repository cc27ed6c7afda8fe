/* text_decode.h: texts and tables of texts become records.
 *
 * A text is read as a whole (the default), a record a line (o->lines), or by one column of a table (o->column,
 * table.h). It is UTF-8; UTF-16 with a byte order mark is converted; in any other encoding the bytes that are not UTF-8
 * become U+FFFD, and meta.encoding says so (charset.h). */
#ifndef MM_MEDIA_TEXT_TEXT_DECODE_H
#define MM_MEDIA_TEXT_TEXT_DECODE_H

#include "media/record_sink.h"

/* Input that is MM_FORMAT_TEXT; with o->as it is read as numbers. Puts nothing for a text that was found
 * (not an operand) under a name that does not promise content: README, Makefile, index.html. MM_SKIP with f set when
 * the file itself fails, memory included; rows that fail become error records. MM_FATAL when the sink says so. */
mm_status mm_text_decode(mm_sink *s, mm_fault *f);

#endif
