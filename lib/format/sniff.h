/* sniff.h: what bytes are, told by the bytes. */
#ifndef MM_FORMAT_SNIFF_H
#define MM_FORMAT_SNIFF_H

#include "decode/decode.h"

enum { MM_SNIFF_HEAD = 4096 }; /* bytes worth reading before asking */

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
