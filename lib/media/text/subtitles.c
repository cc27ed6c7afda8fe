#include "media/text/subtitles.h"

#include "media/table/row_time.h"
#include "media/table/table_cell.h"

#include <ctype.h>

enum { MAX_BLOCK = 1 << 20 }; /* bytes of a cue */

/* ---- lines ---- */

typedef struct {
    mm_str line;  /* without its end, LF, CR LF or CR */
    size_t taken; /* with it */
} one_line;

/* The line at the start of text. False: its end has not come. */
static bool line_of(one_line *out, mm_str text, bool all)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r')
        n++;
    bool cr = n < text.n && text.p[n] == '\r', lf = n + cr < text.n && text.p[n + cr] == '\n';
    out->line = (mm_str){text.p, n};
    out->taken = n + cr + lf;
    return all || lf || (cr && n + 1 < text.n);
}

static void step(mm_subtitles *s, mm_str *text, const one_line *l, size_t *taken)
{
    text->p += l->taken;
    text->n -= l->taken;
    *taken += l->taken;
    s->line++;
}

/* In WebVTT a line of blanks is text. */
static bool is_end(const mm_subtitles *s, mm_str line)
{
    return s->vtt ? line.n == 0 : mm_cell_trim(line).n == 0;
}

static const char *arrow_of(mm_str line)
{
    return line.n ? memmem(line.p, line.n, "-->", 3) : NULL;
}

static bool is_number(mm_str line)
{
    line = mm_cell_trim(line);
    for (size_t i = 0; i < line.n; i++)
        if (!isdigit((unsigned char)line.p[i]))
            return false;
    return line.n > 0;
}

static bool is_clock(mm_row_time *t, mm_str text)
{
    return text.n && memchr(text.p, ':', text.n) && mm_row_time_parse(t, text) && t->kind == MM_TIME_SECONDS;
}

/* "00:01.000 --> 00:02.000 line:0". */
static bool is_time_line(mm_str line, double time[2])
{
    const char *arrow = arrow_of(line);
    mm_row_time from, to;
    if (!arrow)
        return false;
    mm_str left = mm_cell_trim((mm_str){line.p, (size_t)(arrow - line.p)});
    mm_str right = mm_cell_trim((mm_str){arrow + 3, (size_t)(line.p + line.n - arrow) - 3});
    size_t n = 0;
    while (n < right.n && !mm_is_blank(right.p[n]))
        n++;
    right.n = n;
    if (!is_clock(&from, left) || !is_clock(&to, right))
        return false;
    time[0] = from.seconds;
    time[1] = to.seconds;
    return true;
}

/* ---- blocks ---- */

static bool begins_with(mm_str line, const char *word)
{
    size_t n = strlen(word);
    return line.n >= n && memcmp(line.p, word, n) == 0 && (line.n == n || mm_is_blank(line.p[n]));
}

/* The number of lines in the block at the start of text, up to a blank line or, where a time has been, the next time;
 * *at: which of them is its time, −1: none. False: the block has not come to its end. */
static bool measure(const mm_subtitles *s, mm_str text, bool all, int64_t *lines, int64_t *at)
{
    one_line l;
    mm_str before = {0};
    double ignored[2];
    size_t seen = 0;
    *lines = 0;
    *at = -1;
    for (; text.n; ++*lines) {
        if (!line_of(&l, text, all))
            return seen + text.n > MAX_BLOCK;
        bool time = is_time_line(l.line, ignored); /* another arrow is text, whatever W3C's parser makes of it */
        if (is_end(s, l.line))
            return true;
        if (time && *at >= 0) {
            *lines -= !s->vtt && *lines > *at + 1 && is_number(before); /* the number of the next cue */
            return true;
        }
        if (arrow_of(l.line) && *at < 0 && *lines < 2)
            *at = *lines;
        before = l.line;
        text.p += l.taken;
        text.n -= l.taken;
        if ((seen += l.taken) > MAX_BLOCK)
            return ++*lines; /* the line as well */
    }
    return all;
}

/* Reads the block of `lines` lines at the start of *text, whose time is line `at`. */
static mm_status read_block(mm_subtitles *s, mm_cue *cue, mm_str *text, int64_t lines, int64_t at, size_t *taken,
                            mm_err *e)
{
    one_line l, first = {0};
    const int64_t number = s->line + 1;
    const char *end = NULL;
    bool timed = false;
    for (int64_t i = 0; i < lines; i++) {
        line_of(&l, *text, true);
        if (i == 0)
            first = l;
        if (i == at) {
            timed = is_time_line(l.line, cue->time);
            cue->text = (mm_str){text->p + l.taken, 0};
        }
        end = l.line.p + l.line.n;
        step(s, text, &l, taken);
    }
    mm_str start = {first.line.p, first.line.n < 60 ? first.line.n : 60};
    if (at < 0)
        return mm_fail(e, MM_SKIP, "line %lld: text without a time: \"%.*s\"", (long long)number, MM_STRF(start));
    if (!timed)
        return mm_fail(e, MM_SKIP, "line %lld: not the times of a cue", (long long)(number + at));
    if (cue->time[1] < cue->time[0])
        return mm_fail(e, MM_SKIP, "line %lld: the cue ends before it begins", (long long)(number + at));
    if (end > cue->text.p)
        cue->text.n = (size_t)(end - cue->text.p);
    return cue->text.n <= MAX_BLOCK
               ? MM_OK
               : mm_fail(e, MM_SKIP, "line %lld: a cue of more than a mebibyte", (long long)number);
}

static bool is_aside(const mm_subtitles *s, mm_str first)
{
    return s->vtt && (begins_with(first, "NOTE") || begins_with(first, "STYLE") || begins_with(first, "REGION"));
}

/* Takes the header of a WebVTT file, which ends at a blank line or a time. False: it is not all there. */
static bool take_header(mm_subtitles *s, mm_str *text, bool all, size_t *taken)
{
    one_line l;
    int64_t lines = 0;
    mm_str rest = *text;
    for (; rest.n; lines++, rest.p += l.taken, rest.n -= l.taken)
        if (!line_of(&l, rest, all) || is_end(s, l.line) || (lines && arrow_of(l.line)))
            break;
    if (!rest.n && !all)
        return false;
    if (rest.n && !line_of(&l, rest, all))
        return false;
    s->begun = true;
    for (; lines > 0 && line_of(&l, *text, true); lines--)
        step(s, text, &l, taken);
    return true;
}

mm_status mm_subtitles_next(mm_subtitles *s, mm_cue *cue, mm_str text, bool all, size_t *taken, mm_err *e)
{
    one_line l;
    int64_t lines, at;
    *taken = 0;
    if (s->vtt && !s->begun && !take_header(s, &text, all, taken))
        return text.n <= MAX_BLOCK ? MM_EOF : mm_fail(e, MM_FATAL, "the header: too long");
    for (;;) {
        if (!text.n || !line_of(&l, text, all)) /* even of a long line, a part may be in the next piece */
            return text.n <= MAX_BLOCK ? MM_EOF : mm_fail(e, MM_FATAL, "line %lld: too long", (long long)s->line + 1);
        if (is_end(s, l.line)) {
            step(s, &text, &l, taken);
            continue;
        }
        if (!measure(s, text, all, &lines, &at))
            return MM_EOF;
        bool aside = at < 0 && is_aside(s, l.line);
        mm_status st = read_block(s, cue, &text, lines, at, taken, e);
        if (!aside)
            return st;
    }
}
