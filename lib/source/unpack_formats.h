/* unpack_formats.h: which formats libarchive reads here, each enabled by name.
 *
 * Decompressors that would start a program (lrzip, grzip, lzop where libarchive was built without it) and formats that
 * take text for an archive (mtree, uuencode) are left out. */
#ifndef MM_SOURCE_UNPACK_FORMATS_H
#define MM_SOURCE_UNPACK_FORMATS_H

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>

/* Every archive format, without decompressors around them. */
void mm_unpack_enable_archives(struct archive *ar);
/* Those that are read from front to back: tar, cpio. */
void mm_unpack_enable_tapes(struct archive *ar);
/* What may be in a compressed stream: tar, cpio, an ISO image, or a single file. */
void mm_unpack_enable_streams(struct archive *ar);
/* Exactly the decompressor that the first n bytes call for. False: there is none in this process. */
bool mm_unpack_enable_decompressor(struct archive *ar, const uint8_t *head, size_t n);

#endif
