#include "view/view_format.h"

#include "view/feature_rows.h"
#include "view/field.h"
#include "view/record_json.h"
#include "view/summary.h"

#include <stdlib.h>

static mm_status put_summary(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    (void)e;
    mm_summary_record(v->f, rec, v->colour, a);
    return MM_OK;
}

static mm_status put_json(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    (void)e;
    mm_json_record(v->f, rec, v->values, a);
    return MM_OK;
}

/* What a mark is in columns and lists: the end of what belongs together. */
static mm_status put_empty_line(mm_view *v, const mm_record *mark, mm_arena *a, mm_err *e)
{
    (void)mark, (void)a, (void)e;
    putc('\n', v->f);
    return MM_OK;
}

/* The records of one sample stand together: its key is written once. */
static mm_status put_key(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    (void)a;
    if (v->last_key.p && mm_str_eq(v->last_key, rec->key))
        return MM_OK;
    mm_arena_reset(&v->last);
    v->last_key = (mm_str){mm_arena_strdup(&v->last, rec->key), rec->key.n};
    mm_field_put_tsv(v->f, rec->key);
    putc('\n', v->f);
    return v->last_key.p ? MM_OK : mm_fail_memory(e);
}

/* A sample ends at a mark: the next one may have the same key. */
static mm_status end_keys(mm_view *v, const mm_record *mark, mm_arena *a, mm_err *e)
{
    v->last_key = (mm_str){0};
    return put_empty_line(v, mark, a, e);
}

/* ---- counts ---- */

static mm_status put_count(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    msgpack_object o;
    bool there = mm_field_get(&o, rec, v->fields, a);
    return mm_value_counts_add(&v->counts, there ? mm_field_text(&o, a) : MM_STR(""), e);
}

/* A mark is of a kind, and has no other value to count. */
static mm_status count_mark(mm_view *v, const mm_record *mark, mm_arena *a, mm_err *e)
{
    return strcmp(v->fields, "kind") == 0 ? put_count(v, mark, a, e) : MM_OK;
}

static mm_status end_counts(mm_view *v, mm_err *e)
{
    (void)e;
    mm_value_counts_sort(&v->counts);
    for (size_t i = 0; i < v->counts.used; i++) {
        mm_field_put_tsv(v->f, (mm_str){v->counts.slot[i].text, v->counts.slot[i].n});
        fprintf(v->f, "\t%lld\n", (long long)v->counts.slot[i].times);
    }
    return MM_OK;
}

/* ---- TSV ---- */

static void put_titles(const mm_view *v, FILE *f)
{
    for (int i = 0; i < v->columns; i++)
        fprintf(f, "%s%s", i ? "\t" : "", v->column[i].title);
    putc('\n', f);
}

static void put_columns(const mm_view *v, FILE *f, const mm_record *rec, mm_arena *a)
{
    msgpack_object o;
    for (int i = 0; i < v->columns; i++) {
        if (i)
            putc('\t', f);
        if (mm_field_get(&o, rec, v->column[i].field, a))
            mm_field_put_tsv(f, mm_field_text(&o, a));
    }
    putc('\n', f);
}

static mm_status begin_tsv(mm_view *v, mm_err *e)
{
    const char *list = v->fields ? v->fields : "key,kind,part,time,shape,label,error.text";
    char *rest = mm_arena_strdup(&v->arena, mm_str_of(list)), *name;
    v->column = mm_arena_zalloc(&v->arena, strlen(list) + 1, sizeof *v->column);
    if (!rest || !v->column)
        return mm_fail_memory(e);
    while ((name = strsep(&rest, ",")))
        v->column[v->columns++] = (mm_column){name, name};
    if (v->header)
        put_titles(v, v->f);
    return MM_OK;
}

static mm_status put_tsv(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    (void)e;
    put_columns(v, v->f, rec, a);
    return MM_OK;
}

/* ---- an array, with a TSV of its rows ---- */

static mm_column row_columns[] = {{"key", "key"},    {"src", "src"}, {"part", "part"},   {"start", "time.0"},
                                  {"end", "time.1"}, {"of", "of"},   {"space", "space"}, {"label", "label"},
                                  {"row", "row"},    {"y", "y"},     {"x", "x"}};
enum { FEATURE_COLUMNS = 8, ROW_COLUMNS = 11 }; /* without and with those of a feature's rows */

static mm_status begin_array(mm_view *v, mm_err *e)
{
    v->column = row_columns;
    v->columns = v->each_row ? ROW_COLUMNS : FEATURE_COLUMNS;
    put_titles(v, v->rows);
    return mm_npy_begin(&v->npy, v->f, e);
}

static mm_status put_array(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    mm_record row = *rec;
    if (rec->kind != MM_KIND_FEATURE || !rec->has_tensor)
        return MM_OK;
    int64_t n = v->each_row ? mm_feature_row_count(rec) : 1;
    for (int64_t i = 0; s == MM_OK && i < n; i++) {
        if (v->each_row)
            s = mm_feature_row(&row, rec, i, a, e);
        if (s == MM_OK)
            s = mm_npy_put(&v->npy, &row, a, e);
        if (s == MM_OK)
            put_columns(v, v->rows, &row, a);
    }
    return s;
}

static mm_status end_array(mm_view *v, mm_err *e)
{
    return mm_npy_end(&v->npy, e);
}

const mm_view_format mm_view_summary = {.put = put_summary, .mark = put_summary};
const mm_view_format mm_view_json = {.put = put_json, .mark = put_json};
const mm_view_format mm_view_tsv = {.begin = begin_tsv, .put = put_tsv, .mark = put_empty_line};
const mm_view_format mm_view_keys = {.put = put_key, .mark = end_keys};
const mm_view_format mm_view_counts = {.put = put_count, .mark = count_mark, .end = end_counts};
const mm_view_format mm_view_array = {.begin = begin_array, .put = put_array, .end = end_array};

mm_status mm_view_put(const mm_view_format *x, mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    if (rec->kind != MM_KIND_MARK)
        return x->put(v, rec, a, e);
    return x->mark ? x->mark(v, rec, a, e) : MM_OK;
}

void mm_view_free(mm_view *v)
{
    for (int64_t i = 0; i < v->n_held; i++)
        free(v->held[i].text);
    free(v->held);
    mm_value_counts_free(&v->counts);
    mm_arena_free(&v->last);
    mm_arena_free(&v->arena);
}
