#include "tokenize/vocab.h"

/* FNV-1a's low bits are weak: mix higher ones in */
static uint32_t place(const mm_vocab *v, uint32_t hash)
{
    return (hash ^ hash >> 15) & (v->size - 1);
}

static bool make_slots(mm_vocab *v, uint32_t size)
{
    v->slot = mm_arena_zalloc(v->arena, size, sizeof *v->slot);
    v->size = size;
    v->used = 0;
    return v->slot != NULL;
}

bool mm_vocab_init(mm_vocab *v, mm_arena *a, size_t expected)
{
    uint32_t size = 64;
    while (size < (1u << 28) && size / 2 < expected)
        size *= 2;
    *v = (mm_vocab){.arena = a};
    return make_slots(v, size);
}

static void put(mm_vocab *v, mm_str token, uint32_t hash, int32_t id)
{
    uint32_t i = place(v, hash);
    while (v->slot[i].token.p && !(v->slot[i].hash == hash && mm_str_eq(v->slot[i].token, token)))
        i = (i + 1) & (v->size - 1);
    v->used += v->slot[i].token.p == NULL;
    v->slot[i] = (mm_vocab_slot){token, hash, id};
}

static bool grow(mm_vocab *v)
{
    mm_vocab_slot *old = v->slot;
    uint32_t n = v->size;
    if (n >= 1u << 30 || !make_slots(v, n * 2))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (old[i].token.p)
            put(v, old[i].token, old[i].hash, old[i].id);
    return true;
}

bool mm_vocab_put(mm_vocab *v, mm_str token, int32_t id)
{
    if (v->used >= v->size / 2 && !grow(v))
        return false;
    if (!token.p)
        token.p = "";
    put(v, token, mm_vocab_hash_more(MM_VOCAB_HASH_START, token.p, token.n), id);
    if (token.n > v->longest)
        v->longest = token.n;
    return true;
}

int32_t mm_vocab_get_hashed(const mm_vocab *v, mm_str token, uint32_t hash)
{
    for (uint32_t i = place(v, hash); v->slot[i].token.p; i = (i + 1) & (v->size - 1))
        if (v->slot[i].hash == hash && mm_str_eq(v->slot[i].token, token))
            return v->slot[i].id;
    return -1;
}

int32_t mm_vocab_get(const mm_vocab *v, mm_str token)
{
    return mm_vocab_get_hashed(v, token, mm_vocab_hash_more(MM_VOCAB_HASH_START, token.p, token.n));
}
