#include "source/labels/label_table.h"

#include "base/buf.h"
#include "base/hash.h"
#include "format/formats.h"
#include "media/table/charset.h"
#include "source/labels/label_cell.h"
#include "source/labels/label_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct mm_labels {
    mm_label_rows rows;
    uint64_t digest;
    _Atomic int64_t elsewhere;
    _Atomic(char *) example;
    mm_row_names head; /* of rows.doubtful: is it the name of a file? */
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

/* Notes when the name of the column of files is the name of this file. */
static mm_status doubt_head(mm_labels *l, const mm_label_query *what, mm_err *e)
{
    mm_row_match m;
    if (!l->rows.doubtful.p || atomic_load(&l->head_fits))
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
        s = mm_row_names_find(&l->rows.names, what, &m, e);
    if (s != MM_OK || m.row < 0)
        return s;
    const mm_label_row *x = &l->rows.row[m.row];
    if (m.other >= 0) {
        const mm_label_row *y = &l->rows.row[m.other];
        return mm_fail(e, MM_SKIP, "rows %lld (%.*s) and %lld (%.*s) match it equally well and have different labels",
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
    return mm_row_names_unused(&l->rows.names, l->rows.n);
}

int64_t mm_labels_elsewhere(const mm_labels *l, const char **example)
{
    const char *text = atomic_load(&l->example);
    *example = text ? text : "";
    return atomic_load(&l->elsewhere);
}

mm_str mm_labels_names_as_data(const mm_labels *l)
{
    return l->rows.names_as_data;
}

mm_str mm_labels_data_as_names(const mm_labels *l)
{
    return atomic_load(&l->head_fits) ? l->rows.doubtful : (mm_str){NULL, 0};
}

uint64_t mm_labels_digest(const mm_labels *l)
{
    return l->digest;
}

mm_str mm_labels_first(const mm_labels *l)
{
    return l->rows.n ? l->rows.row[0].name : MM_STR("");
}

/* ---- open and close ---- */

/* Refuses spreadsheets, Parquet and other tables that are not text. */
static mm_status check_text(mm_str file, const char *path, mm_err *e)
{
    const uint8_t *head = (const uint8_t *)file.p;
    const size_t n = file.n < MM_FORMAT_HEAD ? file.n : MM_FORMAT_HEAD;
    const mm_format *f = mm_format_of(head, n, mm_str_of(path));
    if (f && f->advice)
        return mm_fail(e, MM_FATAL, "%s: %s is not read: %s", path, f->what, f->advice);
    if (n && memchr(head, 0, n) && (!f || f->kind != MM_FORMAT_TEXT))
        return mm_fail(e, MM_FATAL, "%s: not a table of text: save it as CSV", path);
    return MM_OK;
}

/* The table's text; path may be a pipe. */
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

static bool always(const void *ctx, int64_t a, int64_t b)
{
    (void)ctx, (void)a, (void)b;
    return true;
}

static mm_status read_table(mm_labels *l, const char *path, mm_str text, const mm_labels_opts *o, mm_err *e)
{
    mm_err why;
    mm_arena scratch = {0};
    l->digest = mm_hash_bytes(text.p, text.n, 0);
    mm_status s = mm_label_rows_read(&l->rows, text, o, &why);
    bool indexed =
        s != MM_OK || !l->rows.doubtful.p ||
        (mm_row_names_add(&l->head, &scratch, l->rows.doubtful, 0) && mm_row_names_sort(&l->head, always, l));
    mm_arena_free(&scratch);
    if (!indexed)
        return mm_fail_memory(e);
    if (s == MM_SKIP)
        return mm_fail_hint(e, MM_FATAL, why.hint, "%s: %s", path, why.text);
    if (s != MM_OK)
        *e = why;
    return s;
}

mm_status mm_labels_open(mm_labels **out, const char *path, const mm_labels_opts *o, mm_err *e)
{
    mm_str text;
    mm_arena file = {0};
    mm_labels *l = *out = calloc(1, sizeof *l);
    if (!l)
        return mm_fail_memory(e);
    mm_status s = read_file(&text, &file, path, e);
    if (s == MM_OK)
        s = read_table(l, path, text, o, e);
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
    mm_label_rows_free(&l->rows);
    mm_row_names_free(&l->head);
    free(atomic_load(&l->example));
    free(l);
}
