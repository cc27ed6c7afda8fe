#include "tokenize/tokenizer_parts.h"

/* ---- merges ---- */

static uint32_t place(const mm_bpe *b, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u; /* Fibonacci hashing */
    return (uint32_t)(h >> 32) & (b->size - 1);
}

static mm_merge *slot(const mm_bpe *b, int32_t left, int32_t right)
{
    uint32_t i = place(b, left, right);
    while (b->merge[i].left >= 0 && !(b->merge[i].left == left && b->merge[i].right == right))
        i = (i + 1) & (b->size - 1);
    return &b->merge[i];
}

static const mm_merge *find(const mm_bpe *b, int32_t left, int32_t right)
{
    const mm_merge *m = slot(b, left, right);
    return m->left >= 0 ? m : NULL;
}

bool mm_bpe_merges_init(mm_bpe *b, size_t expected, mm_arena *a)
{
    uint32_t size = 64;
    while (size < (1u << 30) && size / 2 < expected)
        size *= 2;
    b->merge = mm_arena_zalloc(a, size, sizeof *b->merge);
    b->size = size;
    b->used = 0;
    for (uint32_t i = 0; b->merge && i < size; i++)
        b->merge[i].left = -1;
    return b->merge != NULL;
}

static bool grow(mm_bpe *b, mm_arena *a)
{
    mm_bpe old = *b;
    if (!mm_bpe_merges_init(b, b->size, a) || b->size == old.size)
        return false;
    for (uint32_t i = 0; i < old.size; i++)
        if (old.merge[i].left >= 0)
            *slot(b, old.merge[i].left, old.merge[i].right) = old.merge[i];
    b->used = old.used;
    return true;
}

/* The id of left + right. */
static int32_t joined_id(const mm_vocab *v, mm_str left, mm_str right, mm_arena *a)
{
    char small[128], *text = small;
    size_t n = left.n + right.n;
    if (n > v->longest)
        return -1;
    if (n > sizeof small && !(text = mm_arena_alloc(a, n)))
        return -1;
    memcpy(text, left.p, left.n);
    memcpy(text + left.n, right.p, right.n);
    return mm_vocab_get(v, (mm_str){text, n});
}

mm_status mm_bpe_merge_put(mm_bpe *b, const mm_vocab *v, mm_str left, mm_str right, int32_t rank, mm_arena *a,
                           mm_err *e)
{
    int32_t l = mm_vocab_get(v, left), r = mm_vocab_get(v, right), id = joined_id(v, left, right, a);
    if (l < 0 || r < 0 || id < 0)
        return mm_fail(e, MM_FATAL, "merge %d, \"%.*s %.*s\": the vocabulary lacks these tokens", (int)rank,
                       MM_STRF(left), MM_STRF(right));
    if (b->used >= b->size / 2 && !grow(b, a))
        return mm_fail_memory(e);
    mm_merge *m = slot(b, l, r);
    b->used += m->left < 0;
    *m = (mm_merge){l, r, rank, id};
    return MM_OK;
}

/* ---- bytes ---- */

/* GPT-2 writes every byte as a printable character: printable Latin-1 as itself, the other 68 from U+0100 on. */
void mm_bpe_bytes(mm_bpe *b, const mm_vocab *v, mm_str suffix)
{
    uint32_t substitute = 0x100;
    for (int c = 0; c < 256; c++) {
        bool itself = (c > ' ' && c < 0x7f) || (c > 0xa0 && c != 0xad);
        char text[4 + 64];
        size_t n = (size_t)mm_rune_encode(itself ? (uint32_t)c : substitute++, text), room = sizeof text - n;
        b->byte[c] = mm_vocab_get(v, (mm_str){text, n});
        if (suffix.n && suffix.n <= room)
            memcpy(text + n, suffix.p, suffix.n);
        b->last[c] = suffix.n <= room ? mm_vocab_get(v, (mm_str){text, n + suffix.n}) : -1;
    }
}

/* ---- words ---- */

/* A word's symbols as a list, and the pairs that could be merged as a heap. */
typedef struct {
    int32_t id, before, after; /* neighbours; −1: none. id −1: merged away */
} symbol;

typedef struct {
    int32_t rank, at, id; /* id of the merged symbol: shows whether the pair is still there */
} candidate;

typedef struct {
    const mm_bpe *b;
    symbol *s;
    candidate *heap; /* [3 × symbols]: every merge makes two new pairs at most */
    int64_t n;
} work;

static bool sooner(candidate a, candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(work *w, candidate c)
{
    int64_t i = w->n++;
    for (; i > 0 && sooner(c, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
}

static candidate pop(work *w)
{
    candidate top = w->heap[0], c = w->heap[--w->n];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < w->n; i = child) {
        if (child + 1 < w->n && sooner(w->heap[child + 1], w->heap[child]))
            child++;
        if (!sooner(w->heap[child], c))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = c;
    return top;
}

static void consider(work *w, int32_t at)
{
    if (at < 0 || w->s[at].after < 0)
        return;
    const mm_merge *m = find(w->b, w->s[at].id, w->s[w->s[at].after].id);
    if (m)
        push(w, (candidate){m->rank, at, m->id});
}

static void merge_all(work *w)
{
    while (w->n) {
        candidate c = pop(w);
        symbol *left = &w->s[c.at];
        if (left->id < 0 || left->after < 0)
            continue;
        symbol *right = &w->s[left->after];
        const mm_merge *m = find(w->b, left->id, right->id);
        if (!m || m->id != c.id)
            continue;
        left->id = m->id;
        left->after = right->after;
        right->id = -1;
        if (left->after >= 0)
            w->s[left->after].before = c.at;
        consider(w, left->before);
        consider(w, c.at);
    }
}

/* The word's bytes as symbols; bytes without one become the unknown token, or are dropped where there is none. */
static int32_t symbols(const mm_bpe *b, const uint32_t *p, int64_t n, symbol *s)
{
    int32_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        char utf8[4];
        int bytes = mm_rune_encode(p[i], utf8);
        for (int k = 0; k < bytes; k++) {
            bool last = i + 1 == n && k + 1 == bytes;
            int32_t id = (last ? b->last : b->byte)[(uint8_t)utf8[k]];
            id = id >= 0 ? id : b->unknown;
            if (id < 0)
                continue;
            s[count] = (symbol){id, count - 1, count + 1};
            count++;
        }
    }
    if (count)
        s[count - 1].after = -1;
    return count;
}

void mm_bpe_word(const mm_bpe *b, const uint32_t *p, int64_t n, mm_token_ids *out)
{
    size_t bytes = 0;
    char utf8[4];
    for (int64_t i = 0; i < n; i++)
        bytes += (size_t)mm_rune_encode(p[i], utf8);
    work w = {b, mm_arena_alloc(out->arena, bytes * sizeof *w.s),
              mm_arena_alloc(out->arena, bytes * 3 * sizeof *w.heap), 0};
    if (!w.s || !w.heap) {
        out->failed = true;
        return;
    }
    int32_t count = symbols(b, p, n, w.s);
    for (int32_t i = 0; i < count; i++)
        consider(&w, i);
    merge_all(&w);
    bool opens = true;
    for (int32_t i = 0; i >= 0 && i < count; i = w.s[i].after) {
        mm_token_ids_add(out, w.s[i].id, opens);
        opens = false;
    }
}
