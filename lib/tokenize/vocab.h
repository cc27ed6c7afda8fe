/* vocab.h: from token to id. Internal to tokenize/. */
#ifndef MM_TOKENIZE_VOCAB_H
#define MM_TOKENIZE_VOCAB_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

typedef struct {
    mm_str token; /* p NULL: free */
    uint32_t hash;
    int32_t id;
} mm_vocab_slot;

typedef struct {
    mm_arena *arena;
    mm_vocab_slot *slot; /* [size], size a power of two, open addressing */
    uint32_t size, used;
    size_t longest; /* bytes of the longest token */
} mm_vocab;

/* FNV-1a (Fowler, Noll, Vo 1991), which can be continued from the hash of a prefix: WordPiece looks up every prefix of
 * a word in one pass. */
#define MM_VOCAB_HASH_START 2166136261u
static inline uint32_t mm_vocab_hash_more(uint32_t h, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)p[i]) * 16777619u;
    return h;
}

/* A table for about `expected` tokens, whose bytes are not copied. A token that is put twice has the last id, as in a
 * Python dict. False: out of memory. */
bool mm_vocab_init(mm_vocab *v, mm_arena *a, size_t expected);
bool mm_vocab_put(mm_vocab *v, mm_str token, int32_t id);

int32_t mm_vocab_get(const mm_vocab *v, mm_str token); /* −1: none */
int32_t mm_vocab_get_hashed(const mm_vocab *v, mm_str token, uint32_t hash);

#endif
