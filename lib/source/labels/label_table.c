#include "source/labels/label_table.h"

#include "base/buf.h"
#include "base/grow.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "format/claim.h"
#include "format/sniff.h"
#include "media/table/charset.h"
#include "source/labels/label_cell.h"
#include "stream/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct {
    msgpack_object label;
    mm_str name;     /* as written */
    int64_t number;  /* in the file */
    mm_str disputed; /* what annotators disagree about; p NULL: nothing */
} labelled_row;

struct mm_labels {
    mm_arena arena;
    mm_row_names names;
    labelled_row *row;
    int64_t rows, room;
    uint64_t digest;
    _Atomic int64_t elsewhere;
    _Atomic(char *) example;
    mm_str names_as_data;
    mm_row_names head; /* the name of the column of files, where it is none of the usual ones: is it a file's? */
    mm_str head_name;
    atomic_bool head_fits;
};

/* ---- finding ---- */

static void note_elsewhere(mm_labels *l, const mm_label_query *what, mm_str name)
{
    char *text = NULL, *none = NULL;
    if (atomic_fetch_add(&l->elsewhere, 1) || asprintf(&text, "%.*s: %.*s", MM_STRF(what->given), MM_STRF(name)) < 0)
        return;
    if (!atomic_compare_exchange_strong(&l->example, &none, text))
        free(text);
}

/* Notes whether what the row of names says of files is the name of one. */
static mm_status doubt_head(mm_labels *l, const mm_label_query *what, mm_err *e)
{
    mm_row_match m;
    if (!l->head_name.p || atomic_load(&l->head_fits))
        return MM_OK;
    mm_status s = mm_row_names_find(&l->head, what, &m, e);
    if (s == MM_OK && m.row >= 0 && !m.elsewhere)
        atomic_store(&l->head_fits, true);
    return s;
}

mm_status mm_labels_find(mm_labels *l, const mm_label_query *what, msgpack_object *label, mm_err *e)
{
    mm_row_match m;
    *label = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
    mm_status s = doubt_head(l, what, e);
    if (s == MM_OK)
        s = mm_row_names_find(&l->names, what, &m, e);
    if (s != MM_OK || m.row < 0)
        return s;
    const labelled_row *x = &l->row[m.row];
    if (m.other >= 0) {
        const labelled_row *y = &l->row[m.other];
        return mm_fail(e, MM_SKIP, "rows %lld (%.*s) and %lld (%.*s) fit it alike and have different labels",
                       (long long)x->number, (int)(x->name.n > 60 ? 60 : x->name.n), x->name.p, (long long)y->number,
                       (int)(y->name.n > 60 ? 60 : y->name.n), y->name.p);
    }
    if (x->disputed.p)
        return mm_fail(e, MM_SKIP, "row %lld: " MM_DISPUTED, (long long)x->number, MM_STRF(x->disputed));
    if (m.elsewhere)
        note_elsewhere(l, what, x->name);
    *label = x->label;
    return MM_OK;
}

int64_t mm_labels_unused(const mm_labels *l)
{
    return mm_row_names_unused(&l->names, l->rows);
}

int64_t mm_labels_elsewhere(const mm_labels *l, const char **example)
{
    const char *text = atomic_load(&l->example);
    *example = text ? text : "";
    return atomic_load(&l->elsewhere);
}

mm_str mm_labels_names_as_data(const mm_labels *l)
{
    return l->names_as_data;
}

mm_str mm_labels_data_as_names(const mm_labels *l)
{
    return atomic_load(&l->head_fits) ? l->head_name : (mm_str){NULL, 0};
}

uint64_t mm_labels_digest(const mm_labels *l)
{
    return l->digest;
}

mm_str mm_labels_first(const mm_labels *l)
{
    return l->rows ? l->row[0].name : MM_STR("");
}

/* ---- reading ---- */

