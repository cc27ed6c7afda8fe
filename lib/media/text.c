/* text.c: texts, lines and columns of tables become text records. */
#include "media/text.h"

#include "base/utf8.h"
#include "media/sink.h"
#include "media/sniff.h"
#include "media/table.h"

static const int64_t MAX_TEXT_FILE = (int64_t)1 << 30;
static const size_t MAX_RECORD_TEXT = (size_t)32 << 20; /* records stay below 64 MiB */

mm_str mm_utf8_clean(mm_arena *a, mm_str in, int64_t *replaced)
{
    *replaced = 0;
    if (mm_utf8_valid(in))
        return in;
    char *out = mm_arena_alloc(a, 3 * in.n); /* a bad byte becomes three at worst */
    size_t n = 0;
    for (size_t i = 0; out && i < in.n;) {
        bool ok;
        size_t len = (size_t)mm_utf8_step((const uint8_t *)in.p + i, in.n - i, &ok);
        memcpy(out + n, ok ? in.p + i : "\xef\xbf\xbd", ok ? len : 3);
        n += ok ? len : 3;
        *replaced += !ok;
        i += len;
    }
    return (mm_str){out, n};
}

mm_status mm_emit_error(const mm_blob *b, mm_arena *a, mm_emit emit, void *ctx, const char *code, const char *text,
                        mm_err *e)
{
    mm_record rec = mm_record_new(MM_KIND_ERROR);
    rec.key = b->key;
    rec.src = b->src;
    if (mm_record_to_error(&rec, a, "decode", code, text, e) != MM_OK)
        return MM_FATAL;
    mm_status s = emit(ctx, &rec, e);
    mm_arena_reset(a);
    return s == MM_OK ? MM_OK : MM_FATAL;
}

/* ---- encodings ---- */

