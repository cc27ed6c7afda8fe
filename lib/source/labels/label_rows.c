#include "source/labels/label_rows.h"

#include "base/grow.h"
#include "base/utf8.h"
#include "source/labels/label_cell.h"
#include "stream/record.h"

#include <stdio.h>
#include <stdlib.h>

/* A table on its way into rows. */
typedef struct {
    mm_label_rows *x;
    mm_table t;
    mm_label_columns c;
    mm_str *cell; /* [n], the row at hand */
    int n;
    mm_arena scratch; /* of a row */
} reading;

/* ---- a row's label ---- */

/* The label in a cell. A string that the row before has as well is kept once. */
static bool label_of_cell(reading *r, mm_str cell, msgpack_object *out)
{
    mm_label_rows *x = r->x;
    if (!mm_label_of_cell(out, &r->scratch, cell))
        return false;
    if (out->type == MSGPACK_OBJECT_NIL)
        return true;
    if (out->type != MSGPACK_OBJECT_STR)
        return mm_label_of_cell(out, &x->arena, cell);
    if (x->n && msgpack_object_equal(x->row[x->n - 1].label, *out)) {
        *out = x->row[x->n - 1].label;
        return true;
    }
    mm_str own = mm_row_names_keep(&x->names, mm_object_as_str(out));
    *out = mm_object_str(own);
    return own.p != NULL;
}

static mm_str cell_at(const reading *r, int column)
{
    return column < r->n ? r->cell[column] : (mm_str){NULL, 0};
}

/* All columns that hold labels: one is the label itself, several are a map of those that are not empty. */
static bool label_of_row(reading *r, msgpack_object *out)
{
    msgpack_object_kv *kv = mm_arena_zalloc(&r->x->arena, (size_t)r->c.n + 1, sizeof *kv);
    uint32_t columns = 0, n = 0;
    for (int c = 0; kv && c < r->c.n; c++) {
        if (!mm_label_columns_holds(&r->c, c))
            continue;
        columns++;
        if (!label_of_cell(r, cell_at(r, c), &kv[n].val) ||
            !label_of_cell(r, mm_label_columns_name(&r->c, c, &r->scratch), &kv[n].key))
            return false;
        n += kv[n].val.type != MSGPACK_OBJECT_NIL && kv[n].key.type == MSGPACK_OBJECT_STR;
    }
    *out = n == 0         ? (msgpack_object){.type = MSGPACK_OBJECT_NIL}
           : columns == 1 ? kv[0].val
                          : (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {n, kv}};
    return kv != NULL;
}

/* ---- rows ---- */

/* As a spreadsheet leaves rows below its last one. */
static bool is_empty(const reading *r)
{
    for (int c = 0; c < r->n; c++)
        if (r->cell[c].p && mm_cell_trim(r->cell[c]).n)
            return false;
    return true;
}

/* Bytes that are not UTF-8 would become U+FFFD, and two labels might become one. */
static bool labels_are_utf8(const reading *r)
{
    for (int c = 0; c < r->n; c++)
        if (c != r->c.file && (r->c.label < 0 || c == r->c.label) && r->cell[c].p && !mm_utf8_valid(r->cell[c]))
            return false;
    return true;
}

/* Notes a dispute among annotators, if it is about a label. False when memory is out. */
static bool keep_dispute(reading *r, mm_label_row *row)
{
    mm_str what = r->t.disputed;
    if (!what.p || (r->c.label >= 0 && !mm_str_eq(r->t.header[r->c.label], what)))
        return true;
    row->disputed = mm_row_names_keep(&r->x->names, what);
    return row->disputed.p != NULL;
}

static mm_status add_row(reading *r, mm_err *e)
{
    mm_label_rows *x = r->x;
    mm_str file = cell_at(r, r->c.file), name = file.p ? mm_cell_trim(file) : file;
    if (is_empty(r))
        return MM_OK;
    if (!name.n)
        return mm_fail(e, MM_SKIP, "it names no file");
    if (!labels_are_utf8(r))
        return mm_fail(e, MM_SKIP, "its label is not UTF-8: save the table as UTF-8, or convert it with iconv");
    if (!r->t.header && r->n > r->c.n)
        return mm_fail(e, MM_SKIP, "%d cells, more than the %d of the first row", r->n, r->c.n);
    if (!mm_grow(&x->row, &x->cap, x->n))
        return mm_fail_memory(e);
    mm_label_row *row = &x->row[x->n];
    *row = (mm_label_row){.number = r->t.row, .name = mm_row_names_keep(&x->names, name)};
    bool ok = row->name.p && keep_dispute(r, row) &&
              (r->c.label < 0 ? label_of_row(r, &row->label) : label_of_cell(r, cell_at(r, r->c.label), &row->label));
    if (!ok || !mm_row_names_add(&x->names, &r->scratch, row->name, x->n))
        return mm_fail_memory(e);
    x->n++;
    mm_arena_reset(&r->scratch);
    return MM_OK;
}

