/* sniff.h: what bytes are, told by the bytes. */
#ifndef MM_FORMAT_SNIFF_H
#define MM_FORMAT_SNIFF_H

#include "base/str.h"

#include <stdint.h>

typedef enum {
    MM_SNIFF_NONE,    /* no medium: README, .so, .DS_Store */
    MM_SNIFF_IMAGE,   /* a still picture (also GIF, WebP, AVIF, APNG: their first frame) */
    MM_SNIFF_AV,      /* audio or video, libavformat tells which */
    MM_SNIFF_TEXT,    /* UTF-8, or text in a legacy encoding */
    MM_SNIFF_NUMBERS, /* NPY */
    MM_SNIFF_DICOM,
    MM_SNIFF_ARCHIVE,
} mm_sniff;

enum { MM_SNIFF_HEAD = 4096 }; /* bytes worth reading before asking */

/* head: up to the first MM_SNIFF_HEAD bytes; the path only breaks ties. */
mm_sniff mm_sniff_bytes(const uint8_t *head, size_t n, mm_str path);

/* A compressed stream (gzip, xz …), which may hold a tar or a single file. */
bool mm_sniff_is_packed(const uint8_t *head, size_t n);
/* The header of a .lzma file, which has no signature: its fields are all allowed. */
bool mm_sniff_is_lzma(const uint8_t *head, size_t n);
/* tar or cpio: an archive that is read from front to back. */
bool mm_sniff_is_tape(const uint8_t *head, size_t n);
/* An executable, which may be a self-extracting archive. */
bool mm_sniff_is_program(const uint8_t *head, size_t n);

/* A run of MPEG audio frames that begins anywhere in these bytes. */
bool mm_sniff_finds_mpeg_audio(const uint8_t *p, size_t n);

/* README, LICENSE and the like, with any extension: about the files beside them. */
bool mm_name_is_about(mm_str path);
/* The name promises a text worth encoding (.txt, .md …); with `table` also .csv, .tsv, .jsonl. */
bool mm_name_is_text(mm_str path, bool table);
/* The extension without its dot; empty when there is none (".bashrc" has none). */
mm_str mm_name_extension(mm_str path);

#endif
