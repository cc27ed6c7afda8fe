/* decompress.h: gzip, xz and lzma, read with their checksums and to the last byte that is there.
 *
 * libarchive 3.6 compares no checksum of gzip, and drops what it has decompressed of a stream that is cut: whole
 * members at its end. Streams that follow each other are one, as gzip and xz have it; zeros after them are padding. */
#ifndef MM_SOURCE_DECOMPRESS_H
#define MM_SOURCE_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mm_depack mm_depack;

/* The next compressed bytes: how many, 0 at the end, below 0 when they cannot be read. They stay until the next call.
 */
typedef int64_t (*mm_depack_more)(void *ctx, const uint8_t **bytes);

/* NULL when the first bytes are of no format that is read here, or memory is out. */
mm_depack *mm_depack_open(const uint8_t *head, size_t n, mm_depack_more more, void *ctx);
void mm_depack_close(mm_depack *d); /* NULL is fine */
/* Up to n bytes; 0: the end; −1: damaged, cut, or unreadable: *why says how, to people. All bytes in front come first.
 */
int64_t mm_depack_read(mm_depack *d, uint8_t *out, size_t n, const char **why);
/* At the end: something else follows the stream. */
bool mm_depack_trailing(const mm_depack *d);

#endif
