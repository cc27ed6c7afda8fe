#include "media/text/numbers_decode.h"

#include "base/grow.h"
#include "media/table/charset.h"
#include "media/table/npy_parse.h"
#include "media/text/openface_decode.h"
#include "media/text/table_rows.h"

#include <stdlib.h>

static const int64_t MAX_NUMBERS_FILE = (int64_t)4 << 30;
enum { PART_BYTES = 32 << 20 }; /* of a series: records stay below 64 MiB */

/* ---- records ---- */

/* Puts rec, which has its names already, as a feature of x[width]. */
static mm_status put_feature(mm_sink *s, mm_record *rec, const float *x, int64_t width, mm_fault *f)
{
    if (!rec->of.p)
        rec->of = MM_STR("series");
    rec->space = mm_str_of(
        s->o->space ? s->o->space : mm_arena_printf(s->a, "numbers/%.*s/%lld", MM_STRF(rec->of), (long long)width));
    rec->has_tensor = true;
    rec->tensor.data = x;
    if (!rec->space.p)
        return mm_fault_memory(f);
    if (mm_shape_make(&rec->tensor.s, MM_F32, 1, &width, &f->err) != MM_OK)
        return mm_fault_set(f, "too-large", "%s", f->err.text);
    return mm_sink_put(s, rec);
}

/* n values from number `at` on, as floats in the sink's arena; NULL when memory is out. */
static const float *floats(mm_sink *s, const void *data, mm_type type, int64_t at, int64_t n)
{
    float *x = mm_arena_alloc(s->a, (size_t)n * sizeof *x);
    if (x)
        mm_to_f32(x, (const char *)data + at * (int64_t)mm_type_size(type), type, n);
    return x;
}

/* data[rows, columns] as a series, in parts; columns −1: data[rows]. */
static mm_status put_series(mm_sink *s, const void *data, mm_type type, int64_t rows, int64_t columns, mm_fault *f)
{
    int64_t width = columns < 0 ? 1 : columns, most = PART_BYTES / (width * (int64_t)sizeof(float));
    mm_status st = MM_OK;
    if (most < 1)
        return mm_fault_set(f, "too-large", "rows of more than 32 MiB");
    for (int64_t at = 0, part = 0; st == MM_OK && (at < rows || part == 0); at += most, part++) {
        mm_record rec = mm_sink_record(s, MM_KIND_SERIES);
        const int64_t dim[2] = {rows - at < most ? rows - at : most, columns};
        rec.part = rows > most ? part : -1;
        rec.has_tensor = true;
        rec.tensor.data = floats(s, data, type, at * width, dim[0] * width);
        rec.rate = s->o->series_rate;
        if (!rec.tensor.data)
            return mm_fault_memory(f);
        if (mm_shape_make(&rec.tensor.s, MM_F32, columns < 0 ? 1 : 2, dim, &f->err) != MM_OK)
            return mm_fault_set(f, "too-large", "%s", f->err.text);
        st = mm_sink_put(s, &rec);
    }
    return st;
}

/* ---- tables ---- */

/* A table of numbers that is being read. */
typedef struct {
    mm_table_input rows;
    int64_t width; /* numbers in a row; −1: not known yet */
    float *all;    /* series: the rows so far */
    int64_t n, cap;
} numbers;

/* Whether the first row names columns: it has a cell that is not a number where numbers belong. */
static bool begins_with_names(mm_table *t, const mm_decode_opts *o)
{
    mm_arena a = {0};
    mm_err ignored;
    mm_str *cell;
    int n;
    double x;
    bool names = false, row = !mm_table_names_itself(t) && mm_table_next(t, &a, &cell, &n, &ignored) == MM_OK;
    const char *asked[MM_ASKED_COLUMNS];
    bool *taken = row ? mm_arena_zalloc(&a, (size_t)n, sizeof *taken) : NULL; /* [n]: no data */
    mm_table_asked(asked, o);
    for (int i = 0; taken && i < MM_ASKED_COLUMNS; i++) {
        int c = asked[i] ? mm_table_column(t, asked[i], n) : -1;
        names |= asked[i] && c < 0; /* only a row of names can have that name */
        if (c >= 0)
            taken[c] = true;
    }
    for (int c = 0; taken && !names && c < n; c++)
        names = !taken[c] && !mm_cell_number(cell[c], &x);
    mm_table_rewind(t);
    mm_arena_free(&a);
    return names;
}

/* The row's numbers into x. MM_SKIP: *why says what is wrong with the row. */
static mm_status numbers_of_row(numbers *m, float *x, mm_fault *why)
{
    const mm_table_input *r = &m->rows;
    int64_t width = 0;
    for (int c = 0; c < r->n; c++) {
        if (mm_table_input_names(r, c))
            continue;
        double number;
        if (!mm_cell_number(r->cell[c], &number))
            return mm_fault_set(why, "number", "column %d is not a number: \"%.*s\"", c + 1,
                                (int)(r->cell[c].n > 40 ? 40 : r->cell[c].n), r->cell[c].p);
        x[width++] = (float)number;
    }
    if (width == 0)
        return mm_fault_set(why, "number", "it holds no numbers besides its key and label");
    if (m->width < 0)
        m->width = width;
    if (width != m->width)
        return mm_fault_set(why, "row", "%lld numbers, those before have %lld", (long long)width, (long long)m->width);
    return MM_OK;
}

