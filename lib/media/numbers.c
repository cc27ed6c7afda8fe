/* numbers.c: tables of numbers and NPY arrays become feature records (a row each) or series records. */
#include "base/grow.h"
#include "media/npy.h"
#include "media/sink.h"
#include "media/table.h"
#include "media/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t MAX_NUMBERS_FILE = (int64_t)4 << 30;
enum { PART_BYTES = 32 << 20 }; /* of a series: records stay below 64 MiB */

typedef struct {
    mm_sink sink;
    mm_arena keep; /* lives as long as the file is read */
} reading;

static mm_status fault(reading *r, const char *code, const char *text)
{
    mm_fault f = {.code = code};
    mm_fail(&f.err, MM_SKIP, "%s", text);
    return mm_sink_fault(&r->sink, &f);
}

/* ---- records ---- */

/* One row as a feature: x[width], which the arena of records may not hold yet. */
static mm_status put_feature(reading *r, const float *x, int64_t width, int64_t row, mm_str key, mm_str label)
{
    mm_sink *s = &r->sink;
    mm_record rec = mm_sink_record(s, MM_KIND_FEATURE);
    rec.part = row;
    rec.key = key.p ? key : mm_str_of(mm_arena_printf(s->a, "%.*s:%lld", MM_STRF(s->b->key), (long long)row + 1));
    rec.of = mm_str_of(s->o->of ? s->o->of : "series");
    rec.space = mm_str_of(
        s->o->space ? s->o->space
                    : mm_arena_printf(s->a, "numbers/%s/%lld", s->o->of ? s->o->of : "series", (long long)width));
    if (label.p)
        rec.label = mm_object_str(label);
    rec.has_tensor = true;
    rec.tensor.data = x;
    if (!rec.key.p || !rec.space.p || mm_shape_make(&rec.tensor.s, MM_F32, 1, &width, s->e) != MM_OK)
        return mm_fail_memory(s->e);
    return mm_sink_put(s, &rec);
}

/* x[rows, columns] as a series, in parts; columns −1: x[rows]. */
static mm_status put_series(reading *r, const float *x, int64_t rows, int64_t columns)
{
    mm_sink *s = &r->sink;
    int64_t width = columns < 0 ? 1 : columns, most = PART_BYTES / (width * (int64_t)sizeof *x);
    mm_status st = MM_OK;
    if (most < 1)
        return fault(r, "too-large", "rows of more than 32 MiB");
    for (int64_t at = 0, part = 0; st == MM_OK && (at < rows || part == 0); at += most, part++) {
        mm_record rec = mm_sink_record(s, MM_KIND_SERIES);
        const int64_t dim[2] = {rows - at < most ? rows - at : most, columns};
        rec.part = rows > most ? part : -1;
        rec.has_tensor = true;
        rec.tensor.data = x + at * width;
        rec.rate = s->o->series_rate;
        st = mm_shape_make(&rec.tensor.s, MM_F32, columns < 0 ? 1 : 2, dim, s->e);
        if (st == MM_OK)
            st = mm_sink_put(s, &rec);
    }
    return st;
}

/* ---- tables ---- */

/* A cell as a number: empty and "nan" are NaN; false for what is none. */
static bool number_of(mm_str cell, float *x)
{
    char text[64], *end;
    while (cell.n && (*cell.p == ' ' || *cell.p == '\t')) {
        cell.p++;
        cell.n--;
    }
    while (cell.n && (cell.p[cell.n - 1] == ' ' || cell.p[cell.n - 1] == '\r'))
        cell.n--;
    if (cell.n == 0) {
        *x = NAN;
        return true;
    }
    if (cell.n >= sizeof text)
        return false;
    memcpy(text, cell.p, cell.n);
    text[cell.n] = 0;
    *x = strtof(text, &end);
    return *end == 0;
}

/* A table of numbers under way. */
typedef struct {
    reading *r;
    mm_table t;
    int key, label; /* columns; −1: none */
    int64_t width;  /* of a row's numbers; −1: not known yet */
    float *all;     /* series: the rows so far */
    int64_t rows, room;
} numbers;

/* The first row names columns when it holds a cell that is no number where numbers belong. */
static bool is_header(const mm_table *t, const mm_decode_opts *o, const mm_str *cell, int n)
{
    int key = o->key_column ? mm_table_column(t, o->key_column, n) : -1,
        label = o->label_column ? mm_table_column(t, o->label_column, n) : -1;
    float x;
    if ((o->key_column && key < 0) || (o->label_column && label < 0))
        return true; /* a name that only a header can have */
    for (int c = 0; c < n; c++)
        if (c != key && c != label && !number_of(cell[c], &x))
            return true;
    return false;
}

