#include "base/grow.h"

#include <stdlib.h>

/* Small, for the many arrays that stay small (the records of one sample); ten doublings make it four thousand. */
enum { FIRST = 4 };

/* The capacity after this one, in rows of width × size bytes; 0 when there is no address for the last of them. */
static int64_t next(int64_t cap, int64_t width, size_t size)
{
    int64_t half = cap ? cap : FIRST / 2, most = PTRDIFF_MAX / (int64_t)size / width;
    return half <= most / 2 ? 2 * half : 0;
}

void *mm_grown(void *array, int64_t *cap, int64_t width, size_t size)
{
    int64_t more = next(*cap, width, size);
    void *p = more ? realloc(array, (size_t)more * (size_t)width * size) : NULL;
    if (!p)
        return array;
    *cap = more;
    return p;
}

void *mm_grown_in(mm_arena *a, void *array, int64_t *cap, size_t size)
{
    int64_t more = next(*cap, 1, size);
    void *p = more ? mm_arena_grow(a, array, (size_t)*cap * size, (size_t)more * size) : NULL;
    if (!p)
        return array;
    *cap = more;
    return p;
}
