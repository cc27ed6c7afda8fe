#include "media/text/text_decode.h"

#include "format/formats.h"
#include "media/table/charset.h"
#include "media/text/cue_decode.h"
#include "media/text/numbers_decode.h"
#include "media/text/table_rows.h"
#include "media/text/text_record.h"

static const int64_t MAX_TEXT_FILE = (int64_t)1 << 30;

typedef struct {
    mm_sink *s;
    mm_fault *f;
    const char *encoding; /* of the file, when it is known and not UTF-8 */
} reading;

static mm_status put_whole(reading *r, mm_str text)
{
    mm_record rec = mm_sink_record(r->s, MM_KIND_TEXT);
    return text.n > MM_MAX_RECORD_TEXT ? mm_text_too_long(r->f) : mm_sink_text(r->s, &rec, text, r->encoding, r->f);
}

static mm_status put_cues_or_whole(reading *r, mm_str text)
{
    bool found;
    mm_status st = mm_cues_decode(r->s, text, r->encoding, &found, r->f);
    return found ? st : put_whole(r, text);
}

static mm_status put_line(reading *r, mm_str line, int64_t number)
{
    mm_sink *s = r->s;
    mm_fault why;
    mm_record rec = mm_sink_record(s, MM_KIND_TEXT);
    rec.part = number;
    rec.key = mm_str_of(mm_arena_printf(s->a, "%.*s:%lld", MM_STRF(s->b->key), (long long)number + 1));
    if (!rec.key.p)
        return mm_fault_memory(r->f);
    if (line.n <= MM_MAX_RECORD_TEXT)
        return mm_sink_text(r->s, &rec, line, r->encoding, r->f);
    mm_text_too_long(&why);
    return mm_sink_fault_of(s, &rec, &why);
}

static mm_status put_lines(reading *r, mm_str text)
{
    const char cut = memchr(text.p, '\n', text.n) ? '\n' : '\r';
    mm_status s = MM_OK;
    for (int64_t number = 0; s == MM_OK && text.n; number++) {
        const char *end = memchr(text.p, cut, text.n);
        mm_str line = {text.p, end ? (size_t)(end - text.p) : text.n};
        size_t taken = line.n + (end != NULL);
        line.n -= line.n && line.p[line.n - 1] == '\r';
        s = put_line(r, line, number);
        text.p += taken;
        text.n -= taken;
    }
    return s;
}

static mm_status put_row(reading *r, mm_table_input *rows)
{
    mm_fault why;
    mm_record rec = mm_sink_record(r->s, MM_KIND_TEXT);
    mm_status s = MM_OK;
    if (rows->column >= rows->n || !rows->cell[rows->column].p)
        s = mm_fault_set(&why, "column", "no text in column %s", r->s->o->column);
    else if (rows->cell[rows->column].n > MM_MAX_RECORD_TEXT)
        s = mm_text_too_long(&why);
    else
        s = mm_table_input_name(rows, &rec, &why);
    return s == MM_OK ? mm_sink_text(r->s, &rec, rows->cell[rows->column], r->encoding, r->f)
                      : mm_table_input_fault(rows, &why);
}

static bool names_columns(const mm_decode_opts *o, mm_str text)
{
    const char *asked[MM_ASKED_COLUMNS];
    mm_table t;
    mm_table_open(&t, text, o->table);
    mm_table_asked(asked, o);
    bool nameless = mm_table_is_nameless(&t, asked, MM_ASKED_COLUMNS);
    mm_table_close(&t);
    return !nameless;
}

static mm_status put_column(reading *r, mm_str text)
{
    mm_table_input rows;
    mm_status s = mm_table_input_open(&rows, r->s, text, names_columns(r->s->o, text), r->f);
    while (s == MM_OK && (s = mm_table_input_next(&rows)) == MM_OK)
        s = put_row(r, &rows);
    mm_table_input_close(&rows);
    return s == MM_EOF ? MM_OK : s;
}

/* ---- the file ---- */

/* Whether it is content: an operand, or named like a text (a table where one is wanted). */
static bool is_content(const mm_blob *b, const mm_decode_opts *o)
{
    return b->named || mm_name_is_text(b->path, o->as || o->lines || o->column);
}

mm_status mm_text_decode(mm_sink *s, mm_fault *f)
{
    const mm_decode_opts *o = s->o;
    reading r = {.s = s, .f = f};
    mm_arena keep = {0}; /* the file */
    mm_str file;
    if (o->as && is_content(s->b, o))
        return mm_numbers_decode(s, f);
    if (!o->text || !is_content(s->b, o))
        return MM_OK;
    mm_status st = mm_blob_load(&file, s->b, MAX_TEXT_FILE, "a text", &keep, f);
    if (st == MM_OK) {
        file = mm_text_unmark(&keep, file, &r.encoding);
        st = !file.p     ? mm_fault_memory(f)
             : o->column ? put_column(&r, file)
             : o->lines  ? put_lines(&r, file)
                         : put_cues_or_whole(&r, file);
    }
    mm_arena_free(&keep);
    return st;
}