/* Spreadsheets, Parquet and whatever else holds tables and is no text. */
static mm_status check_text(mm_str file, const char *path, mm_err *e)
{
    const uint8_t *head = (const uint8_t *)file.p;
    const size_t n = file.n < MM_SNIFF_HEAD ? file.n : MM_SNIFF_HEAD;
    int unread = mm_unread_format(head, n, mm_str_of(path));
    if (unread >= 0)
        return mm_fail(e, MM_FATAL, "%s: %s is not read: %s", path, mm_unread_name(unread), mm_unread_advice(unread));
    if (n && memchr(head, 0, n) && mm_sniff_bytes(head, n, mm_str_of(path)) != MM_SNIFF_TEXT)
        return mm_fail(e, MM_FATAL, "%s: not a table of text: save it as CSV", path);
    return MM_OK;
}

static mm_status read_file(mm_str *out, mm_arena *a, const char *path, mm_err *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    mm_buf b = {0};
    mm_status s = MM_OK;
    char chunk[16384];
    const char *encoding;
    for (size_t n; s == MM_OK && (n = fread(chunk, 1, sizeof chunk, f));)
        s = mm_buf_append(&b, chunk, n, e);
    if (s == MM_OK && ferror(f))
        s = mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    fclose(f);
    mm_str raw = {(const char *)b.p, b.n};
    if (s == MM_OK)
        s = check_text(raw, path, e);
    mm_str own = {s == MM_OK ? mm_arena_strdup(a, raw) : NULL, raw.n};
    *out = own.p ? mm_text_unmark(a, own, &encoding) : own;
    mm_buf_free(&b);
    return s == MM_OK && !out->p ? mm_fail_memory(e) : s;
}

/* −1: no column has one of the usual names. */
static int usual_column(const mm_table *t)
{
    static const char *const USUAL[] = {"file",  "path",  "filename", "file_name", "file_path", "filepath",
                                        "image", "audio", "video",    "key",       "id"};
    for (size_t i = 0; t->header && i < sizeof USUAL / sizeof *USUAL; i++)
        for (int c = 0; c < t->columns; c++)
            if (t->header[c].n == strlen(USUAL[i]) && strncasecmp(t->header[c].p, USUAL[i], t->header[c].n) == 0)
                return c;
    return -1;
}

/* The columns of a Label Studio export that say who labelled and when. */
static bool is_about_labelling(const mm_table *t, mm_str name)
{
    static const char *const ABOUT[] = {"id",         "annotator", "annotation_id", "created_at",
                                        "updated_at", "lead_time", "agreement"};
    bool export = mm_table_column(t, "annotation_id", 0) >= 0 && mm_table_column(t, "lead_time", 0) >= 0;
    bool min = mm_table_names_itself(t) && mm_table_column(t, "id", 0) >= 0 && mm_table_column(t, "annotator", 0) >= 0;
    if (!export && !min)
        return false;
    for (size_t i = 0; i < sizeof ABOUT / sizeof *ABOUT; i++)
        if (mm_str_is(name, ABOUT[i]))
            return true;
    return false;
}

/* A table on its way into labels. */
typedef struct {
    mm_labels *l;
    mm_table t;
    int columns;
    int file, column; /* column −1: all others */
    mm_str *cell;
    int n;
    mm_arena scratch; /* of a row */
} reading;

/* A string that the row before has, too, is not kept twice. */
static bool label_of_cell(reading *r, mm_str cell, msgpack_object *out)
{
    mm_labels *l = r->l;
    if (!mm_label_of_cell(out, &r->scratch, cell))
        return false;
    if (out->type == MSGPACK_OBJECT_NIL)
        return true;
    if (out->type != MSGPACK_OBJECT_STR)
        return mm_label_of_cell(out, &l->arena, cell);
    if (l->rows && msgpack_object_equal(l->row[l->rows - 1].label, *out)) {
        *out = l->row[l->rows - 1].label;
        return true;
    }
    mm_str own = mm_row_names_keep(&l->names, mm_object_as_str(out));
    *out = mm_object_str(own);
    return own.p != NULL;
}

