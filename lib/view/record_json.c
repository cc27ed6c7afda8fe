#include "view/record_json.h"

#include "view/field.h"
#include "view/object_json.h"

#include <inttypes.h>
#include <string.h>

static bool is_integer(mm_type t)
{
    return t <= MM_I64;
}

static void put_integer(FILE *f, mm_type t, const uint8_t *p)
{
    size_t size = mm_type_size(t);
    uint64_t u = 0;
    memcpy(&u, p, size); /* little-endian, as the host */
    bool is_signed = t == MM_I8 || t == MM_I16 || t == MM_I32 || t == MM_I64;
    int unused = 64 - 8 * (int)size;
    if (is_signed)
        fprintf(f, "%" PRId64, (int64_t)(u << unused) >> unused);
    else
        fprintf(f, "%" PRIu64, u);
}

static void put_element(FILE *f, mm_type t, const uint8_t *p)
{
    float v;
    msgpack_object o = {.type = t == MM_F64 ? MSGPACK_OBJECT_FLOAT64 : MSGPACK_OBJECT_FLOAT32};
    if (is_integer(t)) {
        put_integer(f, t, p);
    } else if (t == MM_BOOL) {
        fputs(*p ? "true" : "false", f);
    } else {
        if (t == MM_F64) {
            memcpy(&o.via.f64, p, sizeof o.via.f64);
        } else {
            mm_to_f32(&v, p, t, 1);
            o.via.f64 = (double)v;
        }
        mm_json_object(f, &o);
    }
}

/* Nested lists of dimensions `axis` and up; returns the first byte after them. */
static const uint8_t *put_values(FILE *f, const mm_shape *s, int axis, const uint8_t *p)
{
    if (axis == s->rank) {
        put_element(f, s->type, p);
        return p + mm_type_size(s->type);
    }
    putc('[', f);
    for (int64_t i = 0; i < s->dim[axis]; i++) {
        if (i)
            putc(',', f);
        p = put_values(f, s, axis + 1, p);
    }
    putc(']', f);
    return p;
}

static void put_tensor(FILE *f, const mm_tensor *t, bool values)
{
    fprintf(f, "{\"type\":\"%s\",\"shape\":[", mm_type_name(t->s.type));
    for (int i = 0; i < t->s.rank; i++)
        fprintf(f, "%s%" PRId64, i ? "," : "", t->s.dim[i]);
    putc(']', f);
    if (values) {
        fputs(",\"values\":", f);
        put_values(f, &t->s, 0, t->data);
    }
    putc('}', f);
}

/* ---- records ---- */

static void put_data(FILE *f, const mm_record *rec, bool values)
{
    if (!rec->has_tensor && !rec->text.p && !rec->bytes.p)
        return;
    fputs(",\"data\":", f);
    if (rec->has_tensor)
        put_tensor(f, &rec->tensor, values);
    else if (rec->bytes.p)
        fprintf(f, "{\"type\":\"bin\",\"shape\":[%zu]}", rec->bytes.n);
    else
        mm_json_string(f, rec->text);
}

bool mm_json_record(FILE *f, const mm_record *rec, bool values, mm_arena *a)
{
    msgpack_object o;
    putc('{', f);
    for (int i = 0; mm_field_names[i]; i++) {
        if (!strcmp(mm_field_names[i], "rate")) /* data comes before it */
            put_data(f, rec, values);
        if (mm_field_get(&o, rec, mm_field_names[i], a)) {
            fprintf(f, "%s\"%s\":", i ? "," : "", mm_field_names[i]);
            mm_json_object(f, &o);
        }
    }
    if (rec->others.type == MSGPACK_OBJECT_MAP && rec->others.via.map.size) {
        putc(',', f);
        mm_json_entries(f, &rec->others.via.map);
    }
    fputs("}\n", f);
    return !ferror(f);
}
