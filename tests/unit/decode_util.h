/* decode_util.h: a golden file through mm_decode, and the one record that it becomes. */
#ifndef MM_TESTS_DECODE_UTIL_H
#define MM_TESTS_DECODE_UTIL_H

#include "decode/decode.h"
#include "golden.h"

typedef struct {
    int records;
    mm_kind kind;
    mm_shape shape;
    uint8_t *data; /* a copy of the tensor */
    char error[256];
    mm_hint hint; /* of the error */
} decoded;

static inline mm_status keep(void *ctx, const mm_record *rec, mm_err *e)
{
    decoded *d = ctx;
    (void)e;
    d->records++;
    d->kind = rec->kind;
    snprintf(d->error, sizeof d->error, "%.*s", MM_STRF(rec->error.text));
    d->hint = rec->error.hint;
    if (!rec->has_tensor)
        return MM_OK;
    d->shape = rec->tensor.s;
    size_t n = (size_t)mm_shape_bytes(&rec->tensor.s);
    free(d->data);
    d->data = malloc(n);
    memcpy(d->data, rec->tensor.data, n);
    return MM_OK;
}

static inline uint8_t *file_bytes(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *p = malloc(*n);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

/* tests/goldens/FOLDER/FILE decoded; one record is expected, of this kind. The caller frees data. */
static inline decoded decode_golden(const char *folder, const char *file, const mm_decode_opts *o, mm_kind kind)
{
    char path[512];
    decoded d = {0};
    mm_arena a = {0};
    mm_err e;
    size_t n;
    int64_t emitted;
    snprintf(path, sizeof path, "tests/goldens/%s/%s", folder, file);
    uint8_t *bytes = file_bytes(path, &n);
    mm_str name = {file, strlen(file)};
    mm_blob b = {.key = MM_STR("k"), .src = name, .path = name, .named = true, .fd = -1};
    b.bytes = bytes;
    b.size = (int64_t)n;
    assert_int_equal(mm_decode(&b, o, &a, keep, &d, &emitted, &e), MM_OK);
    if (emitted != 1 || d.records != 1 || d.kind != kind)
        fail_msg("%s: %d records, the last of kind %d: %s", file, d.records, (int)d.kind, d.error);
    mm_arena_free(&a);
    free(bytes);
    return d;
}

#endif