static mm_str name_of_column(reading *r, int c)
{
    return r->t.header ? r->t.header[c] : mm_str_of(mm_arena_printf(&r->scratch, "%d", c + 1));
}

/* All columns but that of files: one is the label itself, several are a map of those that say something. */
static bool label_of_row(reading *r, msgpack_object *out)
{
    msgpack_object_kv *kv = mm_arena_zalloc(&r->l->arena, (size_t)r->columns + 1, sizeof *kv);
    uint32_t columns = 0, n = 0;
    for (int c = 0; kv && c < r->columns; c++) {
        mm_str name = name_of_column(r, c);
        if (c == r->file || !name.n || is_about_labelling(&r->t, name))
            continue; /* a column without a name is the index of pandas */
        columns++;
        if (!label_of_cell(r, c < r->n ? r->cell[c] : (mm_str){NULL, 0}, &kv[n].val) ||
            !label_of_cell(r, name, &kv[n].key))
            return false;
        n += kv[n].val.type != MSGPACK_OBJECT_NIL && kv[n].key.type == MSGPACK_OBJECT_STR;
    }
    *out = n == 0         ? (msgpack_object){.type = MSGPACK_OBJECT_NIL}
           : columns == 1 ? kv[0].val
                          : (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {n, kv}};
    return kv != NULL;
}

static bool is_empty(const reading *r)
{
    for (int c = 0; c < r->n; c++)
        if (r->cell[c].p && mm_cell_trim(r->cell[c]).n)
            return false;
    return true;
}

/* Put in for bytes that are no text, U+FFFD would make one label of two. */
static bool is_text(const reading *r)
{
    for (int c = 0; c < r->n; c++)
        if (c != r->file && (r->column < 0 || c == r->column) && r->cell[c].p && !mm_utf8_valid(r->cell[c]))
            return false;
    return true;
}

/* Annotators who disagree about what is no label here may do so. */
static bool keep_dispute(reading *r, labelled_row *x)
{
    mm_str what = r->t.disputed;
    if (!what.p || (r->column >= 0 && !mm_str_eq(r->t.header[r->column], what)))
        return true;
    x->disputed = mm_row_names_keep(&r->l->names, what);
    return x->disputed.p != NULL;
}

static mm_status add_row(reading *r, mm_err *e)
{
    mm_labels *l = r->l;
    mm_str name = r->file < r->n && r->cell[r->file].p ? mm_cell_trim(r->cell[r->file]) : (mm_str){NULL, 0};
    if (is_empty(r))
        return MM_OK; /* what a spreadsheet leaves below its last row */
    if (!name.n)
        return mm_fail(e, MM_SKIP, "it names no file");
    if (!is_text(r))
        return mm_fail(e, MM_SKIP, "its label is not UTF-8: save the table as UTF-8, or convert it with iconv");
    if (!r->t.header && r->n > r->columns)
        return mm_fail(e, MM_SKIP, "%d cells, more than the %d of the first row", r->n, r->columns);
    if (!mm_grow(&l->row, &l->room, l->rows))
        return mm_fail_memory(e);
    labelled_row *x = &l->row[l->rows];
    *x = (labelled_row){.number = r->t.row, .name = mm_row_names_keep(&l->names, name)};
    bool ok = x->name.p && keep_dispute(r, x);
    if (ok && r->column >= 0)
        ok = label_of_cell(r, r->column < r->n ? r->cell[r->column] : (mm_str){NULL, 0}, &x->label);
    else if (ok)
        ok = label_of_row(r, &x->label);
    if (!ok || !mm_row_names_add(&l->names, &r->scratch, x->name, l->rows))
        return mm_fail_memory(e);
    l->rows++;
    mm_arena_reset(&r->scratch);
    return MM_OK;
}

