/* arena.h: memory that is freed all at once.
 *
 * Everything that belongs to one record (or one loaded model) comes from one arena, so error paths have no frees to
 * match. Not thread safe: one arena per thread. */
#ifndef MM_BASE_ARENA_H
#define MM_BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mm_arena_block mm_arena_block;

typedef struct {
    mm_arena_block *head; /* the current block, which links to older ones */
    size_t used;          /* bytes taken from head */
} mm_arena;               /* all zero is a valid empty arena */

/* n bytes, aligned to 64 (a cache line, an AVX-512 vector); NULL when memory is out. Not cleared. */
void *mm_arena_alloc(mm_arena *a, size_t n);
/* Makes the allocation p of `old` bytes (NULL: none yet) n ≥ old bytes large, in place when it is the arena's latest
 * and there is room after it; else its bytes move. NULL when memory is out; p is then as before. */
void *mm_arena_grow(mm_arena *a, void *p, size_t old, size_t n);
/* count × size bytes, cleared; NULL when that overflows or memory is out. */
void *mm_arena_zalloc(mm_arena *a, size_t count, size_t size);
/* A terminated copy of n bytes; NULL when memory is out. */
char *mm_arena_strdup(mm_arena *a, mm_str s);
/* A terminated formatted string; NULL when memory is out. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
char *
mm_arena_printf(mm_arena *a, const char *fmt, ...);

/* Forgets every allocation but keeps the largest block for the next record, so that a stream of records of
 * one size allocates once. Blocks above 64 MiB are freed: one large photo must not cost memory for ever. */
void mm_arena_reset(mm_arena *a);
void mm_arena_free(mm_arena *a);

#endif
