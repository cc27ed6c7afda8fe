/* text.c: the label that a record carries, as text. */
#include "label/refs.h"
#include "stream/object.h"

/* The name of a distribution's largest entry, the first of equal ones; p NULL: it is not a distribution. */
static mm_str most_probable(const msgpack_object *map)
{
    mm_str best = {0};
    double most = 0, p;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];
        if (kv->key.type != MSGPACK_OBJECT_STR || !mm_object_float(&kv->val, &p))
            return (mm_str){0};
        if (!best.p || p > most) {
            best = mm_object_as_str(&kv->key);
            most = p;
        }
    }
    return best;
}

/* "speaker, digit": what --field could be. */
static const char *entries(const msgpack_object *map, mm_arena *a)
{
    const char *list = "";
    for (uint32_t i = 0; i < map->via.map.size && i < 8 && list; i++) {
        mm_str name = mm_object_as_str(&map->via.map.ptr[i].key);
        list = mm_arena_printf(a, "%s%s%.*s", list, i ? ", " : "", MM_STRF(name));
    }
    return list ? list : "";
}

mm_status mm_label_text(mm_str *out, const mm_record *rec, const char *field, mm_arena *a, mm_err *e)
{
    if (rec->label.type == MSGPACK_OBJECT_NIL)
        return mm_fail(e, MM_SKIP, "%.*s: carries no label", MM_STRF(rec->key));
    const msgpack_object *v = &rec->label;
    if (v->type == MSGPACK_OBJECT_MAP)
        v = field ? mm_map_get(v, field) : NULL;
    *out = v ? mm_object_text(v, a) : field ? (mm_str){0} : most_probable(&rec->label);
    if (!out->p && !field && rec->label.via.map.size == 1)
        *out = mm_object_text(&rec->label.via.map.ptr[0].val, a);
    if (out->p)
        return MM_OK;
    if (field)
        return mm_fail(e, MM_SKIP, "%.*s: its label has no entry \"%s\" (but %s)", MM_STRF(rec->key), field,
                       entries(&rec->label, a));
    return mm_fail_hint(e, MM_SKIP, MM_HINT_FIELD, "%.*s: its label has several entries (%s)", MM_STRF(rec->key),
                        entries(&rec->label, a));
}

mm_str mm_label_field(const mm_record *rec)
{
    const msgpack_object *field = mm_map_get(&rec->meta, "field");
    return field ? mm_object_as_str(field) : (mm_str){0};
}