static mm_status take_row(numbers *m, mm_fault *f)
{
    mm_table_input *r = &m->rows;
    mm_sink *s = r->s;
    mm_fault why;
    mm_record rec = mm_sink_record(s, MM_KIND_FEATURE);
    float *x = mm_arena_alloc(s->a, (size_t)(r->n ? r->n : 1) * sizeof *x);
    if (!x)
        return mm_fault_memory(f);
    mm_status st = numbers_of_row(m, x, &why);
    if (st == MM_OK && s->o->as == MM_AS_FEATURES)
        st = mm_table_input_name(r, &rec, &why);
    if (st != MM_OK)
        return mm_table_input_fault(r, &why);
    if (s->o->as == MM_AS_FEATURES)
        return put_feature(s, &rec, x, m->width, f);
    if (!mm_grow_rows(&m->all, &m->cap, m->n, m->width))
        return mm_fault_memory(f);
    memcpy(m->all + m->n++ * m->width, x, (size_t)m->width * sizeof *x);
    mm_arena_reset(s->a);
    return MM_OK;
}

static mm_status put_table(mm_sink *s, mm_str text, mm_live_text *live, mm_fault *f)
{
    numbers m = {.width = -1};
    if (s->o->as == MM_AS_OPENFACE)
        return mm_openface_decode(s, text, live, f);
    mm_status st = mm_table_input_open(&m.rows, s, text, live, begins_with_names, f);
    while (st == MM_OK && (st = mm_table_input_next(&m.rows)) == MM_OK)
        st = take_row(&m, f);
    if (st == MM_EOF)
        st = m.n ? put_series(s, m.all, MM_F32, m.n, m.width, f) : MM_OK;
    free(m.all);
    mm_table_input_close(&m.rows);
    return st;
}

/* ---- arrays ---- */

/* Row `row` of x[rows, width] as a feature; −1: the array is one vector. */
static mm_status put_vector(mm_sink *s, const mm_tensor *t, int64_t row, int64_t width, mm_fault *f)
{
    mm_record rec = mm_sink_record(s, MM_KIND_FEATURE);
    const float *x = floats(s, t->data, t->s.type, (row < 0 ? 0 : row) * width, width);
    rec.part = row < 0 ? 0 : row;
    if (row >= 0)
        rec.key = mm_str_of(mm_arena_printf(s->a, "%.*s:%lld", MM_STRF(s->b->key), (long long)row + 1));
    return x && rec.key.p ? put_feature(s, &rec, x, width, f) : mm_fault_memory(f);
}

static mm_status put_array(mm_sink *s, const mm_tensor *t, mm_fault *f)
{
    int64_t rows = t->s.rank ? t->s.dim[0] : 1, width = t->s.rank == 2 ? t->s.dim[1] : 1;
    bool features = s->o->as == MM_AS_FEATURES;
    if (t->s.rank < 1 || t->s.rank > 2)
        return mm_fault_set(f, "unsupported", "an array that has neither one nor two dimensions");
    if (mm_shape_count(&t->s) == 0) /* a header may claim any number of rows when each is empty */
        return mm_fault_set(f, "empty", "an array without values");
    if (!features)
        return put_series(s, t->data, t->s.type, rows, t->s.rank == 2 ? width : -1, f);
    if (t->s.rank == 1)
        return put_vector(s, t, -1, rows, f);
    mm_status st = MM_OK;
    for (int64_t i = 0; st == MM_OK && i < rows; i++)
        st = put_vector(s, t, i, width, f);
    return st;
}

/* ---- the file ---- */

/* Several calls of numpy.save on one open file write their arrays one after the other: the first is read, and the rest
 * is reported. */
static mm_status put_npy(mm_sink *s, mm_str file, mm_fault *f)
{
    mm_tensor t;
    mm_err why;
    if (s->o->as == MM_AS_OPENFACE)
        return mm_fault_set(f, "unsupported", "an array, and not a table of OpenFace");
    mm_status st = mm_npy_parse(&t, file, &why);
    if (st == MM_FATAL)
        return mm_fault_memory(f);
    if (st != MM_OK)
        return mm_fault_set(f, "npy", "%s", why.text);
    size_t end = (size_t)((const char *)t.data - file.p) + mm_shape_bytes(&t.s);
    st = put_array(s, &t, f);
    if (st == MM_OK && end < file.n)
        st = mm_fault_set(f, "npy", "%zu bytes after the first array are not read", file.n - end);
    return st;
}

static mm_status put_live(mm_sink *s, mm_fault *f)
{
    mm_live_text l = mm_live_text_of(s->b);
    mm_status st = put_table(s, l.text, &l, f);
    if (st == MM_OK)
        st = mm_live_text_check(&l, f);
    mm_live_text_free(&l);
    return st;
}

mm_status mm_numbers_decode(mm_sink *s, mm_fault *f)
{
    mm_arena keep = {0}; /* the file */
    const char *encoding;
    mm_str file;
    if (s->b->live)
        return put_live(s, f);
    mm_status st = mm_blob_load(&file, s->b, MAX_NUMBERS_FILE, "a file of numbers", &keep, f);
    if (st == MM_OK && file.n >= 6 && memcmp(file.p, "\x93NUMPY", 6) == 0) {
        st = put_npy(s, file, f);
    } else if (st == MM_OK) {
        file = mm_text_unmark(&keep, file, &encoding);
        st = file.p ? put_table(s, file, NULL, f) : mm_fault_memory(f);
    }
    mm_arena_free(&keep);
    return st;
}
