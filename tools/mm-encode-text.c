/* mm-encode-text: turns text records into feature records. */
#include "cli/encoding.h"
#include "encode/sentence.h"
#include "tokenize/tokenizer.h"

#include <stdio.h>
#include <string.h>

/* Bytes up to which a text becomes its vector's meta.text, the name of a zero-shot label. */
enum { SHOWN_TEXT = 256 };

static mm_encoding_values opt = {MM_ENCODING_DEFAULTS(32)};
static const char *prompt, *prompt_name;
static bool chunk;

static const mm_opt options[] = {
    {0, "prompt", MM_OPT_STR, &prompt, "TEXT",
     .help = "prepend TEXT to each text, or put each text in place of {} in TEXT: 'a photo of a {}'; empty: no "
             "prompt"},
    {0, "prompt-name", MM_OPT_STR, &prompt_name, "NAME",
     .help =
         "prepend this prompt of the model, one that mm-model info lists (default: the model's own, if it has one)"},
    {0, "chunk", MM_OPT_FLAG, &chunk,
     .help = "split texts that are too long for the model into parts instead of truncating them"},
    {0},
};

static void add_options(mm_opts *o)
{
    mm_encoding_opts(o, &opt, MM_ENCODING_PROJECT);
    mm_opts_add(o, options);
    mm_device_opts(o, &opt.device);
}

static const char *const synopsis[] = {
    "-m MODEL [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-decode --lines notes.txt | mm-encode-text -m minilm-l6 > features.mm",
    "printf '%s\\n' dog cat | mm-decode --lines - | mm-encode-text -m clip --prompt 'a photo of a {}' > labels.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-encode-text",
    .summary = "turn texts into feature vectors (BERT family, CLIP)",
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .add_opts = add_options,
    .takes = MM_TAKES_ALL | MM_TAKES_UPDATE,
    .encodes = "text",
};

/* One text's ids: one piece, or several with --chunk. */
typedef struct {
    mm_tokens *piece;
    int n;
} pieces;

typedef struct {
    mm_encoding x;
    mm_tokenizer *tokenizer;
    int64_t limit;
    mm_str before, after; /* of each text: its prompt */
    int64_t lead;         /* tokens of the prompt that are left out of means */
    pieces *p[2];         /* of each text of a batch, by slot */
    mm_err *bad[2];       /* what could not be split */
} text;

static bool wants(void *ctx, const mm_record *rec)
{
    (void)ctx;
    return rec->kind == MM_KIND_TEXT && rec->text.p;
}

static mm_str prompted(const text *t, mm_str s, mm_arena *a)
{
    size_t n = t->before.n + s.n + t->after.n;
    if (n == s.n)
        return s;
    char *p = mm_arena_alloc(a, n);
    if (!p)
        return (mm_str){NULL, 0};
    memcpy(p, t->before.p, t->before.n);
    memcpy(p + t->before.n, s.p, s.n);
    memcpy(p + t->before.n + s.n, t->after.p, t->after.n);
    return (mm_str){p, n};
}

static mm_status tokenize(text *t, pieces *out, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_str s = prompted(t, rec->text, a);
    if (!s.p)
        return mm_fail_memory(e);
    if (chunk)
        return mm_tokenizer_chunks(t->tokenizer, s, t->limit, a, &out->piece, &out->n, e);
    out->piece = mm_arena_alloc(a, sizeof *out->piece);
    out->n = 1;
    return out->piece ? mm_tokenizer_encode(t->tokenizer, s, t->limit, a, out->piece, e) : mm_fail_memory(e);
}

/* Adds to meta: the text itself if it is short, and whether it was truncated or split. */
static mm_status annotate(text *t, mm_record *rec, const pieces *p, int i, mm_arena *a, mm_err *e)
{
    const mm_tokens *k = &p->piece[i];
    mm_status s = MM_OK;
    if (rec->text.n <= SHOWN_TEXT && p->n == 1)
        s = mm_meta_put_str(rec, a, "text", rec->text, e);
    if (s == MM_OK && k->total > k->n) {
        mm_warn(t->x.r, "%.*s: %lld tokens, the model takes %lld: the rest is dropped (--chunk splits it)",
                MM_STRF(rec->key), (long long)k->total, (long long)k->n);
        s = mm_meta_put_int(rec, a, "truncated", k->total, e);
    }
    if (s == MM_OK && p->n > 1 && rec->part >= 0)
        s = mm_meta_put_int(rec, a, "chunk", i, e);
    else if (p->n > 1)
        rec->part = i;
    return s;
}

static mm_status emit(text *t, mm_run *r, int i, const mm_record *from, const pieces *p, const mm_output *out,
                      mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    for (int k = 0; s == MM_OK && k < p->n; k++) {
        mm_record rec = *from, done;
        s = annotate(t, &rec, p, k, a, e);
        if (s == MM_OK)
            s = mm_encoding_record(&t->x, &done, &rec, &out[k], a, e);
        if (s == MM_OK)
            mm_filter_emit(r, i, &done);
    }
    return s;
}