static mm_status take_row(numbers *m, const mm_str *cell, int n)
{
    reading *r = m->r;
    const mm_decode_opts *o = r->sink.o;
    const mm_str none = {NULL, 0};
    char why[160];
    int64_t width = 0, ignored;
    float *x = mm_arena_alloc(r->sink.a, (size_t)n * sizeof *x);
    if (!x)
        return mm_fail_memory(r->sink.e);
    m->key = o->key_column ? mm_table_column(&m->t, o->key_column, n) : -1;
    m->label = o->label_column ? mm_table_column(&m->t, o->label_column, n) : -1;
    if (m->key >= n || m->label >= n) {
        snprintf(why, sizeof why, "row %lld ends before its key or label", (long long)m->t.row);
        return fault(r, "row", why);
    }
    for (int c = 0; c < n; c++) {
        if (c == m->key || c == m->label)
            continue;
        if (!number_of(cell[c], &x[width++])) {
            snprintf(why, sizeof why, "row %lld, column %d is no number: \"%.*s\"", (long long)m->t.row, c + 1,
                     (int)(cell[c].n > 40 ? 40 : cell[c].n), cell[c].p);
            return fault(r, "number", why);
        }
    }
    if (width == 0) {
        snprintf(why, sizeof why, "row %lld holds no numbers beside its key and label", (long long)m->t.row);
        return fault(r, "number", why);
    }
    if (m->width < 0)
        m->width = width;
    if (width != m->width) {
        snprintf(why, sizeof why, "row %lld has %lld numbers, those before have %lld", (long long)m->t.row,
                 (long long)width, (long long)m->width);
        return fault(r, "row", why);
    }
    if (*o->as == 'f')
        return put_feature(r, x, width, m->t.row - 1,
                           m->key >= 0 ? mm_utf8_clean(r->sink.a, cell[m->key], &ignored) : none,
                           m->label >= 0 ? mm_utf8_clean(r->sink.a, cell[m->label], &ignored) : none);
    if (!mm_grow_rows(&m->all, &m->room, m->rows, width))
        return mm_fail_memory(r->sink.e);
    memcpy(m->all + m->rows++ * width, x, (size_t)width * sizeof *x);
    return MM_OK;
}

static mm_status put_table(reading *r, mm_str text)
{
    numbers m = {.r = r, .width = -1};
    mm_err e;
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_table_open(&m.t, text);
    mm_status s = mm_table_next(&m.t, &a, &cell, &n, &e);
    bool header = s == MM_OK && m.t.kind != MM_TABLE_JSONL && is_header(&m.t, r->sink.o, cell, n);
    m.t.at = m.t.row = 0;
    s = header ? mm_table_take_header(&m.t, &e) : MM_OK;
    while (s == MM_OK && (s = mm_table_next(&m.t, &a, &cell, &n, &e)) != MM_EOF) {
        if (s == MM_OK)
            s = take_row(&m, cell, n);
        else if (s == MM_SKIP)
            s = fault(r, "row", e.text);
        else
            *r->sink.e = e;
        mm_arena_reset(&a);
    }
    s = s == MM_EOF ? MM_OK : s;
    if (s == MM_OK && m.rows)
        s = put_series(r, m.all, m.rows, m.width);
    free(m.all);
    mm_arena_free(&a);
    mm_table_close(&m.t);
    return s;
}

/* ---- arrays ---- */

static mm_status put_array(reading *r, const mm_tensor *t)
{
    int64_t rows = t->s.rank ? t->s.dim[0] : 1, width = t->s.rank == 2 ? t->s.dim[1] : 1, count = mm_shape_count(&t->s);
    const mm_str none = {NULL, 0};
    bool features = r->sink.o->as && *r->sink.o->as == 'f';
    if (t->s.rank < 1 || t->s.rank > 2)
        return fault(r, "unsupported", "an array of neither one nor two dimensions");
    if (count == 0) /* a header may claim any number of rows when each is empty */
        return fault(r, "empty", "an array without values");
    float *x = mm_arena_alloc(&r->keep, (size_t)count * sizeof *x);
    if (!x)
        return mm_fail_memory(r->sink.e);
    mm_to_f32(x, t->data, t->s.type, count);
    if (!features)
        return put_series(r, x, rows, t->s.rank == 2 ? width : -1);
    if (t->s.rank == 1) /* one vector */
        return put_feature(r, x, rows, 0, r->sink.b->key, none);
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < rows; i++)
        s = put_feature(r, x + i * width, width, i, none, none);
    return s;
}

/* ---- the file ---- */

static mm_status load(reading *r, mm_str *out)
{
    const mm_blob *b = r->sink.b;
    if (b->size > MAX_NUMBERS_FILE)
        return fault(r, "too-large", "a file of numbers of more than 4 GiB");
    uint8_t *p = b->bytes ? NULL : mm_arena_alloc(&r->keep, (size_t)b->size + 1);
    if (!b->bytes && !p)
        return mm_fail_memory(r->sink.e);
    int64_t n = b->bytes ? b->size : mm_blob_read(b, 0, p, b->size);
    if (n < 0)
        return fault(r, "read", "an error while reading");
    *out = (mm_str){(const char *)(b->bytes ? b->bytes : p), (size_t)n};
    return MM_OK;
}

mm_status mm_decode_numbers(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx,
                            int64_t *emitted, mm_err *e)
{
    reading r = {.sink = {b, o, a, emit, ctx, 0, e}};
    mm_str file = {NULL, 0};
    mm_tensor t;
    mm_err why;
    mm_status s = load(&r, &file);
    if (s == MM_OK && file.n >= 6 && memcmp(file.p, "\x93NUMPY", 6) == 0) {
        s = mm_npy_parse(&t, file, &why);
        if (s == MM_SKIP)
            s = fault(&r, "npy", why.text);
        else
            s = s == MM_OK ? put_array(&r, &t) : mm_fail_memory(e);
    } else if (s == MM_OK && file.p) {
        s = put_table(&r, file);
    }
    *emitted = r.sink.emitted;
    mm_arena_free(&r.keep);
    return s;
}
