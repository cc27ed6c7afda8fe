#include "stream/object.h"

#include "base/number.h"

#include <math.h>

msgpack_object mm_object_str(mm_str s)
{
    msgpack_object o = {.type = MSGPACK_OBJECT_STR};
    o.via.str.ptr = s.p ? s.p : "";
    o.via.str.size = (uint32_t)s.n;
    return o;
}

mm_status mm_object_numbers(msgpack_object *out, const mm_str *key, const double *value, uint32_t n, mm_arena *a,
                            mm_err *e)
{
    msgpack_object_kv *kv = mm_arena_zalloc(a, n, sizeof *kv);
    if (!kv)
        return mm_fail_memory(e);
    for (uint32_t i = 0; i < n; i++)
        kv[i] = (msgpack_object_kv){mm_object_str(key[i]), {.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = value[i]}};
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {n, kv}};
    return MM_OK;
}

mm_str mm_object_as_str(const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_STR)
        return (mm_str){o->via.str.ptr, o->via.str.size};
    if (o->type == MSGPACK_OBJECT_BIN)
        return (mm_str){o->via.bin.ptr, o->via.bin.size};
    return (mm_str){0};
}

const msgpack_object *mm_map_get(const msgpack_object *map, const char *key)
{
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = map->via.map.size; i-- > 0;) { /* duplicate keys: the last wins, as in Python */
        mm_str name = mm_object_as_str(&map->via.map.ptr[i].key);
        if (name.p && mm_str_is(name, key))
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

bool mm_object_is_numpy(const msgpack_object *o)
{
    return mm_map_get(o, "nd") != NULL;
}

bool mm_object_is_pickle(const msgpack_object *o)
{
    const msgpack_object *kind = mm_object_is_numpy(o) ? mm_map_get(o, "kind") : NULL;
    return kind && mm_str_is(mm_object_as_str(kind), "O");
}

bool mm_object_int(const msgpack_object *o, int64_t *out)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *out = o->via.i64;
        return true;
    }
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > INT64_MAX)
        return false;
    *out = (int64_t)o->via.u64;
    return true;
}

bool mm_object_float(const msgpack_object *o, double *out)
{
    switch (o->type) {
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: *out = o->via.f64; return true;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: *out = (double)o->via.u64; return true;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: *out = (double)o->via.i64; return true;
    default: return false;
    }
}

mm_str mm_object_text(const msgpack_object *o, mm_arena *a)
{
    char number[MM_NUMBER_TEXT];
    switch (o->type) {
    case MSGPACK_OBJECT_STR:
    case MSGPACK_OBJECT_BIN: return mm_object_as_str(o);
    case MSGPACK_OBJECT_BOOLEAN: return o->via.boolean ? MM_STR("true") : MM_STR("false");
    case MSGPACK_OBJECT_POSITIVE_INTEGER: return mm_str_of(mm_arena_printf(a, "%llu", (unsigned long long)o->via.u64));
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return mm_str_of(mm_arena_printf(a, "%lld", (long long)o->via.i64));
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        if (isnan(o->via.f64))
            return (mm_str){0};
        return mm_str_of(mm_arena_strdup(a, mm_str_of(mm_number_text(number, o->via.f64))));
    default: return (mm_str){0};
    }
}

/* ---- deep copies ---- */

typedef struct {
    mm_copy how;
    mm_arena *a;
    mm_err *e;
} copier;

static mm_status copy(const copier *c, msgpack_object *out, const msgpack_object *o, int depth);

static mm_status copy_bytes(const copier *c, const char **p, uint32_t n)
{
    if (c->how == MM_COPY_VIEWS)
        return MM_OK;
    *p = mm_arena_strdup(c->a, (mm_str){*p, n});
    return *p ? MM_OK : mm_fail_memory(c->e);
}

static mm_status copy_array(const copier *c, msgpack_object *out, int depth)
{
    msgpack_object_array from = out->via.array;
    msgpack_object *to = mm_arena_alloc(c->a, from.size * sizeof *to);
    if (!to)
        return mm_fail_memory(c->e);
    out->via.array.ptr = to;
    for (uint32_t i = 0; i < from.size; i++) {
        mm_status s = copy(c, &to[i], &from.ptr[i], depth);
        if (s != MM_OK)
            return s;
    }
    return MM_OK;
}

