#include "media/labels.h"

#include "base/buf.h"
#include "base/grow.h"
#include "base/hash.h"
#include "media/key.h"
#include "media/table.h"
#include "media/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* One way to name a row; several rows of one name make it ambiguous. */
typedef struct {
    mm_str name;
    int64_t row; /* −1: free; −2: ambiguous */
} slot;

struct mm_labels {
    mm_arena arena;
    msgpack_object *label; /* [rows] */
    atomic_bool *used;     /* [rows] */
    int64_t rows, room;
    slot *slot;
    int64_t slots, taken;
};

/* ---- names ---- */

static slot *slot_of(const mm_labels *l, mm_str name)
{
    uint64_t at = mm_hash(name) & (uint64_t)(l->slots - 1);
    while (l->slot[at].row != -1 && !mm_str_eq(l->slot[at].name, name))
        at = (at + 1) & (uint64_t)(l->slots - 1);
    return &l->slot[at];
}

static bool grow_slots(mm_labels *l)
{
    slot *old = l->slot;
    int64_t n = l->slots;
    l->slots = n ? 2 * n : 1024;
    l->slot = malloc((size_t)l->slots * sizeof *l->slot);
    if (!l->slot)
        return false;
    for (int64_t i = 0; i < l->slots; i++)
        l->slot[i].row = -1;
    for (int64_t i = 0; i < n; i++)
        if (old[i].row != -1)
            *slot_of(l, old[i].name) = old[i];
    free(old);
    return true;
}

static bool add_name(mm_labels *l, mm_str name, int64_t row)
{
    if (2 * l->taken >= l->slots && !grow_slots(l))
        return false;
    slot *s = slot_of(l, name);
    if (s->row == -1) {
        *s = (slot){name, row};
        l->taken++;
    } else if (s->row != row) {
        s->row = -2;
    }
    return true;
}

/* a/b.jpg is also a/b, b.jpg and b. */
static bool add_names(mm_labels *l, mm_str path, int64_t row)
{
    mm_str clean = mm_path_clean(&l->arena, path);
    if (!clean.p)
        return false;
    mm_str base = mm_path_base(clean);
    return add_name(l, clean, row) && add_name(l, mm_path_stem(clean), row) && add_name(l, base, row) &&
           add_name(l, mm_path_stem(base), row);
}

msgpack_object mm_labels_find(mm_labels *l, mm_str path, mm_str key)
{
    const mm_str names[] = {path, key, mm_path_base(path), mm_path_base(key)};
    for (int i = 0; l->slots && i < 4; i++) {
        int64_t row = slot_of(l, names[i])->row;
        if (row >= 0) {
            atomic_store_explicit(&l->used[row], true, memory_order_relaxed);
            return l->label[row];
        }
    }
    return (msgpack_object){.type = MSGPACK_OBJECT_NIL};
}

int64_t mm_labels_unused(const mm_labels *l)
{
    int64_t n = 0;
    for (int64_t i = 0; i < l->rows; i++)
        n += !atomic_load_explicit(&l->used[i], memory_order_relaxed);
    return n;
}

/* ---- reading ---- */

static mm_status read_file(mm_str *out, mm_arena *a, const char *path, mm_err *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    mm_buf b = {0};
    mm_status s = MM_OK;
    char chunk[16384];
    for (size_t n; s == MM_OK && (n = fread(chunk, 1, sizeof chunk, f));)
        s = mm_buf_append(&b, chunk, n, e);
    if (s == MM_OK && ferror(f))
        s = mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    fclose(f);
    mm_str raw = {(const char *)b.p, b.n};
    if (raw.n >= 3 && memcmp(raw.p, "\xef\xbb\xbf", 3) == 0)
        raw = (mm_str){raw.p + 3, raw.n - 3};
    if (s == MM_OK) {
        char *own = mm_arena_strdup(a, raw);
        *out = (mm_str){own, raw.n};
        if (!own)
            s = mm_fail_memory(e);
    }
    mm_buf_free(&b);
    return s;
}

static int file_column_of(const mm_table *t, const char *wanted)
{
    static const char *const usual[] = {"file", "path", "filename", "image", "key", "id", NULL};
    if (wanted)
        return mm_table_column(t, wanted, t->columns);
    for (int i = 0; usual[i]; i++)
        if (mm_table_column(t, usual[i], t->columns) >= 0)
            return mm_table_column(t, usual[i], t->columns);
    return 0;
}

