#include "source/sorted_walk.h"

#include "base/grow.h"
#include "source/clean_path.h"

#include <stdlib.h>

typedef struct {
    const char *key;
    mm_walk_item item; /* its strings and the key are in the arena, terminated */
} listed;

struct mm_sorted_walk {
    mm_arena arena;
    listed *file;
    int64_t n, cap, next;
};

static int by_key(const void *va, const void *vb)
{
    const listed *a = va, *b = vb;
    int c = strcmp(a->key, b->key);
    return c ? c : strcmp(a->item.rel.p, b->item.rel.p);
}

static mm_status add(mm_sorted_walk *l, const mm_walk_item *item, mm_str place, const mm_keyer *k, mm_err *e)
{
    mm_str clean = mm_path_clean(&l->arena, mm_path_join(&l->arena, place, item->rel));
    mm_str key = clean.p ? mm_keyer_key(k, &l->arena, clean) : clean;
    const char *z = key.p ? mm_arena_strdup(&l->arena, key) : NULL;
    if (!z || !mm_grow(&l->file, &l->cap, l->n))
        return mm_fail_memory(e);
    l->file[l->n++] = (listed){z, *item};
    return MM_OK;
}

mm_status mm_sorted_walk_take(mm_sorted_walk **out, mm_walk *w, mm_str place, const mm_keyer *k, mm_err *e)
{
    mm_walk_item item;
    mm_sorted_walk *l = *out = calloc(1, sizeof *l);
    mm_status st = l ? MM_OK : mm_fail_memory(e);
    while (st == MM_OK && (st = mm_walk_next(w, &l->arena, &item, e)) == MM_OK)
        st = add(l, &item, place, k, e);
    if (st != MM_EOF) {
        mm_sorted_walk_free(l);
        *out = NULL;
        return st;
    }
    if (l->n)
        qsort(l->file, (size_t)l->n, sizeof *l->file, by_key);
    return MM_OK;
}

void mm_sorted_walk_free(mm_sorted_walk *l)
{
    if (!l)
        return;
    free(l->file);
    mm_arena_free(&l->arena);
    free(l);
}

const mm_walk_item *mm_sorted_walk_next(mm_sorted_walk *l)
{
    return l->next < l->n ? &l->file[l->next++].item : NULL;
}