/* Finds the columns, and keeps what may later turn out to be wrong about the first row. */
static mm_status begin(reading *r, const mm_labels_opts *o, mm_err *e)
{
    mm_label_rows *x = r->x;
    mm_status s = mm_label_columns_find(&r->c, &r->t, o, e);
    if (s != MM_OK)
        return s;
    mm_str likely = r->c.nameless ? mm_table_likely_names(&r->t, &r->scratch) : (mm_str){NULL, 0};
    mm_str doubtful = mm_label_columns_doubtful(&r->c);
    if (likely.p)
        x->names_as_data = mm_row_names_keep(&x->names, likely);
    if (doubtful.p)
        x->doubtful = mm_row_names_keep(&x->names, doubtful);
    bool kept = (!likely.p || x->names_as_data.p) && (!doubtful.p || x->doubtful.p);
    return kept ? MM_OK : mm_fail_memory(e);
}

static mm_status read_rows(reading *r, const mm_labels_opts *o, mm_err *e)
{
    mm_arena a = {0};
    mm_err why = {0};
    mm_status s = begin(r, o, &why);
    while (s == MM_OK && (s = mm_table_next(&r->t, &a, &r->cell, &r->n, &why)) == MM_OK) {
        s = add_row(r, &why);
        mm_arena_reset(&a);
    }
    if (s == MM_EOF && !r->t.row)
        s = mm_fail(&why, MM_SKIP, "no rows in it");
    mm_arena_free(&a);
    if (s == MM_SKIP && r->t.row)
        return mm_fail_hint(e, MM_SKIP, why.hint, "row %lld: %s", (long long)r->t.row, why.text);
    if (s != MM_OK && s != MM_EOF)
        *e = why;
    return s == MM_EOF ? MM_OK : s;
}

/* ---- rows of one name ---- */

static bool alike(const void *ctx, int64_t a, int64_t b)
{
    const mm_label_rows *x = ctx;
    return a == b ||
           (msgpack_object_equal(x->row[a].label, x->row[b].label) && !x->row[a].disputed.p == !x->row[b].disputed.p);
}

static bool has_blank(const msgpack_object *label)
{
    return label->type == MSGPACK_OBJECT_STR && memchr(label->via.str.ptr, ' ', label->via.str.size);
}

/* The column whose cell in the label is a text of several words; p NULL: none. */
static mm_str caption_in(const msgpack_object *label, const char *column)
{
    if (label->type != MSGPACK_OBJECT_MAP)
        return mm_str_of(has_blank(label) ? column ? column : "caption" : NULL);
    for (uint32_t i = 0; i < label->via.map.size; i++)
        if (has_blank(&label->via.map.ptr[i].val))
            return mm_object_as_str(&label->via.map.ptr[i].key);
    return (mm_str){NULL, 0};
}

/* Two rows that name one file and differ are found before anything is decoded. */
static mm_status check_names(reading *r, const mm_labels_opts *o, mm_err *e)
{
    int64_t a, b;
    char captions[128] = "";
    const mm_label_rows *x = r->x;
    if (!mm_row_names_clash(&x->names, &a, &b))
        return MM_OK;
    const mm_label_row *row = &x->row[a];
    mm_str file = mm_label_columns_name(&r->c, r->c.file, &r->scratch);
    mm_str caption = caption_in(&row->label, o->column);
    if (caption.p)
        snprintf(captions, sizeof captions, ": texts in column %.*s of files in column %.*s",
                 (int)(caption.n > 30 ? 30 : caption.n), caption.p, (int)(file.n > 30 ? 30 : file.n), file.p);
    return mm_fail_hint(e, MM_SKIP, caption.p ? MM_HINT_CAPTIONS : MM_HINT_NONE,
                        "rows %lld and %lld both name %.*s, with different labels%s", (long long)row->number,
                        (long long)x->row[b].number, (int)(row->name.n > 60 ? 60 : row->name.n), row->name.p, captions);
}

mm_status mm_label_rows_read(mm_label_rows *x, mm_str text, const mm_labels_opts *o, mm_err *e)
{
    reading r = {.x = x};
    mm_table_open(&r.t, text, o->table);
    mm_status s = read_rows(&r, o, e);
    if (s == MM_OK && !mm_row_names_sort(&x->names, alike, x))
        s = mm_fail_memory(e);
    if (s == MM_OK)
        s = check_names(&r, o, e);
    mm_table_close(&r.t);
    mm_arena_free(&r.scratch);
    return s;
}

void mm_label_rows_free(mm_label_rows *x)
{
    free(x->row);
    mm_row_names_free(&x->names);
    mm_arena_free(&x->arena);
}