static bool alike(const void *ctx, int64_t a, int64_t b)
{
    const mm_labels *l = ctx;
    return a == b ||
           (msgpack_object_equal(l->row[a].label, l->row[b].label) && !l->row[a].disputed.p == !l->row[b].disputed.p);
}

/* The first row is data: how wide is it, and does it look as if it were names? */
static mm_status count_columns(reading *r, mm_err *e)
{
    r->columns = mm_table_width(&r->t);
    mm_str names = mm_table_likely_names(&r->t, &r->scratch);
    if (names.p)
        r->l->names_as_data = mm_row_names_keep(&r->l->names, names);
    return names.p && !r->l->names_as_data.p ? mm_fail_memory(e) : MM_OK;
}

static mm_status learn_columns(reading *r, mm_err *e)
{
    mm_status s = mm_table_learn_names(&r->t, e);
    r->columns = r->t.columns;
    return s;
}

/* The name of the column of files is remembered when it may be a file's: the table may have no row of names. */
static mm_status keep_head(reading *r, mm_err *e)
{
    mm_labels *l = r->l;
    mm_str name = r->t.header[r->file];
    if (!name.n || mm_table_names_itself(&r->t) || usual_column(&r->t) >= 0)
        return MM_OK;
    l->head_name = mm_row_names_keep(&l->names, name);
    return l->head_name.p && mm_row_names_add(&l->head, &r->scratch, l->head_name, 0) &&
                   mm_row_names_sort(&l->head, alike, l)
               ? MM_OK
               : mm_fail_memory(e);
}

/* That the first row, which is not asked for labels, does not hold one. */
static mm_status check_header(const reading *r, const mm_labels_opts *o, mm_err *e)
{
    const mm_table *t = &r->t;
    if (!t->header || mm_table_names_itself(t))
        return MM_OK;
    if (!o->file_column && mm_name_claims(t->header[r->file]) != MM_CLAIM_NOTHING)
        return mm_fail(e, MM_SKIP,
                       "the first row names %.*s and no columns: --key-column 1 --label-column 2 reads such a table",
                       MM_STRF(t->header[r->file]));
    for (int a = 0; a < t->columns; a++)
        for (int b = a + 1; b < t->columns; b++)
            if (t->header[a].n && mm_str_eq(t->header[a], t->header[b]) &&
                (!o->column || mm_str_is(t->header[a], o->column)))
                return mm_fail(e, MM_SKIP, "columns %d and %d are both called %.*s: --label-column %d takes the first",
                               a + 1, b + 1, MM_STRF(t->header[a]), a + 1);
    return MM_OK;
}

static mm_status find_columns(reading *r, const mm_labels_opts *o, mm_err *e)
{
    bool nameless =
        o->file_column && o->column && mm_table_is_nameless(&r->t, (const char *[]){o->file_column, o->column}, 2);
    mm_status s = nameless ? count_columns(r, e) : learn_columns(r, e);
    r->file = usual_column(&r->t);
    r->file = r->file < 0 ? 0 : r->file;
    r->column = -1;
    if (s == MM_OK && !r->columns)
        return MM_OK; /* no row that is one: what is wrong with the first is to be said */
    if (s == MM_OK && o->file_column)
        s = mm_table_find(&r->t, o->file_column, r->columns, &r->file, e);
    if (s == MM_OK && o->column)
        s = mm_table_find(&r->t, o->column, r->columns, &r->column, e);
    if (s == MM_OK && !o->column && r->columns == 1 && r->t.tasks)
        return mm_fail(e, MM_SKIP, "no annotation of a whole file in it: predictions and regions are no labels");
    if (s == MM_OK && !o->column && r->columns == 1)
        s = mm_fail(e, MM_SKIP, "only one column, %.*s, and so no labels", MM_STRF(r->t.header[0]));
    if (s == MM_OK)
        s = check_header(r, o, e);
    return s == MM_OK && !nameless ? keep_head(r, e) : s;
}

