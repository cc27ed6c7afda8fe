#include "source/labels/label_cell.h"

#include "media/table/charset.h"
#include "media/table/label_studio.h"
#include "media/table/table.h"

static bool put_string(msgpack_object *o, mm_arena *a, mm_str s)
{
    int64_t replaced;
    mm_str own = {mm_arena_strdup(a, s), s.n};
    mm_str clean = own.p ? mm_utf8_clean(a, own, &replaced) : own;
    *o = (msgpack_object){.type = MSGPACK_OBJECT_STR, .via.str = {(uint32_t)clean.n, clean.p}};
    return clean.p != NULL;
}

/* ["cat", "dog"] → {"cat": 1, "dog": 1} */
static bool put_choices(msgpack_object *o, mm_arena *a, const json_t *list)
{
    const size_t n = json_array_size(list);
    msgpack_object_kv *kv = mm_arena_zalloc(a, n, sizeof *kv);
    for (size_t i = 0; kv && i < n; i++) {
        if (!put_string(&kv[i].key, a, mm_str_of(json_string_value(json_array_get(list, i)))))
            return false;
        kv[i].val = (msgpack_object){.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = 1};
    }
    *o = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {(uint32_t)n, kv}};
    return kv != NULL;
}

static bool holds_strings(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

/* What a list or Label Studio's wrapping stands for; NULL: the cell is a text like any other. */
static json_t *unwrapped(mm_str cell)
{
    json_t *v = cell.n && (*cell.p == '[' || *cell.p == '{') ? json_loadb(cell.p, cell.n, 0, NULL) : NULL;
    json_t *said = holds_strings(v) ? json_incref(v) : mm_ls_value(v);
    json_decref(v);
    return said;
}

static bool put_said(msgpack_object *o, mm_arena *a, json_t *said, mm_str cell)
{
    if (holds_strings(said) && json_array_size(said) == 0)
        return true;
    if (holds_strings(said) && json_array_size(said) > 1)
        return put_choices(o, a, said);
    const json_t *one = holds_strings(said) ? json_array_get(said, 0) : said;
    if (json_is_string(one))
        return put_string(o, a, mm_str_of(json_string_value(one)));
    char *text = json_is_number(one) ? json_dumps(one, JSON_ENCODE_ANY) : NULL;
    bool ok = put_string(o, a, text ? mm_str_of(text) : cell);
    free(text);
    return ok;
}

bool mm_label_of_cell(msgpack_object *label, mm_arena *a, mm_str cell)
{
    *label = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
    if (!cell.p)
        return true;
    cell = mm_cell_trim(cell);
    if (!cell.n)
        return true;
    json_t *said = unwrapped(cell);
    bool ok = said ? put_said(label, a, said, cell) : put_string(label, a, cell);
    json_decref(said);
    return ok;
}
