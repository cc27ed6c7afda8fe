#include "fuse/label_conflict.h"

#include "base/utf8.h"
#include "stream/object.h"

mm_status mm_label_conflict_fail(mm_str key, mm_str field, const mm_str value[2], const mm_str src[2], mm_err *e)
{
    enum { NAME = 40, VALUE = 20, SOURCE = 48 };
    bool plain = mm_str_is(field, "label");
    return mm_fail(e, MM_SKIP, "key %.*s has two labels%s%.*s: %.*s (%.*s) and %.*s (%.*s); see Keys in mm-decode(1)",
                   MM_STRF(mm_utf8_tail(key, NAME)), plain ? "" : " of ", MM_STRF(plain ? MM_STR("") : field),
                   MM_STRF(mm_utf8_tail(value[0], VALUE)), MM_STRF(mm_utf8_tail(src[0], SOURCE)),
                   MM_STRF(mm_utf8_tail(value[1], VALUE)), MM_STRF(mm_utf8_tail(src[1], SOURCE)));
}

/* The value of a field as text; p NULL: the label does not have it. */
static mm_str value_of(const msgpack_object *label, mm_str field, mm_arena *arena)
{
    if (label->type != MSGPACK_OBJECT_MAP)
        return mm_str_is(field, "label") ? mm_object_text(label, arena) : (mm_str){NULL, 0};
    for (uint32_t i = 0; i < label->via.map.size; i++)
        if (mm_str_eq(mm_object_as_str(&label->via.map.ptr[i].key), field))
            return mm_object_text(&label->via.map.ptr[i].val, arena);
    return (mm_str){NULL, 0};
}

static mm_status field_agrees(mm_str key, mm_str field, const mm_sourced_label *a, const mm_sourced_label *b,
                              mm_arena *arena, mm_err *e)
{
    const mm_str value[2] = {value_of(&a->label, field, arena), value_of(&b->label, field, arena)};
    if (!value[0].p || !value[1].p || mm_str_eq(value[0], value[1]))
        return MM_OK;
    return mm_label_conflict_fail(key, field, value, (mm_str[]){a->src, b->src}, e);
}

mm_status mm_label_conflict_check(mm_str key, const mm_sourced_label *a, const mm_sourced_label *b, mm_arena *arena,
                                  mm_err *e)
{
    if (a->label.type != MSGPACK_OBJECT_MAP)
        return field_agrees(key, MM_STR("label"), a, b, arena, e);
    mm_status s = MM_OK;
    for (uint32_t i = 0; s == MM_OK && i < a->label.via.map.size; i++)
        s = field_agrees(key, mm_object_as_str(&a->label.via.map.ptr[i].key), a, b, arena, e);
    return s;
}
