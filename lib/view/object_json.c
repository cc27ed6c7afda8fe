#include "view/object_json.h"

#include "base/number.h"

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

/* The shortest text that parses back to the same float. */
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
        fputs("?", f); /* JSON inside a JSON string would have to be escaped twice, and nobody needs it */
    else
        mm_json_object(f, key);
    putc('"', f);
}

void mm_json_entries(FILE *f, const msgpack_object_map *m)
{
    for (uint32_t i = 0; i < m->size; i++) {
        if (i)
            putc(',', f);
        put_key(f, &m->ptr[i].key);
        putc(':', f);
        mm_json_object(f, &m->ptr[i].val);
    }
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
    case MSGPACK_OBJECT_MAP:
        putc('{', f);
        mm_json_entries(f, &o->via.map);
        putc('}', f);
        break;
    }
}
