#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 64, FIRST_BLOCK = 16 * 1024 };
static const size_t KEEP_MAX = (size_t)64 << 20;

struct mm_arena_block {
    mm_arena_block *older;
    size_t size; /* bytes after this header */
    char pad[ALIGN - sizeof(mm_arena_block *) - sizeof(size_t)];
};

static void *block_bytes(mm_arena_block *b)
{
    return (char *)b + sizeof *b;
}

static mm_arena_block *block_new(size_t size, mm_arena_block *older)
{
    mm_arena_block *b = aligned_alloc(ALIGN, sizeof *b + size);
    if (b)
        *b = (mm_arena_block){.older = older, .size = size};
    return b;
}

static size_t rounded(size_t n)
{
    return n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

void *mm_arena_alloc(mm_arena *a, size_t n)
{
    if (n > SIZE_MAX / 4)
        return NULL;
    size_t need = rounded(n);
    if (!a->head || a->head->size - a->used < need) {
        size_t grown = a->head ? 2 * a->head->size : FIRST_BLOCK;
        if (grown > KEEP_MAX)
            grown = KEEP_MAX;
        mm_arena_block *b = block_new(need > grown ? need : grown, a->head);
        if (!b)
            return NULL;
        a->head = b;
        a->used = 0;
    }
    void *p = (char *)block_bytes(a->head) + a->used;
    a->used += need;
    return p;
}

void *mm_arena_grow(mm_arena *a, void *p, size_t old, size_t n)
{
    size_t was = rounded(old), now = rounded(n);
    if (!p || n > SIZE_MAX / 4)
        return mm_arena_alloc(a, n);
    mm_arena_block *head = a->head;
    bool latest = a->used >= was && (char *)block_bytes(head) + (a->used - was) == (char *)p;
    if (latest && head->size - (a->used - was) >= now) {
        a->used += now - was;
        return p;
    }
    bool alone = latest && a->used == was;
    void *q = mm_arena_alloc(a, n);
    if (!q)
        return NULL;
    memcpy(q, p, old);
    if (alone && a->head->older == head) {
        a->head->older = head->older;
        free(head);
    }
    return q;
}

void *mm_arena_zalloc(mm_arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 4 / size)
        return NULL;
    void *p = mm_arena_alloc(a, count * size);
    return p ? memset(p, 0, count * size) : NULL;
}

char *mm_arena_strdup(mm_arena *a, mm_str s)
{
    char *p = mm_arena_alloc(a, s.n + 1);
    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

char *mm_arena_printf(mm_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : mm_arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void mm_arena_reset(mm_arena *a)
{
    mm_arena_block *keep = NULL;
    for (mm_arena_block *b = a->head, *older; b; b = older) {
        older = b->older;
        if (b->size <= KEEP_MAX && (!keep || b->size > keep->size)) {
            free(keep);
            keep = b;
        } else {
            free(b);
        }
    }
    if (keep)
        keep->older = NULL;
    *a = (mm_arena){.head = keep};
}

void mm_arena_free(mm_arena *a)
{
    for (mm_arena_block *b = a->head, *older; b; b = older) {
        older = b->older;
        free(b);
    }
    *a = (mm_arena){0};
}