static uint32_t utf16_unit(const uint8_t *p, bool big)
{
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* UTF-16 behind its byte order mark; a lone surrogate becomes U+FFFD. */
static mm_str from_utf16(mm_arena *a, mm_str in, bool big)
{
    const uint8_t *p = (const uint8_t *)in.p;
    char *out = mm_arena_alloc(a, in.n * 2 + 4);
    size_t n = 0;
    for (size_t i = 0; out && i + 1 < in.n; i += 2) {
        uint32_t c = utf16_unit(p + i, big);
        if (c >= 0xd800 && c < 0xdc00 && i + 3 < in.n && utf16_unit(p + i + 2, big) >> 10 == 0xdc00 >> 10) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (utf16_unit(p + i + 2, big) & 0x3ff);
            i += 2;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        n += put_utf8(out + n, c);
    }
    return (mm_str){out, n};
}

/* The file as UTF-8 where a byte order mark tells the encoding; else as it is. p NULL when memory is out. */
static mm_str without_mark(mm_arena *keep, mm_str in, const char **encoding)
{
    *encoding = NULL;
    if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
        return (mm_str){in.p + 3, in.n - 3};
    if (in.n >= 2 && (memcmp(in.p, "\xff\xfe", 2) == 0 || memcmp(in.p, "\xfe\xff", 2) == 0)) {
        *encoding = "utf-16";
        return from_utf16(keep, (mm_str){in.p + 2, in.n - 2}, in.p[0] == '\xfe');
    }
    return in;
}

/* ---- records ---- */

typedef struct {
    mm_sink sink;
    const char *encoding; /* of the file, when it is known and not UTF-8 */
    mm_arena keep;        /* lives as long as the file is read */
} reading;

static mm_status fault(reading *r, const char *code, const char *text)
{
    mm_fault f = {.code = code};
    mm_fail(&f.err, MM_SKIP, "%s", text);
    return mm_sink_fault(&r->sink, &f);
}

/* One text; row −1: the whole file. key and label (p NULL: none) come from the table. */
static mm_status put_text(reading *r, mm_str text, int64_t row, mm_str key, mm_str label)
{
    int64_t replaced, ignored;
    mm_sink *s = &r->sink;
    mm_record rec = mm_sink_record(s, MM_KIND_TEXT);
    mm_status st = MM_OK;
    if (text.n > MAX_RECORD_TEXT)
        return fault(r, "too-large", "a text of more than 32 MiB: --lines or --column takes it in pieces");
    rec.text = mm_utf8_clean(s->a, text, &replaced);
    if (row >= 0) {
        rec.part = row;
        rec.key = mm_str_of(mm_arena_printf(s->a, "%.*s:%lld", MM_STRF(s->b->key), (long long)row + 1));
    }
    if (key.p)
        rec.key = mm_utf8_clean(s->a, key, &ignored);
    if (!rec.text.p || !rec.key.p)
        return mm_fail_memory(s->e);
    if (label.p)
        rec.label = mm_object_str(mm_utf8_clean(s->a, label, &ignored));
    if (replaced)
        st = mm_meta_put_str(&rec, s->a, "encoding", MM_STR("unknown"), s->e);
    else if (r->encoding)
        st = mm_meta_put_str(&rec, s->a, "encoding", mm_str_of(r->encoding), s->e);
    if (st == MM_OK && replaced)
        st = mm_meta_put_int(&rec, s->a, "replaced", replaced, s->e);
    if (replaced)
        mm_say(s->o->log, MM_LOG_WARN, "%.*s: not UTF-8: %lld places became U+FFFD", MM_STRF(rec.key),
               (long long)replaced);
    return st == MM_OK ? mm_sink_put(s, &rec) : st;
}

static mm_status put_lines(reading *r, mm_str text)
{
    const mm_str none = {NULL, 0};
    mm_status s = MM_OK;
    for (int64_t row = 0; s == MM_OK && text.n; row++) {
        const char *end = memchr(text.p, '\n', text.n);
        mm_str line = {text.p, end ? (size_t)(end - text.p) : text.n};
        size_t taken = line.n + (end != NULL);
        line.n -= line.n && line.p[line.n - 1] == '\r';
        s = put_text(r, line, row, none, none);
        text.p += taken;
        text.n -= taken;
    }
    return s;
}

static mm_str cell_at(const mm_str *cell, int n, int at)
{
    return at >= 0 && at < n ? cell[at] : (mm_str){NULL, 0};
}

/* The row's cells by the names that the options give. */
static mm_status put_row(reading *r, const mm_table *t, const mm_str *cell, int n)
{
    const mm_decode_opts *o = r->sink.o;
    int text = mm_table_column(t, o->column, n), key = o->key_column ? mm_table_column(t, o->key_column, n) : -1,
        label = o->label_column ? mm_table_column(t, o->label_column, n) : -1;
    char why[160];
    if (text < 0 || text >= n || !cell[text].p) {
        snprintf(why, sizeof why, "row %lld has no column %s", (long long)t->row, o->column);
        return fault(r, "column", why);
    }
    return put_text(r, cell[text], t->row - 1, cell_at(cell, n, key), cell_at(cell, n, label));
}

static bool is_number(const char *text)
{
    return text[strspn(text, "-0123456789")] == 0;
}

static mm_status put_column(reading *r, mm_str text)
{
    mm_table t;
    mm_err e;
    mm_arena a = {0};
    mm_str *cell;
    int n;
    mm_table_open(&t, text);
    mm_status s = is_number(r->sink.o->column) ? MM_OK : mm_table_take_header(&t, &e);
    if (s == MM_SKIP) {
        s = fault(r, "row", e.text);
        mm_table_close(&t);
        return s;
    }
    if (s == MM_OK && t.kind != MM_TABLE_JSONL && !is_number(r->sink.o->column) &&
        mm_table_column(&t, r->sink.o->column, t.columns) < 0) {
        char why[200];
        mm_str first = t.columns ? t.header[0] : MM_STR("");
        snprintf(why, sizeof why, "no column %s in it (the first is \"%.*s\"; a number counts columns)",
                 r->sink.o->column, (int)(first.n > 60 ? 60 : first.n), first.p);
        s = fault(r, "column", why);
        mm_table_close(&t);
        return s;
    }
    while (s == MM_OK && (s = mm_table_next(&t, &a, &cell, &n, &e)) != MM_EOF) {
        if (s == MM_OK)
            s = put_row(r, &t, cell, n);
        else if (s == MM_SKIP)
            s = fault(r, "row", e.text);
        else
            *r->sink.e = e;
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    mm_table_close(&t);
    return s == MM_EOF ? MM_OK : s;
}

/* ---- the file ---- */

/* Whether it is content: asked for by name, or called like a text (a table where one is wanted). */
static bool is_content(const mm_blob *b, const mm_decode_opts *o)
{
    return b->named || mm_name_is_text(b->path, o->as || o->lines || o->column);
}

static mm_status load(reading *r, mm_str *text)
{
    mm_err why;
    const mm_blob *b = r->sink.b;
    if (b->size > MAX_TEXT_FILE)
        return fault(r, "too-large", "a text of more than 1 GiB");
    uint8_t *p = b->bytes ? NULL : mm_arena_alloc(&r->keep, (size_t)b->size + 1);
    if (!b->bytes && !p)
        return mm_fail_memory(r->sink.e);
    int64_t n = b->bytes ? b->size : mm_blob_read(b, 0, p, b->size);
    if (n < 0) {
        mm_fail(&why, MM_SKIP, "an error while reading");
        return fault(r, "read", why.text);
    }
    mm_str raw = {(const char *)(b->bytes ? b->bytes : p), (size_t)n};
    if (!raw.p)
        raw.p = "";
    *text = without_mark(&r->keep, raw, &r->encoding);
    return text->p ? MM_OK : mm_fail_memory(r->sink.e);
}

mm_status mm_decode_text(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx,
                         int64_t *emitted, mm_err *e)
{
    reading r = {.sink = {b, o, a, emit, ctx, 0, e}};
    mm_str text = {NULL, 0};
    const mm_str none = {NULL, 0};
    *emitted = 0;
    if (o->as && is_content(b, o))
        return mm_decode_numbers(b, o, a, emit, ctx, emitted, e);
    if (!o->text || !is_content(b, o))
        return MM_OK;
    mm_status s = load(&r, &text);
    if (s == MM_OK && text.p)
        s = o->column ? put_column(&r, text) : o->lines ? put_lines(&r, text) : put_text(&r, text, -1, none, none);
    *emitted = r.sink.emitted;
    mm_arena_free(&r.keep);
    return s;
}
