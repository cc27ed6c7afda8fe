/* probe_tokens: tokenizes for tests/parity/tokens.py.
 * usage: probe_tokens MODEL [chunk]. stdin: u32 length, bytes; repeated. stdout: u32 count, i32 ids. With a chunk: for
 * each piece. */
#include "tokenize/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static void put(const mm_tokens *t)
{
    uint32_t count = (uint32_t)t->n;
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(t->id, sizeof *t->id, count, stdout);
}

int main(int argc, char **argv)
{
    mm_model *m = NULL;
    mm_tokenizer *t = NULL;
    mm_err e;
    if (argc < 2 || mm_model_open(&m, argv[1], NULL, &e) != MM_OK || mm_tokenizer_open(&t, m, &e) != MM_OK) {
        fprintf(stderr, "probe_tokens: %s\n", argc < 2 ? "which model?" : e.text);
        mm_model_close(m);
        return 2;
    }
    mm_arena a = {0};
    uint32_t n;
    int64_t chunk = argc > 2 ? atoi(argv[2]) : 0;
    while (fread(&n, sizeof n, 1, stdin) == 1) {
        char *text = malloc(n ? n : 1);
        mm_tokens one, *pieces = &one;
        int count = 1;
        if (!text || fread(text, 1, n, stdin) != n)
            return 1;
        mm_status s = chunk ? mm_tokenizer_chunks(t, (mm_str){text, n}, chunk, &a, &pieces, &count, &e)
                            : mm_tokenizer_encode(t, (mm_str){text, n}, 0, &a, &one, &e);
        if (s != MM_OK) {
            fprintf(stderr, "probe_tokens: %s\n", e.text);
            return 1;
        }
        for (int i = 0; i < count; i++)
            put(&pieces[i]);
        free(text);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    mm_tokenizer_close(t);
    mm_model_close(m);
    return 0;
}
