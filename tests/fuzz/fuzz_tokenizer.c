/* Any bytes as a tokenizer.json are refused or give a tokenizer that works; any bytes as a text are tokenized by a good
 * one, and its pieces put together are the whole. The first byte of the input chooses. */
#include "base/file.h"
#include "tokenize/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void tokenize(const mm_tokenizer *t, mm_str text)
{
    mm_arena a = {0};
    mm_err e;
    mm_tokens all, *piece;
    int pieces;
    int64_t around = t->befores + t->afters, together = 0;
    must(mm_tokenizer_encode(t, text, 0, &a, &all, &e) == MM_OK);
    must(mm_tokenizer_chunks(t, text, around + 3, &a, &piece, &pieces, &e) == MM_OK);
    for (int i = 0; i < pieces; together += piece[i++].n - around)
        must(piece[i].n <= around + 3);
    must(together == all.n - around);
    mm_arena_free(&a);
}

static mm_tokenizer *golden(const char *name)
{
    char path[256];
    mm_err e;
    mm_tokenizer *t = calloc(1, sizeof *t);
    snprintf(path, sizeof path, "tests/goldens/tokenizer/%s/tokenizer.json", name);
    must(mm_tokenizer_from_json(t, path, &e) == MM_OK);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const NAMES[] = {"wordpiece", "clip_json"};
    mm_err e;
    if (n == 0)
        return 0;
    if (data[0] == '0' || data[0] == '1') {
        mm_tokenizer *t = golden(NAMES[data[0] - '0']);
        tokenize(t, (mm_str){(const char *)data + 1, n - 1});
        mm_tokenizer_close(t);
        return 0;
    }
    mm_tokenizer *t = calloc(1, sizeof *t);
    must(t != NULL);
    if (mm_tokenizer_parse_json(t, (mm_str){(const char *)data, n}, "fuzz", &e) == MM_OK)
        tokenize(t, MM_STR("It's <|endoftext|> [MASK] un\xc3\xa9 \xe6\xbc\xa2 1,2 \xff"));
    mm_tokenizer_close(t);
    return 0;
}
