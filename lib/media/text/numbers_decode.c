#include "media/text/numbers_decode.h"

#include "media/cutter.h"
#include "media/gaps.h"
#include "media/table/charset.h"
#include "media/table/npy_parse.h"
#include "media/text/openface_decode.h"
#include "media/text/table_rows.h"
#include "media/text/time_window.h"

#include <math.h>

static const int64_t MAX_NUMBERS_FILE = (int64_t)4 << 30;

/* ---- records ---- */

/* Puts rec, which has its names already, as a feature of x[width]. */
static mm_status put_feature(mm_sink *s, mm_record *rec, const float *x, int64_t width, mm_fault *f)
{
    if (!rec->of.p)
        rec->of = MM_STR("series");
    rec->space = mm_str_of(
        s->o->space ? s->o->space : mm_arena_printf(s->a, "numbers/%.*s/%lld", MM_STRF(rec->of), (long long)width));
    return rec->space.p ? mm_sink_put_floats(s, rec, x, 1, &width, f) : mm_fault_memory(f);
}

/* ---- tables ---- */

/* A table of numbers that is being read. */
typedef struct {
    mm_table_input rows;
    int64_t width;         /* numbers in a row; −1: not known yet */
    mm_cutter cutter;      /* series: rows by their number, … */
    mm_time_windows times; /* … or by their time, when they have one and windows are asked for */
    int64_t next;          /* the row that the cutter expects, from 0; −1: the first */
    double zero;           /* the time of row 0, at the series' rate */
    double last, lasted;   /* times: of the last row; seconds from the one before it */
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

static mm_status put_times(void *ctx, const mm_time_window *w, mm_fault *f)
{
    const numbers *m = ctx;
    mm_sink *s = m->rows.s;
    mm_record rec = mm_sink_record(s, MM_KIND_SERIES);
    const int64_t dim[2] = {w->rows, m->width};
    rec.part = w->part;
    rec.has_time = true;
    memcpy(rec.time, w->time, sizeof rec.time);
    rec.rate = s->o->series_rate;
    return mm_sink_put_floats(s, &rec, w->x, 2, dim, f);
}

static mm_status begin_series(numbers *m, double start, mm_fault *f)
{
    mm_sink *s = m->rows.s;
    const mm_decode_opts *o = s->o;
    m->times = (mm_time_windows){.width = m->width, .put = put_times, .ctx = m, .window = o->window};
    m->times.hop = o->hop > 0 ? o->hop : o->window;
    m->cutter = (mm_cutter){.sink = s, .kind = MM_KIND_SERIES, .columns = m->width};
    mm_status st = mm_cutter_begin(&m->cutter, o->series_rate, f);
    mm_cutter_run(&m->cutter, start);
    return st;
}

/* Rows that are broken took their time: NaN stands for them, as silence does in sound. Without a rate there is no time,
 * and they are left out. */
static mm_status fill_gap(numbers *m, int64_t row, mm_fault *f)
{
    int64_t missing = row - m->next, rate = m->cutter.rate;
    mm_status st = MM_OK;
    if (missing == 0 || rate == 0)
        return MM_OK;
    if ((double)missing > MM_LONGEST_FILLED * (double)rate) {
        st = mm_cutter_end(&m->cutter, false);
        mm_cutter_run(&m->cutter, m->zero + (double)row / (double)rate);
        return st;
    }
    float *nan = mm_arena_alloc(&m->rows.a, (size_t)m->width * sizeof *nan);
    for (int64_t i = 0; nan && i < m->width; i++)
        nan[i] = NAN;
    for (; nan && st == MM_OK && missing > 0; missing--)
        st = mm_cutter_push(&m->cutter, nan, 1, f);
    return nan ? st : mm_fault_memory(f);
}

/* A row x[width] of a series; time: when it begins, or NULL. */
static mm_status add_row(numbers *m, const float *x, const double *time, mm_fault *f)
{
    int64_t row = m->rows.t.row - 1, rate = m->rows.s->o->series_rate;
    mm_status st = MM_OK;
    double from_zero = rate ? (double)row / (double)rate : 0;
    if (m->next < 0) {
        m->zero = time ? *time - from_zero : 0;
        st = begin_series(m, m->zero + from_zero, f);
    }
    if (st == MM_OK && time && m->times.window > 0) {
        m->lasted = *time > m->last ? *time - m->last : m->lasted;
        m->lasted = m->next < 0 ? 0 : m->lasted;
        m->last = *time;
        st = mm_time_windows_add(&m->times, *time, x, f);
    } else if (st == MM_OK) {
        st = m->next < 0 ? MM_OK : fill_gap(m, row, f);
        if (st == MM_OK)
            st = mm_cutter_push(&m->cutter, x, 1, f);
    }
    m->next = row + 1;
    return st;
}

static mm_status take_row(numbers *m, mm_fault *f)
{
    mm_table_input *r = &m->rows;
    mm_sink *s = r->s;
    bool feature = s->o->as == MM_AS_FEATURES;
    mm_fault why;
    mm_record rec = mm_sink_record(s, MM_KIND_FEATURE);
    float *x = mm_arena_alloc(&r->a, (size_t)(r->n ? r->n : 1) * sizeof *x);
    if (!x)
        return mm_fault_memory(f);
    mm_status st = numbers_of_row(m, x, &why);
    if (st == MM_OK && (feature || r->start >= 0))
        st = mm_table_input_name(r, &rec, &why);
    if (st != MM_OK)
        return mm_table_input_fault(r, &why);
    return feature ? put_feature(s, &rec, x, m->width, f) : add_row(m, x, rec.has_time ? rec.time : NULL, f);
}

static mm_status end_series(numbers *m, mm_fault *f)
{
    if (m->next < 0)
        return MM_OK;
    mm_status st = mm_time_windows_end(&m->times, m->last + m->lasted, f);
    return st == MM_OK ? mm_cutter_end(&m->cutter, true) : st;
}

static mm_status put_table(mm_sink *s, mm_str text, mm_live_text *live, mm_fault *f)
{
    numbers m = {.width = -1, .next = -1};
    if (s->o->as == MM_AS_OPENFACE)
        return mm_openface_decode(s, text, live, f);
    mm_status st = mm_table_input_open(&m.rows, s, text, live, begins_with_names, f);
    while (st == MM_OK && (st = mm_table_input_next(&m.rows)) == MM_OK)
        st = take_row(&m, f);
    if (st == MM_EOF)
        st = end_series(&m, f);
    mm_cutter_free(&m.cutter);
    mm_time_windows_free(&m.times);
    mm_table_input_close(&m.rows);
    return st;
}

/* ---- arrays ---- */

/* n values from number `at` on, as floats in the sink's arena; NULL when memory is out. */
static const float *floats(mm_sink *s, const void *data, mm_type type, int64_t at, int64_t n)
{
    float *x = mm_arena_alloc(s->a, (size_t)n * sizeof *x);
    if (x)
        mm_to_f32(x, (const char *)data + at * (int64_t)mm_type_size(type), type, n);
    return x;
}

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

/* data[rows, columns] as a series; columns 0: data[rows]. */
static mm_status put_series(mm_sink *s, const mm_tensor *t, int64_t rows, int64_t columns, mm_fault *f)
{
    enum { BLOCK = 1 << 16 };
    mm_cutter c = {.sink = s, .kind = MM_KIND_SERIES, .columns = columns};
    int64_t width = columns ? columns : 1, most = width < BLOCK ? BLOCK / width : 1;
    mm_arena a = {0};
    mm_status st = mm_cutter_begin(&c, s->o->series_rate, f);
    float *x = mm_arena_alloc(&a, (size_t)(most * width) * sizeof *x);
    if (!x)
        st = mm_fault_memory(f);
    for (int64_t at = 0; st == MM_OK && at < rows; at += most) {
        int64_t n = rows - at < most ? rows - at : most;
        mm_to_f32(x, (const char *)t->data + at * width * (int64_t)mm_type_size(t->s.type), t->s.type, n * width);
        st = mm_cutter_push(&c, x, n, f);
    }
    if (st == MM_OK)
        st = mm_cutter_end(&c, true);
    mm_arena_free(&a);
    mm_cutter_free(&c);
    return st;
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
        return put_series(s, t, rows, t->s.rank == 2 ? width : 0, f);
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
