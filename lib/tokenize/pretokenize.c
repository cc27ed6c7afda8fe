/* pretokenize.c: words as BERT splits them, and as the regular expressions of CLIP and GPT-2 do. */
#include "tokenize/tokenizer_parts.h"

static bool starts_with(const uint32_t *p, int64_t n, const char *ascii)
{
    int64_t i = 0;
    for (; ascii[i]; i++)
        if (i >= n || p[i] != (uint32_t)ascii[i])
            return false;
    return true;
}

/* Length of the first alternative that the text begins with; 0: none. */
static int64_t literal(const uint32_t *p, int64_t n, const char *const *alternatives)
{
    for (; *alternatives; alternatives++)
        if (starts_with(p, n, *alternatives))
            return (int64_t)strlen(*alternatives);
    return 0;
}

static int64_t contraction(const uint32_t *p, int64_t n)
{
    static const char *const ENGLISH[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d", NULL};
    return p[0] == '\'' ? literal(p, n, ENGLISH) : 0;
}

typedef enum { SPACE, LETTER, NUMBER, OTHER } class;

static class class_of(uint32_t c)
{
    return mm_rune_is_space(c) ? SPACE : mm_rune_is_letter(c) ? LETTER : mm_rune_is_number(c) ? NUMBER : OTHER;
}

static int64_t run(const uint32_t *p, int64_t n)
{
    class first = class_of(p[0]);
    int64_t i = 1;
    while (i < n && class_of(p[i]) == first)
        i++;
    return i;
}

/* A splitter looks at the n ≥ 1 code points from p on; it returns how many come next, and whether they are a word. */
typedef int64_t splitter(const uint32_t *p, int64_t n, bool *word);

static int64_t next_bert(const uint32_t *p, int64_t n, bool *word)
{
    *word = !mm_rune_is_space(p[0]);
    if (!*word || mm_rune_is_punctuation(p[0]))
        return 1;
    int64_t i = 1;
    while (i < n && !mm_rune_is_space(p[i]) && !mm_rune_is_punctuation(p[i]))
        i++;
    return i;
}

static int64_t next_clip(const uint32_t *p, int64_t n, bool *word)
{
    class first = class_of(p[0]);
    int64_t short_form = contraction(p, n);
    *word = first != SPACE;
    return short_form ? short_form : first == NUMBER ? 1 : run(p, n);
}

static int64_t next_clip_mark(const uint32_t *p, int64_t n, bool *word)
{
    static const char *const MARKS[] = {"<|startoftext|>", "<|endoftext|>", NULL};
    int64_t mark = p[0] == '<' ? literal(p, n, MARKS) : 0;
    *word = true;
    return mark ? mark : next_clip(p, n, word);
}

static int64_t next_gpt2(const uint32_t *p, int64_t n, bool *word)
{
    *word = true;
    int64_t short_form = contraction(p, n);
    if (short_form)
        return short_form;
    if (p[0] == ' ' && n > 1 && class_of(p[1]) != SPACE)
        return 1 + run(p + 1, n - 1);
    int64_t i = run(p, n);
    /* the last space of a run before a word belongs to the word */
    return class_of(p[0]) == SPACE && i < n && i > 1 ? i - 1 : i;
}

static splitter *const SPLITTERS[] = {
    [MM_SPLIT_BERT] = next_bert,
    [MM_SPLIT_CLIP] = next_clip,
    [MM_SPLIT_CLIP_MARK] = next_clip_mark,
    [MM_SPLIT_GPT2] = next_gpt2,
};

static mm_words split(mm_runes r, mm_words in, splitter *next, mm_arena *a)
{
    mm_words out = {mm_arena_alloc(a, (size_t)r.n * sizeof *out.p), 0}; /* no word is empty */
    for (int64_t w = 0; out.p && w < in.n; w++)
        for (int64_t i = in.p[w].first; i < in.p[w].end;) {
            bool word;
            int64_t n = next(r.p + i, in.p[w].end - i, &word);
            if (word)
                out.p[out.n++] = (mm_word){i, i + n};
            i += n;
        }
    return out;
}

mm_words mm_pretokenize(mm_runes r, const mm_split_step *steps, int n, mm_arena *a)
{
    mm_words words = {mm_arena_alloc(a, sizeof *words.p), r.n > 0};
    if (words.p)
        words.p[0] = (mm_word){0, r.n};
    for (int i = 0; i < n && words.p; i++)
        words = split(r, words, SPLITTERS[steps[i]], a);
    return words;
}
