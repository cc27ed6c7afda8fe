#include "format/formats.h"

#include "base/utf8.h"
#include "format/name.h"
#include "format/probes.h"

#include <ctype.h>

#define AT(offset, literal) {offset, sizeof(literal) - 1, literal, 0, 0, NULL},
#define BOTH(offset, literal, offset2, literal2)                                                                       \
    {offset, sizeof(literal) - 1, literal, offset2, sizeof(literal2) - 1, literal2},
#define ROW(k, w, x, p, id, unpacker, a, t, l, ...)                                                                    \
    {.kind = MM_FORMAT_##k,                                                                                            \
     .what = w,                                                                                                        \
     .extensions = x,                                                                                                  \
     .probe = p,                                                                                                       \
     .picture = id,                                                                                                    \
     .program = unpacker,                                                                                              \
     .advice = a,                                                                                                      \
     .text = t,                                                                                                        \
     .letters = l,                                                                                                     \
     .marks = (const mm_mark[]){__VA_ARGS__{0}}},

const mm_format mm_formats[MM_FORMATS] = {
#define PICTURE(id, w, x, p, ...) ROW(IMAGE, w, x, p, MM_PICTURE_##id, NULL, NULL, false, false, __VA_ARGS__)
#define FORMAT(kind, w, x, p, marks) ROW(kind, w, x, p, 0, NULL, NULL, false, false, marks)
#define PACKED(program, w, x, p, marks) ROW(PACKED, w, x, p, 0, program, NULL, false, false, marks)
#define UNREAD(kind, w, x, p, advice, marks) ROW(kind, w, x, p, 0, NULL, advice, false, false, marks)
#define UNREAD_TEXT(kind, w, x, p, advice, marks) ROW(kind, w, x, p, 0, NULL, advice, true, false, marks)
#define UNREAD_LETTERS(kind, w, x, advice, marks) ROW(kind, w, x, NULL, 0, NULL, advice, false, true, marks)
#include "format/formats.def"
};
static const mm_format *const END = mm_formats + MM_FORMATS, *const TEXT = mm_formats + MM_FORMATS - 1;

/* ---- bytes ---- */

static bool matches(const mm_mark *m, const uint8_t *p, size_t n)
{
    return n >= (size_t)m->at + m->n && memcmp(p + m->at, m->bytes, m->n) == 0 &&
           (!m->n2 || (n >= (size_t)m->at2 + m->n2 && memcmp(p + m->at2, m->bytes2, m->n2) == 0));
}

static bool is_marked(const mm_format *f, const uint8_t *p, size_t n)
{
    for (const mm_mark *m = f->marks; m->n; m++)
        if (matches(m, p, n))
            return true;
    return false;
}

const mm_format *mm_format_marked(const uint8_t *p, size_t n)
{
    for (const mm_format *f = mm_formats; f < END; f++)
        if (!f->text && !f->letters && is_marked(f, p, n))
            return f;
    return NULL;
}

/* What is not read and looks like text, or is known by a few letters or its extension. */
static bool is_soft(const mm_format *f, const uint8_t *p, size_t n, mm_str path, mm_str extension)
{
    if (!f->text && !f->letters)
        return false;
    bool named = mm_has_word(f->extensions, extension);
    if (!f->marks->n)
        return named || (f->probe && f->probe(p, n, extension) && !mm_name_is_text(path, false));
    if (!is_marked(f, p, n))
        return false;
    return f->text ? !mm_name_is_text(path, false) : named || !mm_bytes_are_text(p, n, path);
}

const mm_format *mm_format_of(const uint8_t *p, size_t n, mm_str path)
{
    mm_str extension = mm_name_extension(path);
    const mm_format *marked = mm_format_marked(p, n);
    if (marked)
        return marked;
    for (const mm_format *f = mm_formats; f < END; f++)
        if (!f->text && f->probe && f->probe(p, n, extension))
            return f;
    for (const mm_format *f = mm_formats; f < END; f++)
        if (is_soft(f, p, n, path, extension))
            return f;
    return mm_bytes_are_text(p, n, path) ? TEXT : NULL;
}

const mm_format *mm_format_inside(const uint8_t *p, size_t n, size_t *at)
{
    enum { LONG = 3 }; /* what is shorter, or begins with zeros, is found in any bytes */
    for (*at = 1; *at < n; ++*at)
        for (const mm_format *f = mm_formats; f < END; f++)
            for (const mm_mark *m = f->marks; m->n && !f->advice; m++)
                if (!m->at && m->n >= LONG && m->bytes[0] && matches(m, p + *at, n - *at))
                    return f;
    return NULL;
}

mm_format_kind mm_format_read_as(const mm_format *f)
{
    return f && !f->advice ? f->kind : MM_FORMAT_UNKNOWN;
}

bool mm_format_is_subtitles(const mm_format *f)
{
    return f && (f->probe == mm_probe_srt || f->probe == mm_probe_vtt);
}

bool mm_bytes_are_text(const uint8_t *p, size_t n, mm_str path)
{
    size_t controls = 0, malformed = 0, high = 0;
    if (n == 0)
        return mm_name_is_text(path, false);
    for (size_t i = 0; i < n;) {
        if (p[i] == 0)
            return false;
        controls += (p[i] < ' ' && !isspace(p[i]) && p[i] != '\b' && p[i] != 27) || p[i] == 127;
        high += p[i] >= 0x80;
        bool ok;
        i += (size_t)mm_utf8_step(p + i, n - i, &ok);
        malformed += !ok && i < n; /* the head may end inside a character */
    }
    if (malformed == 0)
        return controls <= n / 20 || mm_name_is_text(path, true);
    return controls == 0 && (high < n / 3 || mm_name_is_text(path, true));
}

/* ---- names ---- */

mm_format_kind mm_name_promises(mm_str path)
{
    mm_str extension = mm_name_extension(path);
    for (const mm_format *f = mm_formats; f < END; f++)
        if (mm_has_word(f->extensions, extension)) {
            bool archive = f->kind == MM_FORMAT_TAPE || f->kind == MM_FORMAT_PACKED;
            bool about = f->kind == MM_FORMAT_TEXT && mm_name_is_about(path);
            return archive ? MM_FORMAT_ARCHIVE : about ? MM_FORMAT_UNKNOWN : f->kind;
        }
    return MM_FORMAT_UNKNOWN;
}

bool mm_name_is_text(mm_str path, bool table)
{
    mm_str x = mm_name_extension(path);
    bool named = mm_has_word("cap", x) || (table && mm_has_word("csv tsv tab jsonl ndjson", x));
    for (const mm_format *f = mm_formats; f < END && !named; f++)
        named = f->kind == MM_FORMAT_TEXT && mm_has_word(f->extensions, x);
    return named && !mm_name_is_about(path);
}
