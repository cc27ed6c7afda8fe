/* Tables of texts and of numbers: whatever the bytes are, cells lie inside them or the arena, and rows come to an end.
 */
#include "decode/decode.h"
#include "media/table/table.h"
#include "media/text/text_decode.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static mm_status weigh(void *ctx, const mm_record *rec, mm_err *e)
{
    int64_t *records = ctx;
    volatile char last = 0; /* touch what the record claims to hold */
    (void)e;
    ++*records;
    if (rec->text.n)
        last = rec->text.p[rec->text.n - 1];
    if (rec->has_tensor && mm_shape_bytes(&rec->tensor.s))
        last = ((const char *)rec->tensor.data)[mm_shape_bytes(&rec->tensor.s) - 1];
    (void)last;
    if (rec->kind == MM_KIND_TEXT && !rec->text.p)
        __builtin_trap();
    return MM_OK;
}

static void rows(mm_str text)
{
    mm_table t;
    mm_arena a = {0};
    mm_err e;
    mm_str *cell;
    int n;
    mm_table_open(&t, text, MM_TABLE_ANY);
    mm_status s = mm_table_take_header(&t, &e);
    for (size_t at = t.at; s != MM_EOF && s != MM_FATAL && (s = mm_table_next(&t, &a, &cell, &n, &e)) != MM_EOF;) {
        if (t.at <= at && s != MM_FATAL)
            __builtin_trap(); /* a row that takes nothing would come for ever */
        at = t.at;
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    mm_table_close(&t);
}

/* The first byte chooses how the rest is read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const mm_decode_opts ways[] = {
        {.text = true, .column = "2", .label_column = "-1"},
        {.text = true, .column = "text", .key_column = "id", .label_column = "label"},
        {.text = true, .lines = true},
        {.text = true, .as = MM_AS_FEATURES, .key_column = "id"},
        {.text = true, .as = MM_AS_SERIES},
        {.text = true, .as = MM_AS_FEATURES, .label_column = "1"},
        {.text = true, .column = "text", .label_column = "choice", .table = MM_TABLE_JSON},
        {.text = true, .column = "text", .label_column = "label", .table = MM_TABLE_QUOTED_TSV},
        {.text = true, .column = "text", .table = MM_TABLE_SEMICOLON},
        {.text = true, .as = MM_AS_SERIES, .series_rate = 10, .window = .5, .hop = .2},
        {.text = true, .as = MM_AS_OPENFACE, .window = .5, .hop = .2},
    };
    if (n == 0)
        return 0;
    mm_blob b = {.key = MM_STR("k"), .src = MM_STR("t.csv"), .path = MM_STR("t.csv"), .named = true, .fd = -1};
    b.bytes = data + 1;
    b.size = (int64_t)n - 1;
    mm_arena a = {0};
    mm_err e;
    int64_t records = 0, emitted;
    mm_decode(&b, &ways[data[0] % (sizeof ways / sizeof *ways)], &a, weigh, &records, &emitted, &e);
    if (emitted != records)
        __builtin_trap();
    mm_arena_free(&a);
    rows((mm_str){(const char *)data + 1, n - 1});
    return 0;
}
