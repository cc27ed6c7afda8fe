#include "base/name_ids.h"

#include "base/hash.h"

#include <stdlib.h>

/* The high bits folded down for the mask. */
static uint32_t hash(mm_str s)
{
    uint64_t h = mm_hash(s);
    return (uint32_t)(h >> 32 ^ h);
}

/* Where the name's number stands, or the free slot where it would. */
static int32_t *find(const mm_name_ids *t, mm_str name)
{
    uint32_t mask = (1u << t->bits) - 1;
    for (uint32_t i = hash(name) & mask;; i = (i + 1) & mask)
        if (!t->slot[i] || mm_str_eq(t->name[t->slot[i] - 1], name))
            return &t->slot[i];
}

/* Keeps the table at most half full. */
static mm_status grow(mm_name_ids *t, mm_err *e)
{
    if (t->n < t->cap)
        return MM_OK;
    int bits = t->bits ? t->bits + 1 : 8;
    int32_t cap = (int32_t)1 << (bits - 1);
    mm_str *name = bits < 31 ? realloc(t->name, (size_t)cap * sizeof *name) : NULL;
    if (!name)
        return mm_fail_memory(e);
    t->name = name;
    int32_t *slot = calloc((size_t)1 << bits, sizeof *slot);
    if (!slot)
        return mm_fail_memory(e);
    free(t->slot);
    t->slot = slot;
    t->bits = bits;
    t->cap = cap;
    for (int32_t i = 0; i < t->n; i++)
        *find(t, t->name[i]) = i + 1;
    return MM_OK;
}

mm_status mm_name_id(mm_name_ids *t, mm_str name, int32_t *out, mm_err *e)
{
    mm_status s = grow(t, e);
    if (s != MM_OK)
        return s;
    int32_t *slot = find(t, name);
    if (!*slot) {
        char *copy = mm_arena_strdup(&t->arena, name);
        if (!copy)
            return mm_fail_memory(e);
        t->name[t->n] = (mm_str){copy, name.n};
        *slot = ++t->n;
    }
    *out = *slot - 1;
    return MM_OK;
}

void mm_name_ids_free(mm_name_ids *t)
{
    mm_arena_free(&t->arena);
    free(t->name);
    free(t->slot);
    *t = (mm_name_ids){0};
}
