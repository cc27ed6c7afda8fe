/* str.h: a view of bytes with a length; owns nothing, need not be terminated. */
#ifndef MM_BASE_STR_H
#define MM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *p; /* NULL means "absent", which differs from empty */
    size_t n;
} mm_str;

#define MM_STR(literal) ((mm_str){"" literal, sizeof(literal) - 1})

/* For printf: `printf("%.*s", MM_STRF(s))`. */
#define MM_STRF(s) (int)(s).n, (s).p ? (s).p : ""

static inline mm_str mm_str_of(const char *z)
{
    return (mm_str){z, z ? strlen(z) : 0};
}

static inline bool mm_str_eq(mm_str a, mm_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool mm_str_is(mm_str a, const char *z)
{
    return mm_str_eq(a, mm_str_of(z));
}

#endif
