#include "media/text/cue_text.h"

#include "media/table/table_cell.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <utf8proc.h>

/* ---- codes: each returns how many bytes it takes, 0: it is none ---- */

/* &amp; and its like, written to out, which is never longer. */
static size_t reference(mm_str s, char *out, size_t *n)
{
    static const struct {
        const char *name, *text;
    } NAMED[] = {{"amp", "&"},
                 {"lt", "<"},
                 {"gt", ">"},
                 {"nbsp", "\xc2\xa0"},
                 {"lrm", "\xe2\x80\x8e"},
                 {"rlm", "\xe2\x80\x8f"},
                 {"quot", "\""},
                 {"apos", "'"}};
    enum { LONGEST = 10 };
    const char *end = memchr(s.p, ';', s.n < LONGEST ? s.n : LONGEST);
    if (*s.p != '&' || !end)
        return 0;
    mm_str name = {s.p + 1, (size_t)(end - s.p) - 1};
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++)
        if (mm_str_is(name, NAMED[i].name)) {
            *n = strlen(NAMED[i].text);
            memcpy(out, NAMED[i].text, *n);
            return name.n + 2;
        }
    char digits[LONGEST] = "", *stop;
    bool hex = name.n > 2 && (name.p[1] == 'x' || name.p[1] == 'X');
    if (name.n < 2 || *name.p != '#' || !isxdigit((unsigned char)name.p[1 + hex]))
        return 0;
    memcpy(digits, name.p + 1 + hex, name.n - 1 - hex);
    long c = strtol(digits, &stop, hex ? 16 : 10);
    if (*stop || c == 0 || !utf8proc_codepoint_valid((utf8proc_int32_t)c))
        return 0;
    *n = (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
    return name.n + 2;
}

/* Where the first `c` is, or NULL: no tag is longer, and a text of many that are not closed is read in one pass. */
static const char *end_of_tag(mm_str s, char c)
{
    enum { LONGEST = 1024 };
    return memchr(s.p, c, s.n < LONGEST ? s.n : LONGEST);
}

/* From < to >. A < that nothing closes, or that begins no tag, is a writer's slip: "a < b". */
static size_t vtt_tag(mm_str s)
{
    const char *end = *s.p == '<' ? end_of_tag(s, '>') : NULL;
    return end && (isalnum((unsigned char)s.p[1]) || strchr("/.>", s.p[1])) ? (size_t)(end - s.p) + 1 : 0;
}

/* <i>, </i>, <font color="…">. */
static size_t srt_tag(mm_str s)
{
    static const char *const NAMES[] = {"i", "b", "u", "s", "font"};
    const char *end = *s.p == '<' ? end_of_tag(s, '>') : NULL;
    if (!end)
        return 0;
    size_t from = 1 + (s.p[1] == '/'), n = from;
    while (isalpha((unsigned char)s.p[n]))
        n++;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strlen(NAMES[i]) == n - from && strncasecmp(s.p + from, NAMES[i], n - from) == 0 && strchr(" />", s.p[n]))
            return (size_t)(end - s.p) + 1;
    return 0;
}

/* {\an8}, which comes from SubStation Alpha. */
static size_t srt_braces(mm_str s)
{
    const char *end = s.n > 1 && s.p[0] == '{' && s.p[1] == '\\' ? end_of_tag(s, '}') : NULL;
    return end ? (size_t)(end - s.p) + 1 : 0;
}

/* ---- voices ---- */

/* What stands in <v Name> or <v.loud Name>, as written; p NULL: the tag is another. */
static mm_str voice_of(mm_str tag)
{
    if (tag.n < 3 || tag.p[1] != 'v' || !strchr(". \t\n", tag.p[2]))
        return (mm_str){0};
    size_t at = 2;
    while (at < tag.n && !mm_is_blank(tag.p[at]) && tag.p[at] != '>')
        at++;
    return mm_cell_trim((mm_str){tag.p + at, tag.n - at - (tag.p[tag.n - 1] == '>')});
}

static bool is_end_of_voice(mm_str tag)
{
    return tag.n >= 4 && memcmp(tag.p, "</v", 3) == 0 && strchr("> \t\n", tag.p[3]);
}

/* ---- the text ---- */

/* The name, its references read. */
static mm_str plain_name(mm_str name, mm_arena *a)
{
    char *out = name.n ? mm_arena_alloc(a, name.n) : NULL;
    size_t n = 0, more;
    for (size_t taken; out && name.n; name.p += taken, name.n -= taken, n += more) {
        taken = reference(name, out + n, &more);
        if (!taken) {
            out[n] = *name.p;
            taken = more = 1;
        }
    }
    return (mm_str){out, n};
}

/* Takes one code or one byte. Returns whether a voice begins or ends there, which is *name from then on. */
static bool take(mm_cue_text *c, char *out, size_t *n, mm_str *name)
{
    mm_str *s = &c->rest, tag = {s->p, c->vtt ? vtt_tag(*s) : srt_tag(*s) + srt_braces(*s)};
    size_t taken = tag.n;
    *n = 0;
    if (!taken && c->vtt)
        taken = reference(*s, out, n);
    if (!taken && *s->p == '\r') {
        taken = 1 + (s->n > 1 && s->p[1] == '\n');
        *out = '\n';
        *n = 1;
    } else if (!taken) {
        *out = *s->p;
        taken = *n = 1;
    }
    s->p += taken;
    s->n -= taken;
    *name = c->vtt && tag.n ? voice_of(tag) : (mm_str){0};
    return name->p || (c->vtt && is_end_of_voice(tag));
}

bool mm_cue_text_next(mm_cue_text *c, mm_str *text, mm_str *speaker, mm_arena *a)
{
    char *out = c->rest.n ? mm_arena_alloc(a, c->rest.n) : NULL;
    mm_str name = {0};
    bool memory = out || !c->rest.n;
    *text = (mm_str){"", 0};
    while (out && c->rest.n && !text->n) {
        mm_str next = {0};
        size_t n = 0, more;
        bool turn = false;
        for (name = c->name; c->rest.n && !turn; n += more)
            turn = take(c, out + n, &more, &next);
        *text = mm_cell_trim((mm_str){out, n});
        c->name = turn ? next : name;
    }
    *speaker = plain_name(name, a);
    if (!memory || (name.n && !speaker->p))
        text->p = NULL;
    return text->n > 0 && text->p;
}