static mm_status copy_map(const copier *c, msgpack_object *out, int depth)
{
    if (mm_object_is_pickle(out))
        return mm_fail(c->e, MM_SKIP, "holds a Python object array (msgpack-numpy kind \"O\"), which is never read");
    msgpack_object_map from = out->via.map;
    msgpack_object_kv *to = mm_arena_alloc(c->a, from.size * sizeof *to);
    if (!to)
        return mm_fail_memory(c->e);
    out->via.map.ptr = to;
    for (uint32_t i = 0; i < from.size; i++) {
        mm_status s = copy(c, &to[i].key, &from.ptr[i].key, depth);
        if (s == MM_OK)
            s = copy(c, &to[i].val, &from.ptr[i].val, depth);
        if (s != MM_OK)
            return s;
    }
    return MM_OK;
}

static mm_status copy(const copier *c, msgpack_object *out, const msgpack_object *o, int depth)
{
    *out = *o;
    if (depth >= MM_RECORD_MAX_DEPTH)
        return mm_fail(c->e, MM_FATAL, "a value nested more than %d levels deep", MM_RECORD_MAX_DEPTH);
    switch (o->type) {
    case MSGPACK_OBJECT_STR: return copy_bytes(c, &out->via.str.ptr, out->via.str.size);
    case MSGPACK_OBJECT_BIN: return copy_bytes(c, &out->via.bin.ptr, out->via.bin.size);
    case MSGPACK_OBJECT_EXT: return copy_bytes(c, &out->via.ext.ptr, out->via.ext.size);
    case MSGPACK_OBJECT_ARRAY: return copy_array(c, out, depth + 1);
    case MSGPACK_OBJECT_MAP: return copy_map(c, out, depth + 1);
    default: return MM_OK;
    }
}

mm_status mm_object_copy(msgpack_object *out, const msgpack_object *o, mm_copy how, mm_arena *a, mm_err *e)
{
    return copy(&(copier){how, a, e}, out, o, 0);
}

/* ---- meta ---- */

/* The entry of that name in rec->meta, added at the end if there is none; NULL when memory is out. */
static msgpack_object_kv *meta_entry(mm_record *rec, mm_arena *a, const char *key)
{
    msgpack_object_map old = {0};
    if (rec->meta.type == MSGPACK_OBJECT_MAP)
        old = rec->meta.via.map;
    msgpack_object_kv *kv = mm_arena_alloc(a, ((size_t)old.size + 1) * sizeof *kv);
    if (!kv)
        return NULL;
    if (old.size)
        memcpy(kv, old.ptr, old.size * sizeof *kv);
    uint32_t i = 0;
    while (i < old.size && !mm_str_is(mm_object_as_str(&kv[i].key), key))
        i++;
    rec->meta = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
    rec->meta.via.map.ptr = kv;
    rec->meta.via.map.size = i < old.size ? old.size : old.size + 1;
    kv[i].key = mm_object_str(mm_str_of(key));
    return &kv[i];
}

mm_status mm_meta_put(mm_record *rec, mm_arena *a, const char *key, msgpack_object value, mm_err *e)
{
    msgpack_object copied;
    mm_status s = mm_object_copy(&copied, &value, MM_COPY_BYTES, a, e);
    if (s != MM_OK)
        return s;
    msgpack_object_kv *kv = meta_entry(rec, a, key);
    if (!kv)
        return mm_fail_memory(e);
    kv->val = copied;
    rec->raw = (mm_str){0};
    return MM_OK;
}

mm_status mm_meta_put_str(mm_record *rec, mm_arena *a, const char *key, mm_str value, mm_err *e)
{
    return mm_meta_put(rec, a, key, mm_object_str(value), e);
}

mm_status mm_meta_put_int(mm_record *rec, mm_arena *a, const char *key, int64_t value, mm_err *e)
{
    msgpack_object o = {.type = value < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER};
    o.via.i64 = value;
    return mm_meta_put(rec, a, key, o, e);
}

mm_status mm_meta_put_float(mm_record *rec, mm_arena *a, const char *key, double value, mm_err *e)
{
    msgpack_object o = {.type = MSGPACK_OBJECT_FLOAT64};
    o.via.f64 = value;
    return mm_meta_put(rec, a, key, o, e);
}

mm_status mm_meta_put_bool(mm_record *rec, mm_arena *a, const char *key, bool value, mm_err *e)
{
    msgpack_object o = {.type = MSGPACK_OBJECT_BOOLEAN};
    o.via.boolean = value;
    return mm_meta_put(rec, a, key, o, e);
}
