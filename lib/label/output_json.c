#include "base/buf.h"
#include "label/output.h"
#include "stream/object.h"

#include <utf8proc.h>

json_t *mm_json_text(mm_str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);
    mm_buf clean = {0};
    mm_status ok = MM_OK;
    for (size_t at = 0; !j && at < s.n && ok == MM_OK;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + at, (utf8proc_ssize_t)(s.n - at), &c);
        ok = n > 0 ? mm_buf_append(&clean, s.p + at, (size_t)n, NULL) : mm_buf_append(&clean, "\xef\xbf\xbd", 3, NULL);
        at += n > 0 ? (size_t)n : 1;
    }
    if (!j && ok == MM_OK)
        j = json_stringn((const char *)clean.p, clean.n);
    mm_buf_free(&clean);
    return j;
}

static void set_text(json_t *o, const char *name, mm_str s)
{
    if (s.p)
        json_object_set_new(o, name, mm_json_text(s));
}

/* A label as it came with the record: a string, or a map of plain values. */
static json_t *label_json(const msgpack_object *o)
{
    double d;
    if (o->type == MSGPACK_OBJECT_STR)
        return mm_json_text(mm_object_as_str(o));
    if (o->type == MSGPACK_OBJECT_BOOLEAN)
        return json_boolean(o->via.boolean);
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
        return json_integer((json_int_t)o->via.u64);
    if (mm_object_float(o, &d))
        return json_real(d);
    if (o->type != MSGPACK_OBJECT_MAP)
        return json_null();
    json_t *map = json_object();
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        mm_str name = mm_object_as_str(&o->via.map.ptr[i].key);
        json_t *key = name.p ? mm_json_text(name) : NULL;
        if (key && o->via.map.ptr[i].val.type != MSGPACK_OBJECT_MAP) /* one level: that is what labels have */
            json_object_set_new(map, json_string_value(key), label_json(&o->via.map.ptr[i].val));
        json_decref(key);
    }
    return map;
}

static json_t *guesses(const mm_labelled *x)
{
    json_t *list = json_array();
    for (int i = 0; i < x->n; i++) {
        json_t *g = json_object();
        set_text(g, "label", x->guess[i].name);
        json_object_set_new(g, "score", json_real(x->guess[i].score));
        json_array_append_new(list, g);
    }
    return list;
}

static json_t *neighbours(const mm_labelled *x)
{
    json_t *list = json_array();
    for (int i = 0; i < x->n_near && x->near[i].row >= 0; i++) {
        json_t *g = json_object();
        set_text(g, "key", x->refs->key[x->near[i].row]);
        set_text(g, "label", x->refs->names.name[x->refs->label[x->near[i].row]]);
        json_object_set_new(g, "cosine", json_real(x->near[i].cosine));
        json_array_append_new(list, g);
    }
    return list;
}

mm_status mm_jsonl_put(FILE *f, const mm_labelled *x, mm_err *e)
{
    json_t *o = json_object();
    set_text(o, "key", x->rec->key);
    set_text(o, "src", x->rec->src);
    if (x->rec->part >= 0)
        json_object_set_new(o, "part", json_integer(x->rec->part));
    if (x->rec->has_time)
        json_object_set_new(o, "time", json_pack("[ff]", x->rec->time[0], x->rec->time[1]));
    set_text(o, "of", x->rec->of);
    set_text(o, "text", x->text);
    set_text(o, "field", mm_label_field(x->rec));
    if (x->rec->kind != MM_KIND_LABEL && x->rec->label.type != MSGPACK_OBJECT_NIL)
        json_object_set_new(o, "truth", label_json(&x->rec->label));
    set_text(o, "label", x->guess[0].name);
    json_object_set_new(o, "score", json_real(x->guess[0].score));
    if (x->n > 1)
        json_object_set_new(o, "labels", guesses(x));
    if (x->near)
        json_object_set_new(o, "neighbours", neighbours(x));
    int bad = json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(7));
    json_decref(o);
    putc('\n', f);
    return bad && !ferror(f) ? mm_fail_memory(e) : MM_OK;
}
