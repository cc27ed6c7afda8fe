/* where.h: conditions on fields, such as label=cat or meta.width>=512. */
#ifndef MM_VIEW_WHERE_H
#define MM_VIEW_WHERE_H

#include "base/name_list.h"
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

/* Whether the condition only tests for an entry of meta: then no record needs to have it. */
bool mm_where_asks_presence(const mm_where *w);

/* Conditions that must all hold. */
typedef struct {
    mm_where *v;
    int n;
    mm_seen *values; /* [n] what the fields of those with = hold, as far as it was noted */
    mm_arena arena;
} mm_where_list;

/* Each text is FIELD=VALUE (or ==), FIELD!=VALUE, FIELD~REGEX, FIELD!~REGEX (POSIX extended), FIELD<N, <=, >, >=, or
 * FIELD alone: the record has it. Blanks on both sides of the operator do not count. MM_SKIP: a text is none of these.
 */
mm_status mm_where_list_parse(mm_where_list *l, const char *const *text, int n, mm_err *e);
void mm_where_list_free(mm_where_list *l);
/* An absent field differs from every value, matches no expression and compares with no number. */
bool mm_where_list_holds(const mm_where_list *l, const mm_record *rec, mm_arena *a);
/* Notes the record's values of the fields in conditions with =. */
void mm_where_list_note(mm_where_list *l, const mm_record *rec, mm_arena *a);
/* Why no record was chosen, when condition i is the likely reason, because the field has few values, such as
 * modalities, or a similar one: "no record has of=imge; did you mean …". NULL: it is not. */
const char *mm_where_list_hint(const mm_where_list *l, int i, char *out, size_t size);

#endif
