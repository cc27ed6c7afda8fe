#include "model/safetensors.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"

#include <stdlib.h>

/* The reference reader stops at 100 MB. A header has about 100 bytes a tensor, so this allows 300,000 of them and
 * bounds what a hostile header makes the JSON parser allocate. */
static const uint64_t HEADER_MAX = (uint64_t)32 << 20;

struct mm_safetensors {
    mm_map map; /* empty when the caller owns the bytes */
    json_t *header;
    mm_named_tensor *t;              /* [count] by offset; names live in header */
    const mm_named_tensor **by_name; /* [count] */
    int64_t count;
    uint64_t header_bytes; /* 8 + the JSON's length */
};

static const struct {
    const char *name;
    mm_type type;
} DTYPES[] = {
    {"F32", MM_F32}, {"F16", MM_F16}, {"BF16", MM_BF16}, {"F64", MM_F64}, {"I64", MM_I64},
    {"I32", MM_I32}, {"I16", MM_I16}, {"I8", MM_I8},     {"U64", MM_U64}, {"U32", MM_U32},
    {"U16", MM_U16}, {"U8", MM_U8},   {"BOOL", MM_BOOL},
};
enum { DTYPE_COUNT = sizeof DTYPES / sizeof DTYPES[0] };

static bool dtype_of(mm_type *out, const char *name)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(DTYPES[i].name, name) == 0) {
            *out = DTYPES[i].type;
            return true;
        }
    return false;
}

static const char *dtype_name(mm_type t)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (DTYPES[i].type == t)
            return DTYPES[i].name;
    return NULL;
}

static mm_status entry_shape(mm_shape *out, const json_t *entry, mm_type type, mm_err *e)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return mm_fail(e, MM_FATAL, "no shape");
    size_t rank = json_array_size(shape);
    if (rank > MM_MAX_RANK)
        return mm_fail(e, MM_FATAL, "%zu dimensions (at most %d are supported)", rank, MM_MAX_RANK);
    int64_t dim[MM_MAX_RANK] = {0};
    for (size_t i = 0; i < rank; i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d))
            return mm_fail(e, MM_FATAL, "a dimension that is not an integer");
        dim[i] = json_integer_value(d);
    }
    return mm_shape_make(out, type, (int)rank, dim, e);
}

/* One header entry → a view of its bytes. `data` is the section after the header, of n bytes. */
static mm_status entry_tensor(mm_tensor *out, const json_t *entry, const uint8_t *data, uint64_t n, mm_err *e)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    mm_type type;
    if (!dtype)
        return mm_fail(e, MM_FATAL, "no dtype");
    if (!dtype_of(&type, dtype))
        return mm_fail(e, MM_FATAL, "element type %.20s is not supported (F32, F16, BF16 and integers are)", dtype);
    mm_status s = entry_shape(&out->s, entry, type, e);
    if (s != MM_OK)
        return s;
    const json_t *jb = json_array_get(offsets, 0), *je = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(jb) || !json_is_integer(je))
        return mm_fail(e, MM_FATAL, "no data_offsets");
    json_int_t begin = json_integer_value(jb), end = json_integer_value(je);
    if (begin < 0 || end < begin || (uint64_t)end > n)
        return mm_fail(e, MM_FATAL, "bytes %lld to %lld of a data section of %llu: the file is cut short or damaged",
                       (long long)begin, (long long)end, (unsigned long long)n);
    if ((uint64_t)(end - begin) != mm_shape_bytes(&out->s)) {
        char text[128];
        return mm_fail(e, MM_FATAL, "%lld bytes for %s", (long long)(end - begin),
                       mm_shape_text(&out->s, text, sizeof text));
    }
    out->data = data + begin;
    return MM_OK;
}

static int by_offset(const void *va, const void *vb)
{
    const mm_named_tensor *a = va, *b = vb;
    if (a->t.data != b->t.data)
        return (uintptr_t)a->t.data < (uintptr_t)b->t.data ? -1 : 1;
    size_t na = mm_shape_bytes(&a->t.s), nb = mm_shape_bytes(&b->t.s); /* empty tensors first */
    return na != nb ? (na < nb ? -1 : 1) : strcmp(a->name, b->name);
}

