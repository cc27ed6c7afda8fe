#include "model/tokenizer_parts.h"

void mm_ids_add(mm_ids *ids, int32_t id, bool opens)
{
    if (ids->n == ids->cap) {
        int64_t cap = ids->cap ? 2 * ids->cap : 64;
        int32_t *id2 = mm_arena_alloc(ids->arena, (size_t)cap * sizeof *id2);
        bool *opens2 = mm_arena_alloc(ids->arena, (size_t)cap * sizeof *opens2);
        ids->failed |= !id2 || !opens2;
        if (ids->failed)
            return;
        if (ids->n) {
            memcpy(id2, ids->id, (size_t)ids->n * sizeof *id2);
            memcpy(opens2, ids->opens, (size_t)ids->n * sizeof *opens2);
        }
        *ids = (mm_ids){ids->arena, id2, opens2, ids->n, cap, false};
    }
    ids->id[ids->n] = id;
    ids->opens[ids->n++] = opens;
}

/* A word as UTF-8 with room for the prefix in front of any of its characters. */
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

/* The longest token from character `at` on. *next is the character behind it; −1: there is none. The prefix is written
 * over characters that are done with. */
static int32_t longest(const spelling *s, const mm_wordpiece *w, const mm_vocab *v, int64_t at, int64_t *next)
{
    char *word = s->bytes + s->prefix, *start = word + s->end[at];
    uint32_t hash = MM_HASH_START;
    int64_t behind = at;
    int32_t found = -1;
    if (at > 0) {
        start -= s->prefix;
        if (s->prefix)
            memcpy(start, w->prefix.p, w->prefix.n);
        hash = mm_hash_more(hash, start, (size_t)s->prefix);
    }
    for (int64_t i = at; i < s->n; i++) {
        mm_str token = {start, (size_t)(word + s->end[i + 1] - start)};
        if (token.n > v->longest)
            break;
        hash = mm_hash_more(hash, word + s->end[i], (size_t)(s->end[i + 1] - s->end[i]));
        int32_t id = mm_vocab_get_hashed(v, token, hash);
        if (id >= 0) {
            found = id;
            behind = i + 1;
        }
    }
    *next = behind;
    return found;
}

void mm_wordpiece_word(const mm_wordpiece *w, const mm_vocab *v, const uint32_t *p, int64_t n, mm_ids *out)
{
    if (n > w->max_chars) {
        mm_ids_add(out, w->unknown, true);
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
            mm_ids_add(out, w->unknown, true);
            return;
        }
        mm_ids_add(out, id, out->n == first);
    }
}
