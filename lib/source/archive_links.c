#include "source/archive_links.h"

#include "base/grow.h"
#include "base/hash.h"
#include "source/clean_path.h"

#include <stdlib.h>

struct mm_name_slot {
    uint64_t hash; /* 0: free */
    int64_t at;
};

void mm_links_free(mm_links *l)
{
    free(l->slot);
    mm_arena_free(&l->arena);
    *l = (mm_links){0};
}

static uint64_t hash_of(mm_str name)
{
    uint64_t h = mm_hash(name);
    return h ? h : 1;
}

static struct mm_name_slot *slot_of(const mm_links *l, uint64_t hash)
{
    uint64_t i = (hash ^ hash >> 32) & (uint64_t)(l->slots - 1);
    while (l->slot[i].hash && l->slot[i].hash != hash)
        i = (i + 1) & (uint64_t)(l->slots - 1);
    return &l->slot[i];
}

/* Half of the slots stay free. */
static bool make_room(mm_links *l)
{
    if (2 * l->n < l->slots)
        return true;
    mm_links larger = {.slots = l->slots ? 2 * l->slots : 64};
    larger.slot = calloc((size_t)larger.slots, sizeof *larger.slot);
    if (!larger.slot)
        return false;
    for (int64_t i = 0; i < l->slots; i++)
        if (l->slot[i].hash)
            *slot_of(&larger, l->slot[i].hash) = l->slot[i];
    free(l->slot);
    l->slot = larger.slot;
    l->slots = larger.slots;
    return true;
}

static mm_str directory_above(mm_str path)
{
    size_t n = path.n - mm_path_base(path).n;
    return (mm_str){path.p, n ? n - 1 : 0};
}

bool mm_links_note(mm_links *l, mm_str name, int64_t at)
{
    for (; name.n; name = directory_above(name), at = MM_LEADS_TO_DIRECTORY) {
        if (!make_room(l))
            return false;
        uint64_t h = hash_of(name);
        struct mm_name_slot *s = slot_of(l, h);
        if (s->hash && at == MM_LEADS_TO_DIRECTORY) /* noted before, and so are those above */
            return true;
        l->n += !s->hash;
        *s = (struct mm_name_slot){h, at};
    }
    return true;
}

int64_t mm_links_find(const mm_links *l, mm_str name)
{
    if (!name.p || !l->slots)
        return MM_LEADS_NOWHERE;
    if (!name.n)
        return MM_LEADS_TO_DIRECTORY;
    const struct mm_name_slot *s = slot_of(l, hash_of(name));
    return s->hash ? s->at : MM_LEADS_NOWHERE;
}

mm_str mm_link_target(mm_arena *a, mm_str link_name, mm_str target)
{
    const mm_str out = {NULL, 0};
    mm_str path = mm_path_join(a, directory_above(link_name), target);
    int depth = 0;
    if (!path.p || (target.n && target.p[0] == '/'))
        return out;
    for (size_t i = 0; i < path.n;) {
        const char *slash = memchr(path.p + i, '/', path.n - i);
        size_t end = slash ? (size_t)(slash - path.p) : path.n;
        mm_str part = {path.p + i, end - i};
        depth += mm_str_is(part, "..") ? -1 : part.n && !mm_str_is(part, ".");
        if (depth < 0)
            return out;
        i = end + 1;
    }
    return mm_path_clean(a, path);
}

bool mm_links_defer(mm_links *l, mm_str name, mm_str target, int64_t own)
{
    if (!mm_grow_in(&l->arena, &l->late, &l->late_cap, l->n_late))
        return false;
    mm_late_link x = {.name = mm_str_of(mm_arena_strdup(&l->arena, name)),
                      .target = target.p ? mm_str_of(mm_arena_strdup(&l->arena, target)) : target,
                      .own = own};
    if (!x.name.p || (target.p && !x.target.p))
        return false;
    l->late[l->n_late++] = x;
    return true;
}

const mm_late_link *mm_links_next_late(mm_links *l, int64_t *at)
{
    for (;;) {
        while (l->next < l->n_late) {
            mm_late_link *x = &l->late[l->next++];
            *at = x->done ? MM_LEADS_NOWHERE : mm_links_find(l, x->target);
            if (x->done || (*at == MM_LEADS_NOWHERE && !l->last_round))
                continue;
            if (*at == MM_LEADS_NOWHERE)
                *at = x->own;
            x->done = l->found = true;
            return x;
        }
        if (l->last_round)
            return NULL;
        l->last_round = !l->found; /* a found link may be the target of others: once more */
        l->found = false;
        l->next = 0;
    }
}
