#include "base/name_list.h"

mm_str mm_name_next(const char **list)
{
    if (!*list)
        return (mm_str){0};
    const char *name = *list + strspn(*list, ",");
    *list = name + strcspn(name, ",");
    size_t n = strcspn(name, ",=");
    return n ? (mm_str){name, n} : (mm_str){0};
}

bool mm_name_listed(const char *list, mm_str wanted)
{
    for (mm_str name; (name = mm_name_next(&list)).p;)
        if (mm_str_eq(name, wanted))
            return true;
    return false;
}

bool mm_seen_has(const mm_seen *s, mm_str name)
{
    for (int i = 0; i < s->n; i++)
        if (mm_str_eq(s->v[i], name) && !s->v[i].p == !name.p)
            return true;
    return false;
}

void mm_seen_add(mm_seen *s, mm_str name, mm_arena *a)
{
    if (s->n == MM_MOST_SEEN || mm_seen_has(s, name))
        return;
    mm_str own = {name.p ? mm_arena_strdup(a, name) : NULL, name.n};
    if (!own.p == !name.p)
        s->v[s->n++] = own;
}

mm_str mm_seen_missing(const mm_seen *s, const char *list)
{
    for (mm_str name; s->n && s->n < MM_MOST_SEEN && (name = mm_name_next(&list)).p;)
        if (!mm_seen_has(s, name))
            return name;
    return (mm_str){0};
}
