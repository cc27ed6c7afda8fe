/* text_record.h: a text becomes a record: repaired where it is not UTF-8, which its metadata then says. */
#ifndef MM_MEDIA_TEXT_TEXT_RECORD_H
#define MM_MEDIA_TEXT_TEXT_RECORD_H

#include "media/record_sink.h"

enum { MM_MAX_RECORD_TEXT = 32 << 20 }; /* records stay below 64 MiB */

/* Puts rec, which has its names already, with this text. encoding: of the file, when it is known and not UTF-8; else
 * NULL. MM_SKIP with f set when memory is out. */
mm_status mm_sink_text(mm_sink *s, mm_record *rec, mm_str text, const char *encoding, mm_fault *f);
/* Notes in f that a text is longer than a record may be; MM_SKIP. */
mm_status mm_text_too_long(mm_fault *f);

#endif