static bool text_object(mm_labels *l, mm_str cell, msgpack_object *out)
{
    int64_t replaced;
    mm_str own = {mm_arena_strdup(&l->arena, cell), cell.n};
    mm_str clean = own.p ? mm_utf8_clean(&l->arena, own, &replaced) : own;
    *out = (msgpack_object){.type = MSGPACK_OBJECT_STR, .via.str = {(uint32_t)clean.n, clean.p}};
    return clean.p != NULL;
}

static bool row_label(mm_labels *l, const mm_table *t, const mm_str *cell, int n, int file, int column,
                      msgpack_object *out)
{
    if (column < 0 && t->columns == 2)
        column = file ? 0 : 1;
    if (column >= 0)
        return text_object(l, column < n ? cell[column] : MM_STR(""), out);
    msgpack_object_kv *kv = mm_arena_zalloc(&l->arena, (size_t)t->columns, sizeof *kv);
    uint32_t count = 0;
    for (int c = 0; kv && c < t->columns && c < n; c++) {
        if (c == file)
            continue;
        if (!text_object(l, t->header[c], &kv[count].key) || !text_object(l, cell[c], &kv[count].val))
            return false;
        count++;
    }
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {count, kv}};
    return kv != NULL;
}

static mm_status add_row(mm_labels *l, const mm_table *t, const mm_str *cell, int n, int file, int column, mm_err *e)
{
    if (file >= n)
        return MM_OK;
    if (!mm_grow(&l->label, &l->room, l->rows))
        return mm_fail_memory(e);
    bool ok = row_label(l, t, cell, n, file, column, &l->label[l->rows]);
    mm_str path = {ok ? mm_arena_strdup(&l->arena, cell[file]) : NULL, cell[file].n};
    if (!path.p || !add_names(l, path, l->rows))
        return mm_fail_memory(e);
    l->rows++;
    return MM_OK;
}

static mm_status read_rows(mm_labels *l, mm_table *t, const char *path, const char *file_column, const char *column,
                           mm_err *e)
{
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_status s = mm_table_take_header(t, e);
    if (s == MM_EOF)
        return mm_fail(e, MM_FATAL, "%s: is empty", path);
    int file = s == MM_OK ? file_column_of(t, file_column) : -1,
        at = column ? mm_table_column(t, column, t->columns) : -1;
    if (s == MM_OK && (file < 0 || t->columns < 2))
        s = mm_fail(e, MM_FATAL, "%s: no column %s", path, file_column ? file_column : "of labels");
    else if (s == MM_OK && column && at < 0)
        s = mm_fail(e, MM_FATAL, "%s: no column %s", path, column);
    while (s == MM_OK && (s = mm_table_next(t, &a, &cell, &n, e)) == MM_OK) {
        s = add_row(l, t, cell, n, file, at, e);
        mm_arena_reset(&a);
    }
    if (s == MM_SKIP) {
        mm_err why = *e;
        s = mm_fail(e, MM_FATAL, "%s: row %lld: %s", path, (long long)t->row, why.text);
    }
    mm_arena_free(&a);
    return s == MM_EOF ? MM_OK : s;
}

mm_status mm_labels_open(mm_labels **out, const char *path, const char *file_column, const char *column, mm_err *e)
{
    mm_str text;
    mm_table t;
    mm_labels *l = *out = calloc(1, sizeof *l);
    if (!l)
        return mm_fail_memory(e);
    mm_status s = read_file(&text, &l->arena, path, e);
    if (s == MM_OK) {
        mm_table_open(&t, text);
        s = t.kind == MM_TABLE_JSONL ? mm_fail(e, MM_FATAL, "%s: labels come as CSV or TSV", path)
                                     : read_rows(l, &t, path, file_column, column, e);
        mm_table_close(&t);
    }
    l->used = s == MM_OK ? calloc((size_t)l->rows + 1, sizeof *l->used) : NULL;
    if (s == MM_OK && !l->used)
        s = mm_fail_memory(e);
    if (s != MM_OK) {
        mm_labels_close(l);
        *out = NULL;
    }
    return s;
}

void mm_labels_close(mm_labels *l)
{
    if (!l)
        return;
    free(l->label);
    free(l->used);
    free(l->slot);
    mm_arena_free(&l->arena);
    free(l);
}
