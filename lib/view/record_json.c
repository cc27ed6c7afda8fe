#include "view/record_json.h"

#include "base/number.h"
#include "view/field.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

static void put_escaped(FILE *f, utf8proc_int32_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? memchr(from, c, sizeof from - 1) : NULL;
    if (at)
        fprintf(f, "\\%c", to[at - from]);
    else
        fprintf(f, "\\u%04x", (unsigned)c);
}

void mm_json_string(FILE *f, mm_str s)
{
    putc('"', f);
    for (size_t i = 0; i < s.n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (n <= 0) {
            fputs("\xEF\xBF\xBD", f);
            i++;
            continue;
        }
        if (c < ' ' || c == '"' || c == '\\' || c == 127)
            put_escaped(f, c);
        else
            fwrite(s.p + i, 1, (size_t)n, f);
        i += (size_t)n;
    }
    putc('"', f);
}

static void put_double(FILE *f, double v)
{
    char text[MM_NUMBER_TEXT];
    fputs(isfinite(v) ? mm_number_text(text, v) : "null", f);
}

/* The shortest text that reads back as the same number. */
static void put_float(FILE *f, float v)
{
    char text[40];
    if (!isfinite(v)) {
        fputs("null", f);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    fputs(text, f);
}

static void put_key(FILE *f, const msgpack_object *key)
{
    mm_str s = mm_object_as_str(key);
    if (s.p || key->type == MSGPACK_OBJECT_STR) {
        mm_json_string(f, s);
        return;
    }
    putc('"', f);
    if (key->type == MSGPACK_OBJECT_ARRAY || key->type == MSGPACK_OBJECT_MAP)
        fputs("?", f); /* a JSON text inside a JSON string would need a second escaping for nobody's use */
    else
        mm_json_object(f, key);
    putc('"', f);
}

static void put_map(FILE *f, const msgpack_object_map *m)
{
    putc('{', f);
    for (uint32_t i = 0; i < m->size; i++) {
        if (i)
            putc(',', f);
        put_key(f, &m->ptr[i].key);
        putc(':', f);
        mm_json_object(f, &m->ptr[i].val);
    }
    putc('}', f);
}

static void put_array(FILE *f, const msgpack_object_array *v)
{
    putc('[', f);
    for (uint32_t i = 0; i < v->size; i++) {
        if (i)
            putc(',', f);
        mm_json_object(f, &v->ptr[i]);
    }
    putc(']', f);
}

void mm_json_object(FILE *f, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL: fputs("null", f); break;
    case MSGPACK_OBJECT_BOOLEAN: fputs(o->via.boolean ? "true" : "false", f); break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER: fprintf(f, "%" PRIu64, o->via.u64); break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: fprintf(f, "%" PRId64, o->via.i64); break;
    case MSGPACK_OBJECT_FLOAT32: put_float(f, (float)o->via.f64); break;
    case MSGPACK_OBJECT_FLOAT64: put_double(f, o->via.f64); break;
    case MSGPACK_OBJECT_STR: mm_json_string(f, mm_object_as_str(o)); break;
    case MSGPACK_OBJECT_BIN: fprintf(f, "{\"bytes\":%" PRIu32 "}", o->via.bin.size); break;
    case MSGPACK_OBJECT_EXT: fprintf(f, "{\"ext\":%d,\"bytes\":%" PRIu32 "}", o->via.ext.type, o->via.ext.size); break;
    case MSGPACK_OBJECT_ARRAY: put_array(f, &o->via.array); break;
    case MSGPACK_OBJECT_MAP: put_map(f, &o->via.map); break;
    }
}

/* ---- tensors ------------------------------------------------------------------------------------------------ */

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
    double d;
    if (is_integer(t)) {
        put_integer(f, t, p);
    } else if (t == MM_BOOL) {
        fputs(*p ? "true" : "false", f);
    } else if (t == MM_F64) {
        memcpy(&d, p, sizeof d);
        put_double(f, d);
    } else {
        mm_to_f32(&v, p, t, 1);
        put_float(f, v);
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

/* ---- records ------------------------------------------------------------------------------------------------ */

static void put_data(FILE *f, const mm_record *rec, bool values)
{
    if (!rec->has_tensor && !rec->text.p)
        return;
    fputs(",\"data\":", f);
    if (rec->has_tensor)
        put_tensor(f, &rec->tensor, values);
    else
        mm_json_string(f, rec->text);
}

static void put_others(FILE *f, const msgpack_object *others)
{
    if (others->type != MSGPACK_OBJECT_MAP)
        return;
    for (uint32_t i = 0; i < others->via.map.size; i++) {
        putc(',', f);
        put_key(f, &others->via.map.ptr[i].key);
        putc(':', f);
        mm_json_object(f, &others->via.map.ptr[i].val);
    }
}

bool mm_json_record(FILE *f, const mm_record *rec, bool values, mm_arena *a)
{
    msgpack_object o;
    putc('{', f);
    for (int i = 0; mm_field_names[i]; i++) {
        if (!strcmp(mm_field_names[i], "rate")) /* data stands before it */
            put_data(f, rec, values);
        if (mm_field_get(&o, rec, mm_field_names[i], a)) {
            fprintf(f, "%s\"%s\":", i ? "," : "", mm_field_names[i]);
            mm_json_object(f, &o);
        }
    }
    put_others(f, &rec->others);
    fputs("}\n", f);
    return !ferror(f);
}
