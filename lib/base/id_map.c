#include "base/id_map.h"

#include <stdlib.h>

struct mm_id_slot {
    uint64_t id; /* 0: free */
    int64_t value;
};

static struct mm_id_slot *slot_of(struct mm_id_slot *slot, int64_t slots, uint64_t id)
{
    int64_t i = (int64_t)(id & (uint64_t)(slots - 1));
    while (slot[i].id && slot[i].id != id)
        i = (i + 1) & (slots - 1);
    return &slot[i];
}

/* The number of slots is a power of two, at most half of them taken. */
static bool make_room(mm_id_map *x)
{
    if (x->n * 2 < x->slots)
        return true;
    int64_t slots = x->slots ? x->slots * 2 : 1024;
    struct mm_id_slot *slot = calloc((size_t)slots, sizeof *slot);
    if (!slot)
        return false;
    for (int64_t i = 0; i < x->slots; i++)
        if (x->slot[i].id)
            *slot_of(slot, slots, x->slot[i].id) = x->slot[i];
    free(x->slot);
    x->slot = slot;
    x->slots = slots;
    return true;
}

bool mm_id_map_put(mm_id_map *x, uint64_t id, int64_t value)
{
    if (!make_room(x))
        return false;
    struct mm_id_slot *s = slot_of(x->slot, x->slots, id);
    x->n += !s->id;
    *s = (struct mm_id_slot){id, value};
    return true;
}

int64_t mm_id_map_get(const mm_id_map *x, uint64_t id)
{
    const struct mm_id_slot *s = x->n ? slot_of(x->slot, x->slots, id) : NULL;
    return s && s->id ? s->value : -1;
}

void mm_id_map_free(mm_id_map *x)
{
    free(x->slot);
    *x = (mm_id_map){0};
}