static int by_name(const void *va, const void *vb)
{
    const mm_named_tensor *const *a = va, *const *b = vb;
    return strcmp((*a)->name, (*b)->name);
}

/* Every byte belongs to exactly one tensor: the format has no gaps, and a gap or an overlap means damage. */
static mm_status check_cover(const mm_safetensors *s, const uint8_t *data, uint64_t n, const char *name, mm_err *e)
{
    const uint8_t *at = data;
    for (int64_t i = 0; i < s->count; i++) {
        const uint8_t *p = s->t[i].t.data;
        if (p != at)
            return mm_fail(e, MM_FATAL, "%s: tensor %.100s %s the previous one: the file is damaged", name,
                           s->t[i].name, p < at ? "overlaps" : "leaves a gap after");
        at = p + mm_shape_bytes(&s->t[i].t.s);
    }
    if (at != data + n)
        return mm_fail(e, MM_FATAL, "%s: %llu bytes after the last tensor: the file is damaged", name,
                       (unsigned long long)(n - (uint64_t)(at - data)));
    return MM_OK;
}

static mm_status collect(mm_safetensors *s, const uint8_t *data, uint64_t n, const char *name, mm_err *e)
{
    size_t entries = json_object_size(s->header);
    s->t = calloc(entries + 1, sizeof *s->t);
    s->by_name = calloc(entries + 1, sizeof *s->by_name);
    if (!s->t || !s->by_name)
        return mm_fail_memory(e);
    const char *key;
    json_t *entry;
    json_object_foreach(s->header, key, entry)
    {
        if (strcmp(key, "__metadata__") == 0)
            continue;
        mm_named_tensor *t = &s->t[s->count];
        mm_err why = {0};
        if (entry_tensor(&t->t, entry, data, n, &why) != MM_OK)
            return mm_fail(e, MM_FATAL, "%s: tensor %.80s: %.120s", name, key, why.text);
        t->name = key;
        s->count++;
    }
    qsort(s->t, (size_t)s->count, sizeof *s->t, by_offset);
    for (int64_t i = 0; i < s->count; i++)
        s->by_name[i] = &s->t[i];
    qsort(s->by_name, (size_t)s->count, sizeof *s->by_name, by_name);
    return check_cover(s, data, n, name, e);
}

static mm_status parse(mm_safetensors *s, const uint8_t *p, size_t n, const char *name, mm_err *e)
{
    if (n < 8)
        return mm_fail(e, MM_FATAL, "%s: %zu bytes are no safetensors file", name, n);
    uint64_t len = mm_le64(p);
    if (len > HEADER_MAX)
        return mm_fail(e, MM_FATAL, "%s: not a safetensors file (a header of %llu bytes; at most %llu are read)", name,
                       (unsigned long long)len, (unsigned long long)HEADER_MAX);
    if (len > n - 8)
        return mm_fail(e, MM_FATAL,
                       "%s: the header's %llu bytes go beyond the end: the file is cut short or is no "
                       "safetensors file",
                       name, (unsigned long long)len);
    json_error_t why;
    s->header = json_loadb((const char *)p + 8, len, JSON_REJECT_DUPLICATES, &why);
    if (!s->header)
        return mm_fail(e, MM_FATAL, "%s: the header is not JSON: %.120s", name, why.text);
    if (!json_is_object(s->header))
        return mm_fail(e, MM_FATAL, "%s: the header is not a JSON object", name);
    s->header_bytes = 8 + len;
    return collect(s, p + 8 + len, n - 8 - len, name, e);
}

mm_status mm_safetensors_parse(mm_safetensors **out, const void *bytes, size_t n, const char *name, mm_err *e)
{
    *out = NULL;
    mm_safetensors *s = calloc(1, sizeof *s);
    if (!s)
        return mm_fail_memory(e);
    mm_status st = parse(s, bytes, n, name, e);
    if (st != MM_OK) {
        mm_safetensors_close(s);
        return st;
    }
    *out = s;
    return MM_OK;
}

mm_status mm_safetensors_open(mm_safetensors **out, const char *path, mm_err *e)
{
    *out = NULL;
    mm_map map;
    mm_status s = mm_map_open(&map, path, e);
    if (s != MM_OK)
        return s;
    s = mm_safetensors_parse(out, map.p, map.n, path, e);
    if (s == MM_OK)
        (*out)->map = map;
    else
        mm_map_close(&map);
    return s;
}

