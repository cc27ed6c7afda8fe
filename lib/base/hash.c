#include "base/hash.h"

#include <string.h>

static const uint64_t P1 = 0x9e3779b185ebca87u, P2 = 0xc2b2ae3d27d4eb4fu, P3 = 0x165667b19e3779f9u,
                      P4 = 0x85ebca77c2b2ae63u, P5 = 0x27d4eb2f165667c5u;

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* Little-endian, whatever the processor. */
static uint64_t word(const uint8_t *p, int bytes)
{
    uint64_t x = 0;
    memcpy(&x, p, (size_t)bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static uint64_t stir(uint64_t lane, uint64_t x)
{
    return rotate(lane + x * P2, 31) * P1;
}

/* Four lanes of eight bytes each, brought together. */
static uint64_t stripes(const uint8_t **p, const uint8_t *end, uint64_t seed)
{
    uint64_t lane[4] = {seed + P1 + P2, seed + P2, seed, seed - P1}, h;
    for (; end - *p >= 32; *p += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = stir(lane[i], word(*p + i * 8, 8));
    h = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++)
        h = (h ^ stir(0, lane[i])) * P1 + P4;
    return h;
}

uint64_t mm_hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    const uint8_t *p = bytes, *end = p + n;
    uint64_t h = n >= 32 ? stripes(&p, end, seed) : seed + P5;
    h += n;
    for (; end - p >= 8; p += 8)
        h = rotate(h ^ stir(0, word(p, 8)), 27) * P1 + P4;
    for (; end - p >= 4; p += 4)
        h = rotate(h ^ word(p, 4) * P1, 23) * P2 + P3;
    for (; p < end; p++)
        h = rotate(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}
