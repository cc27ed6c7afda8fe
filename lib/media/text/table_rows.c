#include "media/text/table_rows.h"

#include "base/utf8.h"
#include "media/table/charset.h"
#include "source/labels/label_cell.h"

/* ---- a live blob ---- */

static int64_t more(void *blob, void *out, int64_t n)
{
    return mm_blob_more(blob, out, n);
}

mm_live_text mm_live_text_of(const mm_blob *b)
{
    return (mm_live_text){.more = more, .ctx = (mm_blob *)b, .text = MM_STR("")};
}

mm_status mm_live_text_check(const mm_live_text *l, mm_fault *f)
{
    return l->failed ? mm_fault_set(f, "read", "an error while reading: %s", strerror(l->failed)) : MM_OK;
}

/* ---- columns ---- */

static mm_status find(mm_table_input *r, const char *name, int columns, int *at)
{
    mm_err e;
    *at = -1;
    mm_status s = name ? mm_table_find(&r->t, name, columns, at, &e) : MM_OK;
    if (s == MM_FATAL)
        return mm_fault_memory(r->f);
    return s == MM_OK ? s : mm_fault_set(r->f, "column", "%s", e.text);
}

void mm_table_asked(const char *out[MM_ASKED_COLUMNS], const mm_decode_opts *o)
{
    const char *const asked[MM_ASKED_COLUMNS] = {o->key_column,
                                                 o->label_column,
                                                 *o->start_column ? o->start_column : NULL,
                                                 *o->end_column ? o->end_column : NULL,
                                                 o->of_column,
                                                 o->column};
    memcpy(out, asked, sizeof asked);
}

/* Warns of names that are read as data, because columns were given by number. The rows below tell, and those of a pipe
 * are not waited for. */
static void doubt_first_row(mm_table_input *r)
{
    bool looks = !mm_table_names_itself(&r->t) && !r->t.live;
    mm_str names = looks ? mm_table_likely_names(&r->t, &r->a) : (mm_str){NULL, 0};
    if (names.p)
        mm_say(r->s->o->log, MM_LOG_WARN, "%.*s: " MM_TABLE_NAMES_AS_DATA, MM_STRF(r->s->b->src), MM_STRF(names));
}

static mm_status find_columns(mm_table_input *r, int columns)
{
    int *const at[MM_ASKED_COLUMNS] = {&r->key, &r->label, &r->start, &r->end, &r->of, &r->column};
    const char *asked[MM_ASKED_COLUMNS];
    mm_status st = MM_OK;
    mm_table_asked(asked, r->s->o);
    for (int i = 0; st == MM_OK && i < MM_ASKED_COLUMNS; i++)
        st = find(r, asked[i], columns, at[i]);
    return st;
}

mm_status mm_table_input_open(mm_table_input *r, mm_sink *s, mm_str text, mm_live_text *live,
                              bool (*has_names)(mm_table *t, const mm_decode_opts *o), mm_fault *f)
{
    mm_err e;
    *r = (mm_table_input){.s = s, .f = f, .column = -1, .key = -1, .label = -1, .start = -1, .end = -1, .of = -1};
    if (!live)
        mm_table_open(&r->t, text, s->o->table);
    else if (mm_table_open_live(&r->t, live, s->o->table, &e) == MM_FATAL)
        return mm_fault_memory(f);
    bool names = has_names(&r->t, s->o);
    mm_status st = names ? mm_table_take_header(&r->t, &e) : MM_OK;
    if (st == MM_SKIP)
        return mm_fault_set(f, "row", "the row of names: %s", e.text);
    if (st == MM_FATAL)
        return mm_fault_memory(f);
    if (st == MM_EOF)
        return MM_OK; /* no rows at all, as the next call will find */
    if (!names)
        doubt_first_row(r);
    return find_columns(r, names ? r->t.columns : mm_table_width(&r->t));
}

void mm_table_input_close(mm_table_input *r)
{
    if (r->t.in_quotes)
        mm_say_hint(r->s->o->log, MM_LOG_WARN, MM_HINT_QUOTED_TSV,
                    "%.*s: cells are quoted, and quotes are plain characters in a TSV", MM_STRF(r->s->b->src));
    mm_table_close(&r->t);
    mm_arena_free(&r->a);
}

/* ---- rows ---- */

static mm_str cell_at(const mm_table_input *r, int at)
{
    return at >= 0 && at < r->n && r->cell[at].p ? mm_cell_trim(r->cell[at]) : (mm_str){NULL, 0};
}

