#include "base/grow.h"
#include "tokenize/tokenizer_parts.h"

void mm_token_ids_add(mm_token_ids *ids, int32_t id, bool opens)
{
    int64_t cap = ids->cap;
    if (!mm_grow_in(ids->arena, &ids->id, &cap, ids->n) || !mm_grow_in(ids->arena, &ids->opens, &ids->cap, ids->n)) {
        ids->failed = true;
        return;
    }
    ids->id[ids->n] = id;
    ids->opens[ids->n++] = opens;
}

/* A word in UTF-8, after space for the prefix, which can be written before any of its characters. */
typedef struct {
    char *bytes;  /* prefix, then the word */
    int64_t *end; /* [n + 1] end of character i − 1, from the word's first byte */
    int64_t prefix, n;
} spelling;

static bool spell(spelling *s, mm_str prefix, const uint32_t *p, int64_t n, mm_arena *a)
{
    s->bytes = mm_arena_alloc(a, prefix.n + (size_t)n * 4);
    s->end = mm_arena_alloc(a, (size_t)(n + 1) * sizeof *s->end);
    if (!s->bytes || !s->end)
        return false;
    s->prefix = (int64_t)prefix.n;
    s->n = n;
    s->end[0] = 0;
    char *word = s->bytes + s->prefix;
    for (int64_t i = 0; i < n; i++)
        s->end[i + 1] = s->end[i] + mm_rune_encode(p[i], word + s->end[i]);
    return true;
}

/* The longest token from character `at` on, −1: none; *next is the character after it. Writes the prefix over
 * characters that have been consumed. */
static int32_t longest(const spelling *s, const mm_wordpiece *w, const mm_vocab *v, int64_t at, int64_t *next)
{
    char *word = s->bytes + s->prefix, *start = word + s->end[at];
    uint32_t hash = MM_VOCAB_HASH_START;
    int64_t after = at;
    int32_t found = -1;
    if (at > 0) {
        start -= s->prefix;
        if (s->prefix)
            memcpy(start, w->prefix.p, w->prefix.n);
        hash = mm_vocab_hash_more(hash, start, (size_t)s->prefix);
    }
    for (int64_t i = at; i < s->n; i++) {
        mm_str token = {start, (size_t)(word + s->end[i + 1] - start)};
        if (token.n > v->longest)
            break;
        hash = mm_vocab_hash_more(hash, word + s->end[i], (size_t)(s->end[i + 1] - s->end[i]));
        int32_t id = mm_vocab_get_hashed(v, token, hash);
        if (id >= 0) {
            found = id;
            after = i + 1;
        }
    }
    *next = after;
    return found;
}

void mm_wordpiece_word(const mm_wordpiece *w, const mm_vocab *v, const uint32_t *p, int64_t n, mm_token_ids *out)
{
    if (n > w->max_chars) {
        mm_token_ids_add(out, w->unknown, true);
        return;
    }
    spelling s;
    if (!spell(&s, w->prefix, p, n, out->arena)) {
        out->failed = true;
        return;
    }
    int64_t first = out->n;
    for (int64_t at = 0; at < n;) {
        int32_t id = longest(&s, w, v, at, &at);
        if (id < 0) {
            out->n = first;
            mm_token_ids_add(out, w->unknown, true);
            return;
        }
        mm_token_ids_add(out, id, out->n == first);
    }
}
