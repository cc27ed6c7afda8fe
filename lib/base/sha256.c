#include "base/sha256.h"

#include "base/bytes.h"
#include "base/file.h"

#include <string.h>

/* fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2) */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void expand(uint32_t w[64], const uint8_t *p)
{
    for (int i = 0; i < 16; i++, p += 4)
        w[i] = mm_be32(p);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] =
            w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

static void compress(uint32_t h[8], const uint8_t *p)
{
    uint32_t w[64], v[8];
    expand(w, p);
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

void mm_sha256_init(mm_sha256 *s)
{
    *s = (mm_sha256){
        .h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void mm_sha256_add(mm_sha256 *s, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t have = s->bytes % 64;
    s->bytes += n;
    if (have && have + n >= 64) {
        memcpy(s->block + have, p, 64 - have);
        compress(s->h, s->block);
        p += 64 - have;
        n -= 64 - have;
        have = 0;
    }
    for (; n >= 64; p += 64, n -= 64)
        compress(s->h, p);
    if (n)
        memcpy(s->block + have, p, n);
}

void mm_sha256_end(mm_sha256 *s, char hex[65])
{
    uint64_t bits = s->bytes * 8;
    uint8_t tail[72] = {0x80};
    size_t pad = (s->bytes % 64 < 56 ? 56 : 120) - s->bytes % 64;
    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    mm_sha256_add(s, tail, pad + 8);
    for (int i = 0; i < 64; i++)
        hex[i] = "0123456789abcdef"[s->h[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = 0;
}

mm_status mm_sha256_file(const char *path, char hex[65], mm_err *e)
{
    mm_map m;
    mm_status st = mm_map_open(&m, path, e);
    if (st != MM_OK)
        return st;
    mm_sha256 s;
    mm_sha256_init(&s);
    if (m.n)
        mm_sha256_add(&s, m.p, m.n);
    mm_sha256_end(&s, hex);
    mm_map_close(&m);
    return MM_OK;
}

mm_status mm_sha256_sums_add(mm_buf *sums, const char *dir, const char *name, const char *hex, mm_err *e)
{
    char path[PATH_MAX], own[65];
    mm_status s = hex ? MM_OK : mm_dir_path(path, dir, name, e);
    if (s == MM_OK && !hex)
        s = mm_sha256_file(path, own, e);
    if (s == MM_OK)
        s = mm_buf_append(sums, hex ? hex : own, 64, e);
    if (s == MM_OK)
        s = mm_buf_append(sums, "  ", 2, e);
    if (s == MM_OK)
        s = mm_buf_append(sums, name, strlen(name), e);
    return s == MM_OK ? mm_buf_append(sums, "\n", 1, e) : s;
}
