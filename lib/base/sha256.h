/* sha256.h: SHA-256 (FIPS 180-4), for checksums of downloads. */
#ifndef MM_BASE_SHA256_H
#define MM_BASE_SHA256_H

#include "base/buf.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} mm_sha256;

void mm_sha256_init(mm_sha256 *s);
void mm_sha256_add(mm_sha256 *s, const void *bytes, size_t n);
/* 64 lower-case hex digits and a terminator. */
void mm_sha256_end(mm_sha256 *s, char hex[65]);

/* The digest of a whole file. */
mm_status mm_sha256_file(const char *path, char hex[65], mm_err *e);

/* Appends the line of DIR/NAME to a SHA256SUMS file: "HEX  NAME\n". hex NULL: it is computed. */
mm_status mm_sha256_sums_add(mm_buf *sums, const char *dir, const char *name, const char *hex, mm_err *e);

#endif
