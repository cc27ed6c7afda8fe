/* decompress.h: gzip, xz and lzma streams, read with their checksums and to their last byte.
 *
 * libarchive 3.6 does not verify gzip's checksum, and drops what it has decompressed of a truncated stream: whole
 * members at its end. Streams one after the other are one, as gzip and xz define it; zeros between and after them are
 * padding. */
#ifndef MM_SOURCE_DECOMPRESS_H
#define MM_SOURCE_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mm_decompress mm_decompress;

/* The next compressed bytes: their count, 0 at the end, below 0 on an error. They stay valid until the next call. */
typedef int64_t (*mm_decompress_more)(void *ctx, const uint8_t **bytes);

/* NULL when the first bytes are of none of these formats, or memory is out. */
mm_decompress *mm_decompress_open(const uint8_t *head, size_t n, mm_decompress_more more, void *ctx);
void mm_decompress_close(mm_decompress *d); /* NULL is fine */
/* Up to n bytes; 0: the end; −1: damaged, truncated or unreadable, *why says how. All bytes before the damage come
 * first. */
int64_t mm_decompress_read(mm_decompress *d, uint8_t *out, size_t n, const char **why);
/* At the end: something else follows the stream. */
bool mm_decompress_trailing(const mm_decompress *d);

#endif
