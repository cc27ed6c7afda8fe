/* bytes.h: a view of bytes, and the unsigned numbers that files store in them. The caller has checked that they are
 * there. */
#ifndef MM_BASE_BYTES_H
#define MM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *p;
    size_t n;
} mm_bytes;

/* A number of n ≤ 8 bytes, the most significant one first (big) or last. */
static inline uint64_t mm_uint(const uint8_t *p, int n, bool big)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[big ? i : n - 1 - i];
    return v;
}

static inline uint16_t mm_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t mm_le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t mm_le64(const uint8_t *p)
{
    return mm_le32(p) | (uint64_t)mm_le32(p + 4) << 32;
}

static inline uint16_t mm_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t mm_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
