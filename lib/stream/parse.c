#include "stream/parse.h"

#include "stream/msgpack_scan.h"
#include "stream/object.h"
#include "stream/tensor_map.h"

typedef struct {
    mm_record *rec;
    mm_arena *a;
    mm_err *e;
    unsigned seen; /* one bit for each of FIELDS */
} parser;

typedef mm_status (*field_reader)(parser *p, const msgpack_object *v, void *to);

static mm_status wrong(parser *p, const char *what)
{
    return mm_fail(p->e, MM_SKIP, "is not %s", what);
}

static mm_status read_str(parser *p, const msgpack_object *v, void *to)
{
    if (v->type != MSGPACK_OBJECT_STR)
        return wrong(p, "a string");
    *(mm_str *)to = mm_object_as_str(v);
    return MM_OK;
}

static mm_status read_uint(parser *p, const msgpack_object *v, void *to)
{
    int64_t i;
    if (!mm_object_int(v, &i) || i < 0)
        return wrong(p, "an unsigned integer");
    *(int64_t *)to = i;
    return MM_OK;
}

static mm_status read_time(parser *p, const msgpack_object *v, void *to)
{
    double *time = to;
    if (v->type != MSGPACK_OBJECT_ARRAY || v->via.array.size != 2 || !mm_object_float(&v->via.array.ptr[0], &time[0]) ||
        !mm_object_float(&v->via.array.ptr[1], &time[1]))
        return wrong(p, "[start, end] in seconds");
    p->rec->has_time = true;
    return MM_OK;
}

/* A file's bytes. */
static mm_status read_bytes(parser *p, const msgpack_object *v)
{
    if (v->type != MSGPACK_OBJECT_BIN)
        return wrong(p, "the bytes of a file (bin)");
    p->rec->bytes = mm_object_as_str(v);
    return MM_OK;
}

static mm_status read_data(parser *p, const msgpack_object *v, void *to)
{
    if (p->rec->kind == MM_KIND_MARK)
        return wrong(p, "allowed in a mark");
    if (p->rec->kind == MM_KIND_FILE)
        return read_bytes(p, v);
    if (v->type == MSGPACK_OBJECT_STR)
        return read_str(p, v, &p->rec->text);
    if (!mm_object_is_numpy(v))
        return wrong(p, "a tensor or a string");
    mm_err why = {0};
    mm_status s = mm_tensor_map_read(to, v, p->a, &why);
    p->rec->has_tensor = s == MM_OK;
    return s == MM_OK ? s : mm_fail(p->e, s, "is %s", why.text);
}

static mm_status read_grid(parser *p, const msgpack_object *v, void *to)
{
    mm_grid *g = to;
    const struct {
        const char *name;
        int64_t *to;
    } counts[] = {{"prefix", &g->prefix}, {"rows", &g->rows}, {"cols", &g->cols}, {"frames", &g->frames}};
    if (v->type != MSGPACK_OBJECT_MAP)
        return wrong(p, "a map");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const msgpack_object *o = mm_map_get(v, counts[i].name);
        if (o && read_uint(p, o, counts[i].to) != MM_OK)
            return wrong(p, "a map of unsigned integers");
    }
    const msgpack_object *step = mm_map_get(v, "step");
    if (step && !mm_object_float(step, &g->step))
        return wrong(p, "a map with a number as its step");
    p->rec->has_grid = true;
    return MM_OK;
}

static mm_status read_error(parser *p, const msgpack_object *v, void *to)
{
    mm_record_error *err = to;
    const struct {
        const char *name;
        mm_str *to;
    } texts[] = {{"stage", &err->stage}, {"code", &err->code}, {"text", &err->text}};
    if (v->type != MSGPACK_OBJECT_MAP)
        return wrong(p, "a map");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const msgpack_object *o = mm_map_get(v, texts[i].name);
        if (o && read_str(p, o, texts[i].to) != MM_OK)
            return wrong(p, "a map of strings");
    }
    return MM_OK;
}

