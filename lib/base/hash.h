/* hash.h: two 64-bit hashes, for tables and fingerprints; not resistant to attacks.
 * FNV-1a (Fowler, Noll & Vo, http://www.isthe.com/chongo/tech/comp/fnv/) for names; XXH64 (Yann Collet,
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) for payloads, of which it takes some GB a second. */
#ifndef MM_BASE_HASH_H
#define MM_BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

#define MM_HASH_START 0xcbf29ce484222325u

/* Continues from h: MM_HASH_START, or the hash of the bytes before. */
static inline uint64_t mm_hash_more(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return h;
}

static inline uint64_t mm_hash(mm_str s)
{
    return mm_hash_more(MM_HASH_START, s.p, s.n);
}

uint64_t mm_hash_bytes(const void *bytes, size_t n, uint64_t seed); /* XXH64 */

#endif
