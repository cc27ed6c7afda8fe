/* tokenizer.c: from a text to ids, stage by stage. */
#include "base/file.h"
#include "tokenize/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- opening ---- */

/* The smallest of the limits that the files name. */
static int64_t model_limit(mm_model *m, const json_t *config, mm_err *e)
{
    const json_t *model = mm_model_config(m);
    const char *type = mm_config_str(model, "model_type", "");
    int64_t usual = !strncmp(type, "clip", 4) ? 77 : !strncmp(type, "siglip", 6) ? 64 : 0;
    int64_t limit = mm_config_int(model, "max_position_embeddings",
                                  mm_config_int(model, "text_config.max_position_embeddings", usual));
    /* RoBERTa's positions begin after the padding id */
    if (limit > 2 && (strstr(type, "roberta") || !strcmp(type, "mpnet")))
        limit -= 2;
    int64_t named[2] = {mm_config_int(config, "model_max_length", 0), 0};
    const json_t *sentence = mm_model_json(m, "sentence_bert_config.json", e);
    named[1] = mm_config_int(sentence, "max_seq_length", 0);
    for (int i = 0; i < 2; i++)
        if (named[i] > 0 && named[i] < 1000000 && (limit == 0 || named[i] < limit))
            limit = named[i];
    return limit;
}

static bool path_to(char path[PATH_MAX], const mm_model *m, const char *file)
{
    return mm_dir_path(path, mm_model_path(m), file, NULL) == MM_OK && mm_file_exists(path);
}

/* transformers builds a BertTokenizer's normalizer from tokenizer_config.json alone, whatever tokenizer.json says: with
 * "lowercase": false in the latter, texts are lower-cased nevertheless unless do_lower_case is false, too. */
static bool is_bert_class(const mm_model *m, const json_t *config)
{
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const char *name = mm_config_str(config, "tokenizer_class", NULL);
    if (!name)
        return !strcmp(type, "bert") || !strcmp(type, "distilbert");
    return strstr(name, "Bert") != NULL; /* not Roberta, Albert or Camembert, which have a small b */
}

static mm_status read_files(mm_tokenizer *t, const mm_model *m, mm_err *e)
{
    char path[PATH_MAX], merges[PATH_MAX];
    if (path_to(path, m, "tokenizer.json"))
        return mm_tokenizer_from_json(t, path, e);
    if (path_to(path, m, "vocab.txt"))
        return mm_tokenizer_from_vocab_txt(t, path, e);
    if (path_to(path, m, "vocab.json") && path_to(merges, m, "merges.txt"))
        return mm_tokenizer_from_bpe_files(t, path, merges, e);
    return mm_fail(e, MM_FATAL, "no tokenizer.json, vocab.txt, or vocab.json with merges.txt");
}

static mm_status open_tokenizer(mm_tokenizer *t, mm_model *m, mm_err *e)
{
    *e = (mm_err){.status = MM_OK};
    const json_t *config = mm_model_json(m, "tokenizer_config.json", e);
    if (!config && e->status != MM_OK)
        return e->status;
    t->config = config;
    t->bert_class = is_bert_class(m, config);
    mm_status s = read_files(t, m, e);
    t->config = NULL;
    if (s == MM_OK)
        t->limit = model_limit(m, config, e);
    return s == MM_OK ? e->status : s;
}

mm_status mm_tokenizer_open(mm_tokenizer **out, mm_model *m, mm_err *e)
{
    *out = NULL;
    mm_tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return mm_fail_memory(e);
    mm_err why;
    mm_status s = open_tokenizer(t, m, &why);
    if (s == MM_OK) {
        *out = t;
        return s;
    }
    mm_tokenizer_close(t);
    return mm_fail(e, s, "%s: %s", mm_model_name(m), why.text);
}

void mm_tokenizer_close(mm_tokenizer *t)
{
    if (!t)
        return;
    mm_map_close(&t->file[0]);
    mm_map_close(&t->file[1]);
    mm_arena_free(&t->arena);
    free(t);
}

int64_t mm_tokenizer_model_limit(const mm_tokenizer *t)
{
    return t->limit;
}

/* ---- added tokens in the text ---- */

static bool is_word_rune(uint32_t c)
{
    return mm_rune_is_letter(c) || mm_rune_is_number(c) || mm_rune_is_accent(c) || c == '_';
}

/* The added token at i; NULL: none. */
static const mm_added_token *added_at(const mm_tokenizer *t, bool normalized, mm_runes r, int64_t i)
{
    if (!(t->added_first[normalized] >> (r.p[i] & 63) & 1))
        return NULL;
    for (int k = 0; k < t->addeds; k++) {
        const mm_added_token *a = &t->added[k];
        if (a->normalized == normalized && a->text.n <= r.n - i &&
            memcmp(a->text.p, r.p + i, (size_t)a->text.n * sizeof *r.p) == 0)
            return a;
    }
    return NULL;
}

/* A text being encoded. */
typedef struct {
    const mm_tokenizer *t;
    mm_arena *a;
    mm_token_ids ids;
} encoder;

static void words_to_ids(encoder *x, mm_runes r)
{
    const mm_tokenizer *t = x->t;
    mm_words words = mm_pretokenize(r, t->split, t->splits, x->a);
    x->ids.failed |= words.p == NULL;
    for (int64_t i = 0; i < words.n && !x->ids.failed; i++) {
        const uint32_t *p = r.p + words.p[i].first;
        int64_t n = words.p[i].end - words.p[i].first;
        if (t->is_bpe)
            mm_bpe_word(&t->bpe, p, n, &x->ids);
        else
            mm_wordpiece_word(&t->wordpiece, &t->vocab, p, n, &x->ids);
    }
}

