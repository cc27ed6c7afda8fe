/* where.h: conditions on fields, as --where writes them. */
#ifndef MM_VIEW_WHERE_H
#define MM_VIEW_WHERE_H

#include "stream/record.h"

#include <regex.h>

typedef enum { MM_EQ, MM_NE, MM_LIKE, MM_UNLIKE, MM_LT, MM_LE, MM_GT, MM_GE, MM_HAS } mm_relation;

typedef struct {
    char *field; /* owned */
    mm_relation relation;
    const char *value; /* points into the text it was parsed from */
    double number;     /* of value, for < <= > >= */
    regex_t regex;     /* MM_LIKE, MM_UNLIKE */
} mm_where;

/* FIELD=VALUE (or ==), FIELD!=VALUE, FIELD~REGEX, FIELD!~REGEX (POSIX extended), FIELD<N, <=, >, >=, or FIELD alone: it
 * is there. Blanks before and after the sign are not part of the field and the value when they stand on both sides.
 * MM_SKIP when the text is none of them. */
mm_status mm_where_parse(mm_where *w, const char *text, mm_err *e);
void mm_where_free(mm_where *w);

/* Whether the condition asks if an entry of meta is there at all: then none of the records needs to have it. */
bool mm_where_asks_presence(const mm_where *w);

/* A field that is absent differs from every value, matches no regex and compares with no number. */
bool mm_where_holds(const mm_where *w, const mm_record *rec, mm_arena *a);

#endif