static mm_status read_value(parser *p, const msgpack_object *v, void *to)
{
    return mm_object_copy(to, v, MM_COPY_VIEWS, p->a, p->e);
}

static mm_status read_label(parser *p, const msgpack_object *v, void *to)
{
    double number;
    if (v->type != MSGPACK_OBJECT_STR && v->type != MSGPACK_OBJECT_MAP && !mm_object_float(v, &number))
        return wrong(p, "a string, a number or a map");
    return read_value(p, v, to);
}

static mm_status read_meta(parser *p, const msgpack_object *v, void *to)
{
    return v->type == MSGPACK_OBJECT_MAP ? read_value(p, v, to) : wrong(p, "a map");
}

#define FIELD(member) offsetof(mm_record, member)
static const struct {
    const char *name;
    field_reader read;
    size_t to;
} FIELDS[] = {
    {"kind", read_str, FIELD(kind_name)}, {"key", read_str, FIELD(key)},     {"src", read_str, FIELD(src)},
    {"part", read_uint, FIELD(part)},     {"time", read_time, FIELD(time)},  {"data", read_data, FIELD(tensor)},
    {"rate", read_uint, FIELD(rate)},     {"prep", read_str, FIELD(prep)},   {"grid", read_grid, FIELD(grid)},
    {"of", read_str, FIELD(of)},          {"space", read_str, FIELD(space)}, {"label", read_label, FIELD(label)},
    {"error", read_error, FIELD(error)},  {"meta", read_meta, FIELD(meta)},
};

/* Keeps a field that this version does not know, as it is. */
static mm_status keep_other(parser *p, const msgpack_object_kv *kv, uint32_t room)
{
    msgpack_object *others = &p->rec->others;
    if (others->type == MSGPACK_OBJECT_NIL) {
        others->via.map.ptr = mm_arena_alloc(p->a, room * sizeof *kv);
        others->via.map.size = 0;
        if (!others->via.map.ptr)
            return mm_fail_memory(p->e);
        others->type = MSGPACK_OBJECT_MAP;
    }
    msgpack_object_kv *to = &others->via.map.ptr[others->via.map.size];
    mm_status s = mm_object_copy(&to->key, &kv->key, MM_COPY_VIEWS, p->a, p->e);
    if (s == MM_OK)
        s = mm_object_copy(&to->val, &kv->val, MM_COPY_VIEWS, p->a, p->e);
    if (s == MM_OK)
        others->via.map.size++;
    return s;
}

static mm_status read_known(parser *p, size_t i, const msgpack_object_kv *kv, uint32_t room)
{
    if (p->seen >> i & 1)
        return mm_fail(p->e, MM_SKIP, "has field \"%s\" twice", FIELDS[i].name);
    p->seen |= 1u << i;
    mm_err why = {0};
    parser q = {.rec = p->rec, .a = p->a, .e = &why};
    mm_status s = FIELDS[i].read(&q, &kv->val, (char *)p->rec + FIELDS[i].to);
    if (s == MM_SKIP && FIELDS[i].read == read_data && p->rec->kind == MM_KIND_OTHER)
        return keep_other(p, kv, room); /* a future kind may have anything there */
    return s == MM_OK ? s : mm_fail(p->e, s, "field \"%s\" %s", FIELDS[i].name, why.text);
}

static mm_status read_field(parser *p, const msgpack_object_kv *kv, uint32_t room)
{
    mm_str name = mm_object_as_str(&kv->key);
    for (size_t i = 0; name.p && i < sizeof FIELDS / sizeof *FIELDS; i++)
        if (mm_str_is(name, FIELDS[i].name))
            return read_known(p, i, kv, room);
    if (name.p && mm_str_is(name, "mm"))
        return mm_fail(p->e, MM_SKIP, "has field \"mm\" twice");
    return keep_other(p, kv, room);
}

