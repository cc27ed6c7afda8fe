/* skipped.h: inputs that no decoder takes: which of them are faults, and what is said of the others.
 *
 * A name promises something by its extension: photo.jpg promises a picture. When its bytes are nothing that is read,
 * the file is broken, not foreign, and becomes an error record. So does a picture, sound or volume of a format that is
 * recognised and not read, and anything of such a format that was named outright. Documents, programs, sidecars and
 * whatever promises nothing are skipped. */
#ifndef MM_DECODE_SKIPPED_H
#define MM_DECODE_SKIPPED_H

#include "base/fault.h"
#include "format/formats.h"
#include "media/decode_options.h"
#include "source/blob.h"

/* Whether something is wrong with b, which begins with head[n] and whose format is not read, unknown, a program or
 * text. MM_OK: nothing; MM_SKIP with f set: it is a fault. */
mm_status mm_skipped_check(const mm_blob *b, const mm_decode_opts *o, const mm_format *format, const uint8_t *head,
                           size_t n, mm_fault *f);

/* Why an input that is not a fault gave no record. */
typedef enum {
    MM_SKIPPED_UNREAD, /* of a format that is not read */
    MM_SKIPPED_EMPTY,
    MM_SKIPPED_ABOUT,    /* a README and the like */
    MM_SKIPPED_TEXT,     /* a text that was found, and is not named like one */
    MM_SKIPPED_CUELESS,  /* subtitles; without a text, or of texts nobody asked for */
    MM_SKIPPED_FACELESS, /* a table of faces, none of them asked for */
    MM_SKIPPED_ROWLESS,  /* a table without rows */
    MM_SKIPPED_UNASKED,  /* of a kind that was not asked for */
    MM_SKIPPED_FOREIGN,  /* nothing that is known */
    MM_SKIPPED_REASONS,
} mm_skipped;

/* *format: with MM_SKIPPED_UNREAD. */
mm_skipped mm_why_skipped(const mm_blob *b, const mm_decode_opts *o, const mm_format **format);

#endif
