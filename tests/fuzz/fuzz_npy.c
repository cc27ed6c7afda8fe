/* NPY files: no header makes the array larger than the file, and the records of one hold what their shapes say. */
#include "decode/decode.h"
#include "media/table/npy_parse.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static mm_status weigh(void *ctx, const mm_record *rec, mm_err *e)
{
    int64_t *records = ctx;
    volatile char last = 0;
    (void)e;
    ++*records;
    if (rec->has_tensor && mm_shape_bytes(&rec->tensor.s))
        last = ((const char *)rec->tensor.data)[mm_shape_bytes(&rec->tensor.s) - 1];
    (void)last;
    return MM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char MAGIC[] = "\x93NUMPY\1\0";
    static const mm_decode_opts ways[] = {{.as = MM_AS_FEATURES}, {.as = MM_AS_SERIES}, {.text = true}};
    mm_blob b = {.key = MM_STR("k"), .src = MM_STR("x.npy"), .path = MM_STR("x.npy"), .named = true, .fd = -1};
    mm_tensor t;
    mm_err e;
    mm_arena a = {0};
    b.bytes = data;
    b.size = (int64_t)n;
    mm_str file = {(const char *)data, n};
    if (mm_npy_parse(&t, file, &e) == MM_OK &&
        ((const uint8_t *)t.data < data || (const uint8_t *)t.data + mm_shape_bytes(&t.s) > data + n))
        __builtin_trap();
    if (n > 8 && memcmp(data, MAGIC, 6) == 0)
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            int64_t records = 0, emitted;
            mm_decode(&b, &ways[i], &a, weigh, &records, &emitted, &e);
            if (emitted != records || records > (int64_t)n + 1)
                __builtin_trap();
        }
    mm_arena_free(&a);
    return 0;
}