/* Reads every field, even after an invalid one, since the key may come later. Reports the first failure. */
static mm_status read_fields(parser *p, const msgpack_object *map)
{
    mm_status worst = MM_OK;
    mm_err *first = p->e, why = {0};
    p->e = &why;
    for (uint32_t i = 1; i < map->via.map.size && worst != MM_FATAL; i++) {
        mm_status s = read_field(p, &map->via.map.ptr[i], map->via.map.size);
        if (s != MM_OK && (worst == MM_OK || s == MM_FATAL))
            worst = mm_fail(first, s, "%s", why.text);
    }
    p->e = first;
    return worst;
}

static mm_status check_version(const msgpack_object *map, mm_err *e)
{
    const msgpack_object_kv *first = map->type == MSGPACK_OBJECT_MAP && map->via.map.size ? map->via.map.ptr : NULL;
    if (!first || !mm_str_is(mm_object_as_str(&first->key), "mm"))
        return mm_fail(e, MM_FATAL, "not a record of a feature stream (its first field is not \"mm\")");
    if (first->val.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return mm_fail(e, MM_FATAL, "a record whose version is not a number");
    if (first->val.via.u64 != MM_STREAM_VERSION)
        return mm_fail(e, MM_FATAL, "a record of stream version %llu; this program reads version %d",
                       (unsigned long long)first->val.via.u64, MM_STREAM_VERSION);
    return MM_OK;
}

static mm_status interpret(mm_record *rec, const msgpack_object *map, mm_arena *a, mm_err *e)
{
    *rec = mm_record_new(MM_KIND_OTHER);
    rec->kind_name = (mm_str){0};
    mm_status s = check_version(map, e);
    if (s != MM_OK)
        return s;
    const msgpack_object *kind = mm_map_get(map, "kind"); /* read first: it decides how strictly `data` is read */
    if (!kind || kind->type != MSGPACK_OBJECT_STR)
        rec->kind = MM_KIND_ERROR; /* what it will become */
    else
        rec->kind = mm_kind_of(mm_object_as_str(kind));
    mm_err why = {0};
    s = read_fields(&(parser){.rec = rec, .a = a, .e = &why}, map);
    if (s == MM_OK && !rec->kind_name.p)
        s = mm_fail(&why, MM_SKIP, "a record without a kind");
    if (s == MM_OK && rec->kind == MM_KIND_FILE && !rec->bytes.p)
        s = mm_fail(&why, MM_SKIP, "a file without its bytes (field \"data\")");
    if (s == MM_SKIP && mm_record_to_error(rec, a, "read", "record", &why, e) != MM_OK)
        return MM_FATAL;
    return s == MM_OK ? s : mm_fail(e, s, "%.*s%s%s", MM_STRF(rec->key), rec->key.n ? ": " : "", why.text);
}

mm_status mm_record_parse(const void *data, size_t n, size_t *used, mm_arena *a, mm_record *rec, mm_err *e)
{
    mm_msgpack_scan scan = {0};
    size_t want, off = 0;
    const char *why;
    mm_msgpack_scan_result r = mm_msgpack_scan_run(&scan, data, n, &want, &why);
    *used = 0;
    if (r == MM_SCAN_MORE)
        return MM_EOF;
    if (r == MM_SCAN_BAD)
        return mm_fail(e, MM_FATAL, "%s", why);
    msgpack_unpacked box;
    msgpack_unpacked_init(&box);
    msgpack_unpack_return got = msgpack_unpack_next(&box, data, scan.at, &off);
    mm_status s = got == MSGPACK_UNPACK_SUCCESS       ? interpret(rec, &box.data, a, e)
                  : got == MSGPACK_UNPACK_NOMEM_ERROR ? mm_fail_memory(e)
                                                      : mm_fail(e, MM_FATAL, "not a MessagePack value");
    msgpack_unpacked_destroy(&box); /* the record only has copies in the arena and pointers into data */
    *used = scan.at;
    if (s == MM_OK)
        rec->raw = (mm_str){data, scan.at};
    return s;
}