static mm_status read_rows(reading *r, const mm_labels_opts *o, mm_err *e)
{
    mm_arena a = {0};
    mm_err why = {0};
    mm_status s = find_columns(r, o, &why);
    while (s == MM_OK && (s = mm_table_next(&r->t, &a, &r->cell, &r->n, &why)) == MM_OK) {
        s = add_row(r, &why);
        mm_arena_reset(&a);
    }
    if (s == MM_EOF && !r->t.row)
        s = mm_fail(&why, MM_SKIP, "no rows in it");
    mm_arena_free(&a);
    if (s == MM_SKIP && r->t.row)
        return mm_fail(e, MM_SKIP, "row %lld: %s", (long long)r->t.row, why.text);
    if (s != MM_OK && s != MM_EOF)
        *e = why;
    return s == MM_EOF ? MM_OK : s;
}

static bool has_blank(const msgpack_object *label)
{
    return label->type == MSGPACK_OBJECT_STR && memchr(label->via.str.ptr, ' ', label->via.str.size);
}

/* The column whose cell in the label is a text of several words; p NULL: there is none. */
static mm_str caption_in(const msgpack_object *label, const char *column)
{
    if (label->type != MSGPACK_OBJECT_MAP)
        return mm_str_of(has_blank(label) ? column ? column : "caption" : NULL);
    for (uint32_t i = 0; i < label->via.map.size; i++)
        if (has_blank(&label->via.map.ptr[i].val))
            return mm_object_as_str(&label->via.map.ptr[i].key);
    return (mm_str){NULL, 0};
}

/* Two rows that name one file and say different things of it are found before anything is decoded. */
static mm_status check_names(reading *r, const mm_labels_opts *o, mm_err *e)
{
    int64_t a, b;
    char captions[128] = "";
    const mm_labels *l = r->l;
    if (!mm_row_names_clash(&l->names, &a, &b))
        return MM_OK;
    const labelled_row *x = &l->row[a];
    mm_str file = name_of_column(r, r->file);
    mm_str caption = caption_in(&x->label, o->column);
    if (caption.p)
        snprintf(captions, sizeof captions, "; several texts a file are read by --column %.*s --key-column %.*s",
                 (int)(caption.n > 30 ? 30 : caption.n), caption.p, (int)(file.n > 30 ? 30 : file.n), file.p);
    return mm_fail(e, MM_SKIP, "rows %lld and %lld both name %.*s, with different labels%s", (long long)x->number,
                   (long long)l->row[b].number, (int)(x->name.n > 60 ? 60 : x->name.n), x->name.p, captions);
}

static mm_status read_table(mm_labels *l, mm_str text, const mm_labels_opts *o, mm_err *e)
{
    reading r = {.l = l};
    mm_table_open(&r.t, text, o->table);
    mm_status s = read_rows(&r, o, e);
    if (s == MM_OK && !mm_row_names_sort(&l->names, alike, l))
        s = mm_fail_memory(e);
    if (s == MM_OK)
        s = check_names(&r, o, e);
    mm_table_close(&r.t);
    mm_arena_free(&r.scratch);
    return s;
}

mm_status mm_labels_open(mm_labels **out, const char *path, const mm_labels_opts *o, mm_err *e)
{
    mm_str text;
    mm_err why;
    mm_arena file = {0};
    mm_labels *l = *out = calloc(1, sizeof *l);
    if (!l)
        return mm_fail_memory(e);
    mm_status s = read_file(&text, &file, path, e);
    if (s == MM_OK) {
        l->digest = mm_hash_bytes(text.p, text.n, 0);
        s = read_table(l, text, o, &why);
        if (s == MM_SKIP)
            s = mm_fail(e, MM_FATAL, "%s: %s", path, why.text);
        else if (s != MM_OK)
            *e = why;
    }
    mm_arena_free(&file);
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
    free(l->row);
    free(atomic_load(&l->example));
    mm_row_names_free(&l->names);
    mm_row_names_free(&l->head);
    mm_arena_free(&l->arena);
    free(l);
}
