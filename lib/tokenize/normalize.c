/* normalize.c: the normalisation steps of BERT and CLIP. */
#include "tokenize/tokenizer_parts.h"

static mm_runes clean(mm_runes r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < r.n; i++)
        if (!mm_rune_is_dropped(r.p[i]) && r.p[i] != 0xfffd)
            r.p[n++] = mm_rune_is_space(r.p[i]) ? ' ' : r.p[i];
    r.n = n;
    return r;
}

static mm_runes set_chinese_apart(mm_runes r, mm_arena *a)
{
    int64_t found = 0;
    for (int64_t i = 0; i < r.n; i++)
        found += mm_rune_is_chinese(r.p[i]);
    if (found == 0)
        return r;
    mm_runes out = {mm_arena_alloc(a, (size_t)(r.n + 2 * found) * sizeof *out.p), 0};
    for (int64_t i = 0; out.p && i < r.n; i++) {
        bool chinese = mm_rune_is_chinese(r.p[i]);
        if (chinese)
            out.p[out.n++] = ' ';
        out.p[out.n++] = r.p[i];
        if (chinese)
            out.p[out.n++] = ' ';
    }
    return out;
}

static mm_runes strip_accents(mm_runes r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < r.n; i++)
        if (!mm_rune_is_accent(r.p[i]))
            r.p[n++] = r.p[i];
    r.n = n;
    return r;
}

static mm_runes lower(mm_runes r, mm_arena *a)
{
    int64_t extra = 0;
    uint32_t to[2];
    for (int64_t i = 0; i < r.n; i++)
        extra += mm_rune_lower(r.p[i], to) - 1;
    mm_runes out = {extra ? mm_arena_alloc(a, (size_t)(r.n + extra) * sizeof *out.p) : r.p, 0};
    for (int64_t i = 0; out.p && i < r.n; i++) {
        int n = mm_rune_lower(r.p[i], to);
        for (int k = 0; k < n; k++)
            out.p[out.n++] = to[k];
    }
    return out;
}

static mm_runes collapse(mm_runes r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < r.n; i++) {
        bool space = mm_rune_is_space(r.p[i]);
        if (!space || i == 0 || !mm_rune_is_space(r.p[i - 1]))
            r.p[n++] = space ? ' ' : r.p[i];
    }
    r.n = n;
    return r;
}

static bool is_ascii(mm_runes r)
{
    for (int64_t i = 0; i < r.n; i++)
        if (r.p[i] >= 0x80)
            return false;
    return true;
}

mm_runes mm_normalize(mm_runes r, const mm_normalize_step *steps, int n, mm_arena *a)
{
    bool ascii = is_ascii(r); /* most texts are, and have no accents or normal forms to care for */
    for (int i = 0; i < n && r.p; i++)
        switch (steps[i]) {
        case MM_NORMALIZE_CLEAN: r = clean(r); break;
        case MM_NORMALIZE_CHINESE: r = ascii ? r : set_chinese_apart(r, a); break;
        case MM_NORMALIZE_NFD: r = ascii ? r : mm_runes_nfd(r, a); break;
        case MM_NORMALIZE_NFC: r = ascii ? r : mm_runes_nfc(r, a); break;
        case MM_NORMALIZE_STRIP_ACCENTS: r = ascii ? r : strip_accents(r); break;
        case MM_NORMALIZE_LOWER: r = lower(r, a); break;
        case MM_NORMALIZE_COLLAPSE: r = collapse(r); break;
        }
    return r;
}
