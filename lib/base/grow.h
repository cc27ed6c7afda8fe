/* grow.h: growing arrays, which double when they are full.
 *
 *     typedef struct {
 *         item *v;
 *         int64_t n, cap;
 *     } items; // all zero is a valid empty one
 *
 *     if (!mm_grow(&l->v, &l->cap, l->n))
 *         return mm_fail_memory(e);
 *     l->v[l->n++] = x;
 *
 * Arrays that share a capacity grow alike, all but the last from a copy of it:
 *
 *     int64_t cap = l->cap;
 *     if (!mm_grow(&l->key, &cap, l->n) || !mm_grow(&l->value, &l->cap, l->n)) … */
#ifndef MM_BASE_GROW_H
#define MM_BASE_GROW_H

#include "base/arena.h"

/* Makes space for one element after the first n ≤ *cap. False when memory is out or the size is more than can
 * be addressed; the array and *cap, an int64_t, are then as they were. A macro, because no function can set a pointer
 * of any type; its arguments are evaluated several times. */
#define mm_grow(array, cap, n) mm_grow_rows(array, cap, n, 1)
/* The same of rows: n and *cap count them, width ≥ 1 elements each, always as many. */
#define mm_grow_rows(array, cap, n, width)                                                                             \
    (*(cap) > (n) || (*(array) = mm_grown(*(array), cap, width, sizeof **(array)), *(cap) > (n)))
/* The same in an arena (mm_arena_grow). */
#define mm_grow_in(arena, array, cap, n)                                                                               \
    (*(cap) > (n) || (*(array) = mm_grown_in(arena, *(array), cap, sizeof **(array)), *(cap) > (n)))

/* What the macros call: the array with a larger *cap, or both as they were. `size` is that of an element. */
void *mm_grown(void *array, int64_t *cap, int64_t width, size_t size);
void *mm_grown_in(mm_arena *a, void *array, int64_t *cap, size_t size);

#endif