/* Rows that have times are parts of one recording, which their file is. */
static mm_str key_of(const mm_table_input *r)
{
    const mm_blob *b = r->s->b;
    int64_t ignored;
    mm_str key = cell_at(r, r->key);
    if (!key.n && r->key < 0 && r->start >= 0)
        return b->key;
    return key.n ? mm_utf8_clean(r->s->a, key, &ignored)
                 : mm_str_of(mm_arena_printf(r->s->a, "%.*s:%lld", MM_STRF(b->key), (long long)r->t.row));
}

bool mm_table_input_names(const mm_table_input *r, int c)
{
    return c == r->key || c == r->label || c == r->start || c == r->end || c == r->of;
}

static mm_status read_time(const mm_table_input *r, int column, double *seconds, mm_fault *why)
{
    const mm_decode_opts *o = r->s->o;
    mm_status st = mm_row_time_read(seconds, cell_at(r, column), o->has_epoch ? &o->epoch : NULL, &why->err);
    why->code = "time";
    return st;
}

/* A row whose end is not known is an instant. */
static mm_status put_time(const mm_table_input *r, mm_record *rec, mm_fault *why)
{
    if (r->start < 0)
        return MM_OK;
    if (!cell_at(r, r->start).n)
        return mm_fault_set(why, "time", "no time in column %s", r->s->o->start_column);
    mm_status st = read_time(r, r->start, &rec->time[0], why);
    rec->time[1] = rec->time[0];
    if (st == MM_OK && cell_at(r, r->end).n)
        st = read_time(r, r->end, &rec->time[1], why);
    if (st == MM_OK && rec->time[1] < rec->time[0])
        st = mm_fault_set(why, "time", "it ends, at %.*s, before it begins, at %.*s", MM_STRF(cell_at(r, r->end)),
                          MM_STRF(cell_at(r, r->start)));
    rec->has_time = st == MM_OK;
    return st;
}

static mm_status put_modality(const mm_table_input *r, mm_record *rec, mm_fault *why)
{
    mm_str of = cell_at(r, r->of);
    return of.n ? mm_sink_modality(r->s, rec, of, why) : MM_OK;
}

mm_status mm_table_input_name(mm_table_input *r, mm_record *rec, mm_fault *why)
{
    mm_sink *s = r->s;
    if (r->key >= 0 && !cell_at(r, r->key).n)
        return mm_fault_set(why, "key", "no key in column %s", s->o->key_column);
    if (r->t.disputed.p && r->label >= 0 && mm_str_eq(r->t.header[r->label], r->t.disputed))
        return mm_fault_set(why, "label", MM_DISPUTED, MM_STRF(r->t.disputed));
    mm_str key = cell_at(r, r->key);
    if (key.p && !mm_utf8_valid(key)) /* as with labels below */
        return mm_fault_set(why, "key", "the key in column %s is not UTF-8: convert the table with iconv",
                            s->o->key_column);
    rec->part = r->t.row - 1;
    rec->key = key_of(r);
    mm_str label = cell_at(r, r->label);
    if (label.p && !mm_utf8_valid(label)) /* with U+FFFD in them two labels could become one */
        return mm_fault_set(why, "label", "the label in column %s is not UTF-8", s->o->label_column);
    if (!rec->key.p || !mm_label_of_cell(&rec->label, s->a, label))
        return mm_fault_memory(why);
    mm_status st = put_time(r, rec, why);
    return st == MM_OK ? put_modality(r, rec, why) : st;
}

mm_status mm_table_input_fault(mm_table_input *r, const mm_fault *why)
{
    mm_fault f = {.code = why->code};
    mm_fail_hint(&f.err, MM_SKIP, why->err.hint, "row %lld: %s", (long long)r->t.row, why->err.text);
    mm_arena_reset(r->s->a);
    mm_record rec = mm_sink_record(r->s, MM_KIND_ERROR);
    rec.part = r->t.row - 1;
    rec.key = key_of(r);
    return rec.key.p ? mm_sink_fault_of(r->s, &rec, &f) : mm_sink_fault(r->s, &f);
}

/* In JSON a member may be missing. */
static bool is_short(const mm_table_input *r)
{
    return !mm_table_names_itself(&r->t) && (r->key >= r->n || r->label >= r->n);
}

mm_status mm_table_input_next(mm_table_input *r)
{
    mm_fault why = {.code = "row"};
    mm_status s;
    do {
        mm_arena_reset(&r->a);
        r->n = 0;
        s = mm_table_next(&r->t, &r->a, &r->cell, &r->n, &why.err);
        if (s == MM_FATAL)
            return mm_fault_memory(r->f);
        if (s == MM_OK && is_short(r))
            s = mm_fault_set(&why, "row", "it ends before its key or label");
        else if (s == MM_SKIP)
            r->n = 0; /* no key is taken from a broken row */
        if (s != MM_SKIP)
            return s;
        s = mm_table_input_fault(r, &why);
    } while (s == MM_OK);
    return s;
}
