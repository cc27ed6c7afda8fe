/* unicode.c: decoding, character classes, case, normal forms. utf8proc knows decompositions and case; the classes are
 * the tokenizers' own (unicode_tables.inc says why). */
#include "tokenize/unicode.h"

#include <utf8proc.h>

typedef struct {
    uint32_t first, last;
} range;

#include "tokenize/unicode_tables.inc"

static bool within(const range *r, size_t n, uint32_t c)
{
    size_t lo = 0;
    while (lo < n) {
        size_t mid = (lo + n) / 2;
        if (c < r[mid].first)
            n = mid;
        else if (c > r[mid].last)
            lo = mid + 1;
        else
            return true;
    }
    return false;
}

#define WITHIN(table, c) within(table, sizeof(table) / sizeof *(table), c)

/* ---- UTF-8 ---- */

/* Length of the sequence that a first byte announces, and the range of second bytes that are not overlong, surrogates
 * or beyond U+10FFFF; 0: no first byte. */
static int announced(uint8_t b, uint8_t *low, uint8_t *high)
{
    *low = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    *high = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    return b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
}

/* The code point at p; returns its length in bytes. */
static int decode_one(const uint8_t *p, size_t n, uint32_t *c)
{
    uint8_t low, high;
    int want = announced(p[0], &low, &high), have = 1;
    static const uint8_t payload[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *c = p[0] & payload[want];
    for (; have < want && (size_t)have < n && p[have] >= low && p[have] <= high; have++) {
        *c = *c << 6 | (p[have] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    if (want == 0 || have < want)
        *c = 0xfffd;
    return have;
}

mm_runes mm_runes_decode(mm_str text, mm_arena *a)
{
    mm_runes r = {mm_arena_alloc(a, text.n * sizeof *r.p), 0};
    for (size_t i = 0; r.p && i < text.n;)
        i += (size_t)decode_one((const uint8_t *)text.p + i, text.n - i, &r.p[r.n++]);
    return r;
}

int mm_rune_encode(uint32_t c, char out[4])
{
    return (int)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out);
}

/* ---- classes ---- */

bool mm_rune_is_space(uint32_t c)
{
    static const range SPACE[] = {{0x9, 0xd},       {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},
                                  {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                  {0x205f, 0x205f}, {0x3000, 0x3000}};
    return c < 0x80 ? c == ' ' || (c >= 0x9 && c <= 0xd) : WITHIN(SPACE, c);
}

bool mm_rune_is_dropped(uint32_t c)
{
    if (c < 0x80)
        return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    return WITHIN(DROPPED, c);
}

bool mm_rune_is_chinese(uint32_t c)
{
    /* 0x2b920 is 0x2b820 in the paper's code, but not in the tokenizers library, which is the reference */
    static const range CHINESE[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
                                    {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    return c >= 0x3400 && WITHIN(CHINESE, c);
}

bool mm_rune_is_accent(uint32_t c)
{
    return c >= 0x300 && WITHIN(ACCENT, c);
}

static bool ascii_letter(uint32_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

bool mm_rune_is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7f && !ascii_letter(c) && !(c >= '0' && c <= '9');
    return WITHIN(PUNCTUATION, c);
}

bool mm_rune_is_letter(uint32_t c)
{
    return c < 0x80 ? ascii_letter(c) : WITHIN(LETTER, c);
}

bool mm_rune_is_number(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : WITHIN(NUMBER, c);
}

/* ---- case ---- */

/* Capitals that are newer than the oldest utf8proc in use (Unicode 16 and 17): first, last, the lower case of the
 * first, and the distance from one capital to the next. */
static const struct {
    uint32_t first, last, lower, step;
} YOUNG_CAPITALS[] = {
    {0x1c89, 0x1c89, 0x1c8a, 1},    {0xa7cb, 0xa7cb, 0x264, 1},     {0xa7cc, 0xa7ce, 0xa7cd, 2},
    {0xa7d2, 0xa7d4, 0xa7d3, 2},    {0xa7da, 0xa7da, 0xa7db, 1},    {0xa7dc, 0xa7dc, 0x19b, 1},
    {0x10d50, 0x10d65, 0x10d70, 1}, {0x16ea0, 0x16eb8, 0x16ebb, 1},
};

int mm_rune_lower(uint32_t c, uint32_t out[2])
{
    out[0] = c;
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
        return 1;
    }
    if (c == 0x130) { /* the one capital whose lower case is two code points */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    for (size_t i = 0; i < sizeof YOUNG_CAPITALS / sizeof *YOUNG_CAPITALS; i++)
        if (c >= YOUNG_CAPITALS[i].first && c <= YOUNG_CAPITALS[i].last &&
            (c - YOUNG_CAPITALS[i].first) % YOUNG_CAPITALS[i].step == 0) {
            out[0] = YOUNG_CAPITALS[i].lower + (c - YOUNG_CAPITALS[i].first);
            return 1;
        }
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    return 1;
}

/* ---- normal forms ---- */

/* Decomposable characters that are newer than Unicode 12, which the reference does not know. */
static bool young_composite(uint32_t c)
{
    static const range YOUNG[] = {{0x105c9, 0x105c9}, {0x105e4, 0x105e4}, {0x11383, 0x11391}, {0x113c5, 0x113c8},
                                  {0x11938, 0x11938}, {0x16121, 0x16128}, {0x16d68, 0x16d6a}};
    return c > 0x10000 && WITHIN(YOUNG, c);
}

static int combining_class(uint32_t c)
{
    return c < 0x300 || !WITHIN(MARK, c) ? 0 : (int)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* Code points that utf8proc would compose, or compose across, and the reference leaves as they are: marks newer than
 * Unicode 12, and the parts of young composites. */
static bool stands_alone(uint32_t c)
{
    static const range PARTS[] = {{0x105d2, 0x105d2}, {0x105da, 0x105da}, {0x113b8, 0x113c9},
                                  {0x11930, 0x11930}, {0x1611e, 0x16129}, {0x16d63, 0x16d69}};
    return c >= 0x300 &&
           (WITHIN(PARTS, c) || (!WITHIN(MARK, c) && utf8proc_get_property((utf8proc_int32_t)c)->combining_class));
}

/* Sorts a run of marks by class, keeping equals in order. Counting, since a run may be 100,000 marks long. */
static bool sort_marks(uint32_t *p, int64_t n, mm_arena *a)
{
    int64_t count[257] = {0};
    uint32_t *copy = mm_arena_alloc(a, (size_t)n * sizeof *copy);
    if (!copy)
        return false;
    for (int64_t i = 0; i < n; i++)
        count[combining_class(p[i]) + 1]++;
    for (int c = 0; c < 256; c++)
        count[c + 1] += count[c];
    for (int64_t i = 0; i < n; i++)
        copy[count[combining_class(p[i])]++] = p[i];
    memcpy(p, copy, (size_t)n * sizeof *p);
    return true;
}

static bool reorder(mm_runes r, mm_arena *a)
{
    for (int64_t i = 0; i < r.n;) {
        int64_t start = i;
        while (i < r.n && combining_class(r.p[i]))
            i++;
        if (i - start > 1 && !sort_marks(r.p + start, i - start, a))
            return false;
        i += i == start;
    }
    return true;
}

mm_runes mm_runes_nfd(mm_runes r, mm_arena *a)
{
    enum { LONGEST = 4 }; /* code points of a canonical decomposition */
    mm_runes out = {mm_arena_alloc(a, (size_t)r.n * LONGEST * sizeof *out.p), 0};
    if (!out.p)
        return out;
    for (int64_t i = 0; i < r.n; i++) {
        utf8proc_int32_t *to = (utf8proc_int32_t *)out.p + out.n;
        int boundary = 0;
        utf8proc_ssize_t n = 1;
        if (r.p[i] < 0xc0 || young_composite(r.p[i]))
            *to = (utf8proc_int32_t)r.p[i];
        else
            n = utf8proc_decompose_char((utf8proc_int32_t)r.p[i], to, LONGEST, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE,
                                        &boundary);
        if (n < 1 || n > LONGEST) { /* an unassigned code point: itself */
            *to = (utf8proc_int32_t)r.p[i];
            n = 1;
        }
        out.n += n;
    }
    if (!reorder(out, a))
        out.p = NULL;
    return out;
}

mm_runes mm_runes_nfc(mm_runes r, mm_arena *a)
{
    mm_runes d = mm_runes_nfd(r, a), out = {d.p, 0};
    for (int64_t i = 0; d.p && i < d.n;) {
        int64_t n = 1;
        if (!stands_alone(d.p[i]))
            while (i + n < d.n && !stands_alone(d.p[i + n]))
                n++;
        utf8proc_ssize_t kept =
            utf8proc_normalize_utf32((utf8proc_int32_t *)d.p + i, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        kept = kept < 0 ? n : kept;
        memmove(out.p + out.n, d.p + i, (size_t)kept * sizeof *out.p);
        out.n += kept;
        i += n;
    }
    return out;
}