static mm_status begin(void *ctx, int slot, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    text *t = ctx;
    mm_arena *a = &t->x.slot[slot].a;
    mm_arena_reset(a);
    pieces *p = t->p[slot] = mm_arena_zalloc(a, (size_t)n, sizeof *p);
    mm_err *bad = t->bad[slot] = mm_arena_zalloc(a, (size_t)n, sizeof *bad);
    int total = 0, k = 0;
    if (!p || !bad)
        return mm_fail_memory(e);
    for (int i = 0; i < n; i++) {
        if (tokenize(t, &p[i], rec[i], arena[i], &bad[i]) == MM_OK)
            total += p[i].n;
        else
            p[i].n = 0;
    }
    mm_input *in = mm_arena_zalloc(a, (size_t)total + 1, sizeof *in);
    if (!in)
        return mm_fail_memory(e);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < p[i].n; j++, k++)
            in[k] = (mm_input){.in = {{MM_I32, 1, {p[i].piece[j].n}}, p[i].piece[j].id}, .lead = j ? 0 : t->lead};
    return mm_encoding_start(&t->x, slot, in, total, e);
}

static mm_status step(void *ctx, int slot, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    text *t = ctx;
    const mm_encoding_slot *w = &t->x.slot[slot];
    const pieces *p = t->p[slot];
    mm_status s = mm_encoding_finish(&t->x, slot, e);
    for (int i = 0, at = 0; s == MM_OK && i < n; at += p[i++].n) {
        const mm_err *why = &t->bad[slot][i];
        for (int j = 0; j < p[i].n && why->status == MM_OK; j++)
            why = &w->failed[at + j];
        if (why->status == MM_OK)
            s = emit(t, r, i, rec[i], &p[i], &w->out[at], arena[i], e);
        else
            mm_filter_fail(r, i, "encode-text", "encode", why);
    }
    return s;
}

/* ---- the prompt ---- */

/* Counts the first tokens of a text that are the prompt's: those of the prompt alone without its end token. */
static mm_status measure_prompt(text *t, mm_err *e)
{
    mm_arena a = {0};
    mm_tokens k;
    mm_sentence sentence;
    mm_status s = mm_sentence_read(&sentence, t->x.model, e);
    if (s == MM_OK && sentence.no_prompt && t->before.n && !t->after.n) {
        s = mm_tokenizer_encode(t->tokenizer, t->before, t->limit, &a, &k, e);
        t->lead = s == MM_OK ? k.n - 1 : 0;
    }
    mm_arena_free(&a);
    return s;
}

/* The text before and after each text, from the options or the model. */
static mm_status choose_prompt(text *t, mm_err *e)
{
    const char *hole = prompt ? strstr(prompt, "{}") : NULL, *chosen = prompt;
    const char *name = NULL;
    if (!prompt && mm_sentence_default_prompt(&name, t->x.model, e) != MM_OK)
        return MM_FATAL;
    name = prompt_name ? prompt_name : name;
    if (!prompt && name && mm_sentence_prompt(&chosen, t->x.model, name, e) != MM_OK)
        return MM_FATAL;
    t->before = hole ? (mm_str){prompt, (size_t)(hole - prompt)} : mm_str_of(chosen ? chosen : "");
    t->after = mm_str_of(hole ? hole + 2 : "");
    if (!prompt && name)
        mm_say(&t->x.r->log, MM_LOG_INFO, "prompt %s: \"%s\"", name, chosen);
    return measure_prompt(t, e);
}

int main(int argc, char **argv)
{
    mm_run r;
    text t = {0};
    mm_err e;
    mm_run_begin(&r, &tool, argc, argv);
    if (prompt && prompt_name)
        mm_usage(&r, "--prompt and --prompt-name exclude each other");
    mm_encoding_open(&t.x, &r, &opt, MM_OF_TEXT, false);
    if (chunk)
        mm_encoding_setting(&t.x, "chunk", "1");
    if (mm_tokenizer_open(&t.tokenizer, t.x.model, &e) != MM_OK)
        mm_die_of(&r, &e);
    t.limit = mm_encoder_max_tokens(t.x.encoder);
    if (!t.limit)
        t.limit = mm_tokenizer_model_limit(t.tokenizer);
    if (choose_prompt(&t, &e) != MM_OK)
        mm_die_of(&r, &e);
    if (t.before.n || t.after.n)
        mm_encoding_setting(&t.x, "prompt", "%lld %.*s{}%.*s", (long long)t.lead, MM_STRF(t.before), MM_STRF(t.after));
    mm_encoding_run(&t.x, (mm_filter){.wants = wants, .begin = begin, .step = step, .ctx = &t});
    mm_tokenizer_close(t.tokenizer);
    mm_encoding_close(&t.x);
    return mm_run_end(&r);
}
