#include "view/field.h"

#include "view/object_json.h"

#include <stdlib.h>
#include <string.h>

const char *const mm_field_names[] = {"kind", "key", "src",   "part",  "time",  "rate", "prep",
                                      "grid", "of",  "space", "label", "error", "meta", NULL};

/* ---- a record's fields as msgpack objects ---- */

static msgpack_object of_int(int64_t v)
{
    msgpack_object o = {.type = v < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER};
    if (v < 0)
        o.via.i64 = v;
    else
        o.via.u64 = (uint64_t)v;
    return o;
}

static msgpack_object of_float(double v)
{
    return (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = v};
}

static bool of_str(msgpack_object *out, mm_str s)
{
    *out = mm_object_str(s);
    return s.p != NULL;
}

static bool of_time(msgpack_object *out, const mm_record *rec, mm_arena *a)
{
    msgpack_object *v = rec->has_time ? mm_arena_alloc(a, 2 * sizeof *v) : NULL;
    if (!v)
        return false;
    v[0] = of_float(rec->time[0]);
    v[1] = of_float(rec->time[1]);
    *out = (msgpack_object){.type = MSGPACK_OBJECT_ARRAY, .via.array = {.size = 2, .ptr = v}};
    return true;
}

static void add(msgpack_object *map, const char *key, msgpack_object value)
{
    map->via.map.ptr[map->via.map.size++] = (msgpack_object_kv){.key = mm_object_str(mm_str_of(key)), .val = value};
}

static bool new_map(msgpack_object *out, size_t room, mm_arena *a)
{
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
    out->via.map.ptr = mm_arena_alloc(a, room * sizeof *out->via.map.ptr);
    return out->via.map.ptr != NULL;
}

static bool of_grid(msgpack_object *out, const mm_record *rec, mm_arena *a)
{
    const mm_grid *g = &rec->grid;
    if (!rec->has_grid || !new_map(out, 5, a))
        return false;
    if (g->prefix)
        add(out, "prefix", of_int(g->prefix));
    if (g->rows)
        add(out, "rows", of_int(g->rows));
    if (g->cols)
        add(out, "cols", of_int(g->cols));
    if (g->frames)
        add(out, "frames", of_int(g->frames));
    if (g->step > 0)
        add(out, "step", of_float(g->step));
    return true;
}

static bool of_error(msgpack_object *out, const mm_record *rec, mm_arena *a)
{
    const mm_record_error *e = &rec->error;
    if (rec->kind != MM_KIND_ERROR || !new_map(out, 3, a))
        return false;
    if (e->stage.p)
        add(out, "stage", mm_object_str(e->stage));
    if (e->code.p)
        add(out, "code", mm_object_str(e->code));
    if (e->text.p)
        add(out, "text", mm_object_str(e->text));
    return true;
}

static bool of_shape(msgpack_object *out, const mm_record *rec, mm_arena *a)
{
    if (rec->bytes.p) {
        const char *size = mm_arena_printf(a, "bin[%zu]", rec->bytes.n);
        return size && of_str(out, mm_str_of(size));
    }
    char *text = rec->has_tensor ? mm_arena_alloc(a, 128) : NULL;
    return text && of_str(out, mm_str_of(mm_shape_text(&rec->tensor.s, text, 128)));
}

static bool of_object(msgpack_object *out, const msgpack_object *o)
{
    if (o && o->type != MSGPACK_OBJECT_NIL)
        *out = *o;
    return o && o->type != MSGPACK_OBJECT_NIL;
}

static bool of_positive(msgpack_object *out, int64_t v, int64_t least)
{
    *out = of_int(v);
    return v >= least;
}

/* A field by its whole name. */
static bool whole_field(msgpack_object *out, const mm_record *rec, const char *name, mm_arena *a)
{
    if (!strcmp(name, "kind"))
        return of_str(out, rec->kind_name.p ? rec->kind_name : mm_str_of(mm_kind_name(rec->kind)));
    if (!strcmp(name, "key"))
        return of_str(out, rec->key);
    if (!strcmp(name, "src"))
        return of_str(out, rec->src);
    if (!strcmp(name, "part"))
        return of_positive(out, rec->part, 0);
    if (!strcmp(name, "time"))
        return of_time(out, rec, a);
    if (!strcmp(name, "data"))
        return of_str(out, rec->text);
    if (!strcmp(name, "rate"))
        return of_positive(out, rec->rate, 1);
    if (!strcmp(name, "prep"))
        return of_str(out, rec->prep);
    if (!strcmp(name, "grid"))
        return of_grid(out, rec, a);
    if (!strcmp(name, "of"))
        return of_str(out, rec->of);
    if (!strcmp(name, "space"))
        return of_str(out, rec->space);
    if (!strcmp(name, "shape"))
        return of_shape(out, rec, a);
    if (!strcmp(name, "label"))
        return of_object(out, &rec->label);
    if (!strcmp(name, "error"))
        return of_error(out, rec, a);
    if (!strcmp(name, "meta"))
        return of_object(out, &rec->meta);
    return of_object(out, mm_map_get(&rec->others, name));
}

/* ---- dotted paths ---- */

static const msgpack_object *element(const msgpack_object *o, const char *index)
{
    char *end;
    unsigned long i = strtoul(index, &end, 10);
    bool is_index = o->type == MSGPACK_OBJECT_ARRAY && *index >= '0' && *index <= '9' && !*end;
    return is_index && i < o->via.array.size ? &o->via.array.ptr[i] : NULL;
}

/* Tries the whole rest of the path as a key first, because keys may contain dots. */
static bool descend(msgpack_object *out, const msgpack_object *o, const char *rest, mm_arena *a)
{
    const msgpack_object *child = mm_map_get(o, rest);
    if (!child)
        child = element(o, rest);
    if (child)
        return of_object(out, child);
    const char *dot = strchr(rest, '.');
    char *head = dot ? mm_arena_strdup(a, (mm_str){rest, (size_t)(dot - rest)}) : NULL;
    if (!head)
        return false;
    child = mm_map_get(o, head);
    if (!child)
        child = element(o, head);
    return child && descend(out, child, dot + 1, a);
}

bool mm_field_get(msgpack_object *out, const mm_record *rec, const char *path, mm_arena *a)
{
    if (whole_field(out, rec, path, a))
        return true;
    const char *dot = strchr(path, '.');
    char *head = dot ? mm_arena_strdup(a, (mm_str){path, (size_t)(dot - path)}) : NULL;
    msgpack_object top;
    return head && whole_field(&top, rec, head, a) && descend(out, &top, dot + 1, a);
}

/* ---- text ---- */

static mm_str json_text(const msgpack_object *o, mm_arena *a)
{
    char *p = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&p, &n);
    if (!f)
        return (mm_str){0};
    mm_json_object(f, o);
    bool bad = fclose(f) != 0;
    char *copy = bad ? NULL : mm_arena_strdup(a, (mm_str){p, n});
    free(p);
    return (mm_str){copy, copy ? n : 0};
}

mm_str mm_field_text(const msgpack_object *o, mm_arena *a)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: return MM_STR("");
    case MSGPACK_OBJECT_STR:
    case MSGPACK_OBJECT_BIN: return mm_object_as_str(o);
    default: return json_text(o, a);
    }
}

void mm_field_put_tsv(FILE *f, mm_str s)
{
    static const char from[] = "\t\n\r\\", to[] = "tnr\\";
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(from, s.p[i]) : NULL;
        if (at)
            putc('\\', f);
        putc(at ? to[at - from] : s.p[i], f);
    }
}
