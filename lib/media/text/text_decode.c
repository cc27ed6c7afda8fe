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
    mm_live_text *live;   /* a pipe that is read as it comes, or NULL */
    const char *encoding; /* of a file, when it is known and not UTF-8 */
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

static const char *encoding_of(const reading *r)
{
    return r->live ? r->live->encoding : r->encoding;
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
        return mm_sink_text(r->s, &rec, line, encoding_of(r), r->f);
    mm_text_too_long(&why);
    return mm_sink_fault_of(s, &rec, &why);
}

/* Lines end with LF, or with CR where there is no LF. */
static mm_status put_lines(reading *r, mm_str text, int64_t number)
{
    const char cut = number || memchr(text.p, '\n', text.n) ? '\n' : '\r';
    mm_status s = MM_OK;
    for (; s == MM_OK && text.n; number++) {
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

/* Puts each line when its LF is there. What lies beyond the limit of a line is let go as it comes. */
static mm_status put_live_lines(reading *r, mm_live_text *l)
{
    mm_status s = MM_OK;
    mm_err e;
    size_t at = 0, seen = 0; /* where the next line starts; how far it was looked through */
    bool lost = false;       /* the text begins inside a line that is too long */
    int64_t number = 0;
    while (s == MM_OK) {
        const char *end = memchr(l->text.p + seen, '\n', l->text.n - seen);
        size_t n = end ? (size_t)(end - l->text.p) : l->text.n;
        bool too_long = !end && n - at > MM_MAX_RECORD_TEXT + 1; /* one more for a CR */
        mm_str line = {l->text.p + at, n - at};
        seen = n;
        if (end && lost) {
            lost = false;
            at = seen = n + 1;
        } else if (end || (too_long && !lost)) {
            line.n -= line.n && line.p[line.n - 1] == '\r';
            s = put_line(r, line, number++);
            lost = !end;
            at = seen = n + (end != NULL);
        } else if (l->ended) {
            return lost ? MM_OK : put_lines(r, line, number);
        } else {
            mm_live_text_drop(l, lost ? n : at);
            seen -= lost ? n : at;
            at = 0;
            if (mm_live_text_more(l, &e) == MM_FATAL)
                return mm_fault_memory(r->f);
        }
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
    return s == MM_OK ? mm_sink_text(r->s, &rec, rows->cell[rows->column], encoding_of(r), r->f)
                      : mm_table_input_fault(rows, &why);
}

static bool has_names(mm_table *t, const mm_decode_opts *o)
{
    const char *asked[MM_ASKED_COLUMNS];
    mm_table_asked(asked, o);
    return !mm_table_is_nameless(t, asked, MM_ASKED_COLUMNS);
}

static mm_status put_column(reading *r, mm_str text)
{
    mm_table_input rows;
    mm_status s = mm_table_input_open(&rows, r->s, text, r->live, has_names, r->f);
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

static mm_status put_live(reading *r)
{
    mm_live_text l = mm_live_text_of(r->s->b);
    r->live = &l;
    mm_status st = r->s->o->column ? put_column(r, l.text) : put_live_lines(r, &l);
    if (st == MM_OK)
        st = mm_live_text_check(&l, r->f);
    mm_live_text_free(&l);
    return st;
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
    if (s->b->live)
        return o->column || o->lines ? put_live(&r) : mm_cues_decode_live(s, f);
    mm_status st = mm_blob_load(&file, s->b, MAX_TEXT_FILE, "a text", &keep, f);
    if (st == MM_OK) {
        file = mm_text_unmark(&keep, file, &r.encoding);
        st = !file.p     ? mm_fault_memory(f)
             : o->column ? put_column(&r, file)
             : o->lines  ? put_lines(&r, file, 0)
                         : put_cues_or_whole(&r, file);
    }
    mm_arena_free(&keep);
    return st;
}