static void cut_added(encoder *x, mm_runes r, bool normalized);

/* The text between added tokens: first of the original text, then of the normalised text. */
static void between(encoder *x, mm_runes r, bool normalized)
{
    if (r.n == 0 || x->ids.failed)
        return;
    if (normalized) {
        words_to_ids(x, r);
        return;
    }
    r = mm_normalize(r, x->t->norm, x->t->norms, x->a);
    x->ids.failed |= r.p == NULL;
    if (r.p)
        cut_added(x, r, true);
}

static void cut_added(encoder *x, mm_runes r, bool normalized)
{
    int64_t done = 0;
    for (int64_t i = 0; i < r.n;) {
        const mm_added_token *a = added_at(x->t, normalized, r, i);
        if (!a) {
            i++;
            continue;
        }
        int64_t first = i, end = i + a->text.n;
        i = end;
        if (a->single_word && ((first > 0 && is_word_rune(r.p[first - 1])) || (end < r.n && is_word_rune(r.p[end]))))
            continue;
        while (a->lstrip && first > done && mm_rune_is_space(r.p[first - 1]))
            first--;
        while (a->rstrip && end < r.n && mm_rune_is_space(r.p[end]))
            end++;
        between(x, (mm_runes){r.p + done, first - done}, normalized);
        mm_token_ids_add(&x->ids, a->id, true);
        i = done = end;
    }
    between(x, (mm_runes){r.p + done, r.n - done}, normalized);
}

static mm_status encode(const mm_tokenizer *t, mm_str text, mm_arena *a, mm_token_ids *out, mm_err *e)
{
    if (text.n > (size_t)256 << 20)
        return mm_fail(e, MM_SKIP, "a text of %zu MiB is too long to be one record", text.n >> 20);
    encoder x = {.t = t, .a = a, .ids.arena = a};
    mm_runes r = mm_runes_decode(text, a);
    if (!r.p)
        return mm_fail_memory(e);
    cut_added(&x, r, false);
    *out = x.ids;
    return x.ids.failed ? mm_fail_memory(e) : MM_OK;
}

/* ---- special tokens around, limits ---- */

/* The special tokens around ids first .. end-1. */
static mm_status wrapped(const mm_tokenizer *t, const mm_token_ids *ids, int64_t first, int64_t end, mm_arena *a,
                         mm_tokens *out, mm_err *e)
{
    int64_t n = t->befores + (end - first) + t->afters;
    int32_t *id = mm_arena_alloc(a, (size_t)n * sizeof *id);
    if (!id)
        return mm_fail_memory(e);
    *out = (mm_tokens){id, n, t->befores + ids->n + t->afters};
    for (int i = 0; i < t->befores; i++)
        *id++ = t->before[i];
    for (int64_t i = first; i < end; i++)
        *id++ = ids->id[i];
    for (int i = 0; i < t->afters; i++)
        *id++ = t->after[i];
    return MM_OK;
}

/* How many ids fit besides the special tokens. */
static mm_status body_limit(const mm_tokenizer *t, int64_t limit, int64_t *most, mm_err *e)
{
    *most = limit > 0 ? limit - t->befores - t->afters : INT64_MAX;
    if (*most < 1)
        return mm_fail(e, MM_FATAL, "a limit of %lld tokens leaves none for the text", (long long)limit);
    return MM_OK;
}

mm_status mm_tokenizer_encode(const mm_tokenizer *t, mm_str text, int64_t limit, mm_arena *a, mm_tokens *out, mm_err *e)
{
    mm_token_ids ids;
    int64_t most;
    mm_status s = body_limit(t, limit, &most, e);
    if (s == MM_OK)
        s = encode(t, text, a, &ids, e);
    return s == MM_OK ? wrapped(t, &ids, 0, ids.n < most ? ids.n : most, a, out, e) : s;
}

/* The end of a piece that begins at `first`: before a word if possible. */
static int64_t piece_end(const mm_token_ids *ids, int64_t first, int64_t most)
{
    if (ids->n - first <= most)
        return ids->n;
    for (int64_t end = first + most; end > first; end--)
        if (ids->opens[end])
            return end;
    return first + most;
}

mm_status mm_tokenizer_chunks(const mm_tokenizer *t, mm_str text, int64_t limit, mm_arena *a, mm_tokens **pieces,
                              int *n, mm_err *e)
{
    mm_token_ids ids;
    int64_t most, count = 0;
    mm_status s = body_limit(t, limit, &most, e);
    if (s == MM_OK)
        s = encode(t, text, a, &ids, e);
    if (s != MM_OK)
        return s;
    for (int64_t at = 0; at < ids.n || count == 0; count++)
        at = piece_end(&ids, at, most);
    if (!(*pieces = mm_arena_zalloc(a, (size_t)count, sizeof **pieces)))
        return mm_fail_memory(e);
    int64_t at = 0;
    for (*n = 0; *n < count && s == MM_OK; ++*n) {
        int64_t end = piece_end(&ids, at, most);
        s = wrapped(t, &ids, at, end, a, &(*pieces)[*n], e);
        (*pieces)[*n].total = (*pieces)[*n].n;
        at = end;
    }
    return s;
}