void mm_safetensors_close(mm_safetensors *s)
{
    if (!s)
        return;
    json_decref(s->header);
    free(s->t);
    free(s->by_name);
    mm_map_close(&s->map);
    free(s);
}

int64_t mm_safetensors_count(const mm_safetensors *s)
{
    return s->count;
}

const mm_named_tensor *mm_safetensors_at(const mm_safetensors *s, int64_t i)
{
    return &s->t[i];
}

const mm_named_tensor *mm_safetensors_find(const mm_safetensors *s, const char *name)
{
    mm_named_tensor wanted = {.name = name};
    const mm_named_tensor *key = &wanted;
    const mm_named_tensor **hit = bsearch(&key, s->by_name, (size_t)s->count, sizeof *s->by_name, by_name);
    return hit ? *hit : NULL;
}

const json_t *mm_safetensors_metadata(const mm_safetensors *s)
{
    return json_object_get(s->header, "__metadata__");
}

uint64_t mm_safetensors_digest(const mm_safetensors *s, uint64_t seed)
{
    enum { BLOCKS = 16, BLOCK = 4096 };
    if (!s->count)
        return mm_hash_more(seed, (const uint8_t *)"empty", 5);
    const uint8_t *data = s->t[0].t.data, *header = data - s->header_bytes;
    const mm_named_tensor *last = &s->t[s->count - 1];
    size_t n = (size_t)((const uint8_t *)last->t.data - data) + mm_shape_bytes(&last->t.s);
    uint64_t h = mm_hash_more(seed, header, s->header_bytes);
    if (n <= (size_t)BLOCKS * BLOCK)
        return mm_hash_more(h, data, n);
    size_t step = (n - BLOCK) / (BLOCKS - 1);
    for (size_t i = 0; i < BLOCKS; i++)
        h = mm_hash_more(h, data + i * step, BLOCK);
    return h;
}

/* ---- writing ---- */

static json_t *entry_json(const mm_tensor *t, uint64_t at)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->s.rank; i++)
        json_array_append_new(shape, json_integer(t->s.dim[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype_name(t->s.type), "shape", shape, "data_offsets",
                     (json_int_t)at, (json_int_t)(at + mm_shape_bytes(&t->s)));
}

/* The header's text, padded with spaces so that the data starts on a cache line; NULL: out of memory. */
static char *header_text(const mm_named_tensor *t, int64_t n, const json_t *metadata, size_t *len)
{
    json_t *o = json_object();
    uint64_t at = 0;
    bool ok = o && (!metadata || json_object_set_new(o, "__metadata__", json_deep_copy(metadata)) == 0);
    for (int64_t i = 0; ok && i < n; i++) {
        ok = json_object_set_new(o, t[i].name, entry_json(&t[i].t, at)) == 0;
        at += mm_shape_bytes(&t[i].t.s);
    }
    char *text = ok ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return NULL;
    size_t have = strlen(text), padded = (8 + have + 63) / 64 * 64 - 8;
    char *out = malloc(padded + 1);
    if (out) {
        memset(out, ' ', padded);
        memcpy(out, text, have);
        out[padded] = 0;
        *len = padded;
    }
    free(text);
    return out;
}

mm_status mm_safetensors_write(const char *path, const mm_named_tensor *t, int64_t n, const json_t *metadata, mm_err *e)
{
    size_t len = 0;
    char *header = header_text(t, n, metadata, &len);
    if (!header)
        return mm_fail_memory(e);
    mm_part_file part;
    mm_status s = mm_part_file_open(&part, path, e);
    if (s == MM_OK) {
        uint8_t size[8];
        for (int i = 0; i < 8; i++)
            size[i] = (uint8_t)((uint64_t)len >> 8 * i);
        fwrite(size, 1, 8, part.f);
        fwrite(header, 1, len, part.f);
        for (int64_t i = 0; i < n && !ferror(part.f); i++)
            fwrite(t[i].t.data, 1, mm_shape_bytes(&t[i].t.s), part.f);
        s = mm_part_file_commit(&part, e);
    }
    free(header);
    return s;
}
