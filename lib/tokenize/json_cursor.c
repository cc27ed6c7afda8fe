#include "tokenize/json_cursor.h"

#include "tokenize/unicode.h"

static void skip_space(mm_json_cursor *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

/* Skips white space and c; false when something else is next. */
static bool take(mm_json_cursor *s, char c)
{
    skip_space(s);
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

/* Skips a string; *raw is the text between its quotes, escapes included. */
static bool take_raw_string(mm_json_cursor *s, mm_str *raw)
{
    if (!take(s, '"'))
        return false;
    const char *start = s->p;
    for (; s->p < s->end && *s->p != '"'; s->p++)
        if (*s->p == '\\' && ++s->p >= s->end)
            return false;
    if (s->p >= s->end)
        return false;
    *raw = (mm_str){start, (size_t)(s->p++ - start)};
    return true;
}

static bool structural(char c)
{
    return c == ',' || c == ':' || c == '{' || c == '}' || c == '[' || c == ']';
}

/* Skips a number, true, false or null. */
static void skip_bare(mm_json_cursor *s)
{
    while (s->p < s->end && !structural(*s->p) && *s->p != '"' && *s->p > ' ')
        s->p++;
}

/* Skips any value. Nesting is counted, not recursed into: depth costs no stack. */
static bool skip_value(mm_json_cursor *s)
{
    int64_t depth = 0;
    do {
        mm_str ignored;
        skip_space(s);
        if (s->p >= s->end)
            return false;
        char c = *s->p;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth < 0 || (c == '"' && !take_raw_string(s, &ignored)))
            return false;
        if (c == '"')
            continue;
        s->p++;
        if (!structural(c))
            skip_bare(s);
    } while (depth > 0);
    return true;
}

bool mm_json_cursor_enter(mm_json_cursor *s, const char *key)
{
    mm_str name;
    if (!take(s, '{'))
        return false;
    while (take_raw_string(s, &name) && take(s, ':')) {
        skip_space(s);
        if (mm_str_is(name, key))
            return true;
        if (!skip_value(s) || !take(s, ','))
            break;
    }
    return false;
}

mm_str mm_json_cursor_member(mm_json_cursor s, const char *key)
{
    if (!mm_json_cursor_enter(&s, key))
        return (mm_str){0};
    const char *start = s.p;
    return skip_value(&s) ? (mm_str){start, (size_t)(s.p - start)} : (mm_str){0};
}

/* ---- strings ---- */

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* The code point of \uXXXX (two of them for a surrogate pair) at p; *used bytes. A lone surrogate is U+FFFD. */
static bool unescape_unicode(const char *p, size_t n, uint32_t *c, size_t *used)
{
    int high = n >= 6 ? hex4(p + 2) : -1, low;
    if (high < 0)
        return false;
    *c = (uint32_t)high;
    *used = 6;
    if (high < 0xd800 || high > 0xdfff)
        return true;
    *c = 0xfffd;
    if (high < 0xdc00 && n >= 12 && p[6] == '\\' && p[7] == 'u' && (low = hex4(p + 8)) >= 0xdc00 && low <= 0xdfff) {
        *c = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        *used = 12;
    }
    return true;
}

static bool unescape(mm_str raw, mm_arena *a, mm_str *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    *out = raw;
    if (!memchr(raw.p, '\\', raw.n))
        return true;
    char *text = mm_arena_alloc(a, raw.n); /* an escape is never shorter than its character */
    size_t n = 0;
    for (size_t i = 0; text && i < raw.n;) {
        const char *known = raw.p[i] == '\\' && i + 1 < raw.n ? memchr(from, raw.p[i + 1], sizeof from - 1) : NULL;
        uint32_t c;
        size_t used;
        if (raw.p[i] != '\\') {
            text[n++] = raw.p[i++];
        } else if (known) {
            text[n++] = to[known - from];
            i += 2;
        } else if (i + 1 < raw.n && raw.p[i + 1] == 'u' && unescape_unicode(raw.p + i, raw.n - i, &c, &used)) {
            n += (size_t)mm_rune_encode(c, text + n);
            i += used;
        } else {
            return false;
        }
    }
    *out = (mm_str){text, n};
    return text != NULL;
}

static bool take_string(mm_json_cursor *s, mm_arena *a, mm_str *out)
{
    mm_str raw;
    return take_raw_string(s, &raw) && unescape(raw, a, out);
}

static bool take_integer(mm_json_cursor *s, int64_t *v)
{
    skip_space(s);
    bool negative = s->p < s->end && *s->p == '-';
    s->p += negative;
    int digits = 0;
    for (*v = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9' && digits < 18; digits++)
        *v = *v * 10 + (*s->p++ - '0');
    *v = negative ? -*v : *v;
    return digits > 0;
}

/* ---- tables ---- */

static mm_status broken(const mm_json_cursor *s, mm_str whole, const char *what, mm_err *e)
{
    return mm_fail(e, MM_FATAL, "\"%s\" is malformed at its byte %lld", what, (long long)(s->p - whole.p));
}

mm_status mm_json_cursor_integers(mm_str object, mm_arena *a, mm_json_integer_visit each, void *ctx, mm_err *e)
{
    if (!object.p)
        return mm_fail(e, MM_FATAL, "it has no \"vocab\"");
    mm_json_cursor s = {object.p, object.p + object.n};
    if (!take(&s, '{'))
        return broken(&s, object, "vocab", e);
    if (take(&s, '}'))
        return MM_OK;
    do {
        mm_str key;
        int64_t value;
        if (!take_string(&s, a, &key) || !take(&s, ':') || !take_integer(&s, &value))
            return broken(&s, object, "vocab", e);
        mm_status status = each(ctx, key, value, e);
        if (status != MM_OK)
            return status;
    } while (take(&s, ','));
    return take(&s, '}') ? MM_OK : broken(&s, object, "vocab", e);
}

/* "left right" or ["left", "right"] */
static bool take_two(mm_json_cursor *s, mm_arena *a, mm_str *left, mm_str *right)
{
    if (take(s, '['))
        return take_string(s, a, left) && take(s, ',') && take_string(s, a, right) && take(s, ']');
    mm_str both;
    const char *space;
    if (!take_string(s, a, &both) || !(space = memchr(both.p, ' ', both.n)))
        return false;
    *left = (mm_str){both.p, (size_t)(space - both.p)};
    *right = (mm_str){space + 1, both.n - left->n - 1};
    return true;
}

mm_status mm_json_cursor_pairs(mm_str array, mm_arena *a, mm_json_pair_visit each, void *ctx, mm_err *e)
{
    if (!array.p)
        return mm_fail(e, MM_FATAL, "it has no \"merges\"");
    mm_json_cursor s = {array.p, array.p + array.n};
    if (!take(&s, '['))
        return broken(&s, array, "merges", e);
    if (take(&s, ']'))
        return MM_OK;
    int64_t i = 0;
    do {
        mm_str left, right;
        if (!take_two(&s, a, &left, &right))
            return broken(&s, array, "merges", e);
        mm_status status = each(ctx, i++, left, right, e);
        if (status != MM_OK)
            return status;
    } while (take(&s, ','));
    return take(&s, ']') ? MM_OK : broken(&s, array, "merges", e);
}
