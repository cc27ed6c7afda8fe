#include "view/value_counts.h"

#include "base/hash.h"

#include <stdlib.h>

/* The high bits folded down for the mask. */
static uint64_t hash(mm_str s)
{
    uint64_t h = mm_hash(s);
    return h ^ h >> 29;
}

static mm_value_count *find(const mm_value_counts *c, mm_str s)
{
    size_t i = hash(s) & (c->slots - 1);
    while (c->slot[i].text && !mm_str_eq((mm_str){c->slot[i].text, c->slot[i].n}, s))
        i = (i + 1) & (c->slots - 1);
    return &c->slot[i];
}

static mm_status grow(mm_value_counts *c, mm_err *e)
{
    mm_value_counts old = *c;
    c->slots = old.slots ? 2 * old.slots : 64;
    c->slot = calloc(c->slots, sizeof *c->slot);
    if (!c->slot) {
        *c = old;
        return mm_fail_memory(e);
    }
    for (size_t i = 0; i < old.slots; i++)
        if (old.slot[i].text)
            *find(c, (mm_str){old.slot[i].text, old.slot[i].n}) = old.slot[i];
    free(old.slot);
    return MM_OK;
}

mm_status mm_value_counts_add(mm_value_counts *c, mm_str text, mm_err *e)
{
    if (2 * c->used >= c->slots && grow(c, e) != MM_OK)
        return MM_FATAL;
    mm_value_count *x = find(c, text);
    if (!x->text) {
        *x = (mm_value_count){.text = mm_arena_strdup(&c->texts, text), .n = text.n};
        if (!x->text)
            return mm_fail_memory(e);
        c->used++;
    }
    x->times++;
    return MM_OK;
}

static int by_text(const void *pa, const void *pb)
{
    const mm_value_count *a = pa, *b = pb;
    int d = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);
    return d ? d : (a->n > b->n) - (a->n < b->n);
}

void mm_value_counts_sort(mm_value_counts *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->slots; i++)
        if (c->slot[i].text)
            c->slot[n++] = c->slot[i];
    if (n)
        qsort(c->slot, n, sizeof *c->slot, by_text);
}

void mm_value_counts_free(mm_value_counts *c)
{
    free(c->slot);
    mm_arena_free(&c->texts);
    *c = (mm_value_counts){0};
}
