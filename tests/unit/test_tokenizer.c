/* Tokenizers against Hugging Face's (tests/goldens/make_tokenizer.py), their limits, and files that are not right. */
#include "base/file.h"
#include "golden.h"
#include "tokenize/tokenizer_parts.h"

#include <unistd.h>

typedef struct {
    mm_model *model;
    mm_tokenizer *t;
    mm_arena arena;
    mm_err err;
} scene;

static scene open_golden(const char *name)
{
    scene s = {0};
    char path[256];
    snprintf(path, sizeof path, "tests/goldens/tokenizer/%s", name);
    if (mm_model_open(&s.model, path, NULL, &s.err) != MM_OK || mm_tokenizer_open(&s.t, s.model, &s.err) != MM_OK)
        fail_msg("%s", s.err.text);
    return s;
}

static void close_scene(scene *s)
{
    mm_tokenizer_close(s->t);
    mm_model_close(s->model);
    mm_arena_free(&s->arena);
}

/* Bytes from hex; n = half its length. The caller frees. */
static char *from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    char *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        sscanf(hex + 2 * i, "%2x", &v);
        p[i] = (char)v;
    }
    return p;
}

static void agrees(const char *name)
{
    scene s = open_golden(name);
    char file[256];
    snprintf(file, sizeof file, "tokenizer/%s/cases.json", name);
    json_t *texts = golden("tokenizer/texts.json"), *cases = golden(file), *hex;
    size_t i;
    assert_int_equal(json_array_size(texts), json_array_size(cases));
    json_array_foreach(texts, i, hex)
    {
        const json_t *want = json_array_get(cases, i);
        char *bytes = from_hex(json_string_value(hex));
        mm_str text = {bytes, json_string_length(hex) / 2};
        mm_tokens got;
        assert_int_equal(mm_tokenizer_encode(s.t, text, 0, &s.arena, &got, &s.err), MM_OK);
        if (got.n != num(want, "n"))
            print_error("%s: \"%.*s\"\n", name, MM_STRF(text));
        assert_int_equal(got.n, num(want, "n"));
        assert_int_equal(got.total, got.n);
        assert_fnv(got.id, (size_t)got.n * sizeof *got.id, want);
        free(bytes);
        mm_arena_reset(&s.arena);
    }
    assert_true(i > 200);
    json_decref(texts);
    json_decref(cases);
    close_scene(&s);
}

static void wordpiece_json(void **state)
{
    (void)state;
    agrees("wordpiece");
}

static void wordpiece_vocab_txt(void **state)
{
    (void)state;
    agrees("vocab_cased");
    agrees("vocab_kept");
}

static void clip(void **state)
{
    (void)state;
    agrees("clip");
    agrees("clip_json");
}

static void roberta(void **state)
{
    (void)state;
    agrees("roberta");
}

static void limits(void **state)
{
    (void)state;
    scene s = open_golden("wordpiece");
    mm_tokens all, cut, *piece;
    mm_str text = MM_STR("A photo of a cat. Two dogs run through the snow, and they're happy!");
    assert_int_equal(mm_tokenizer_model_limit(s.t), 64); /* of 77 positions and a model_max_length of 64 */
    assert_int_equal(mm_tokenizer_encode(s.t, text, 0, &s.arena, &all, &s.err), MM_OK);
    assert_int_equal(mm_tokenizer_encode(s.t, text, 9, &s.arena, &cut, &s.err), MM_OK);
    assert_int_equal(cut.n, 9);
    assert_int_equal(cut.total, all.n);
    assert_memory_equal(cut.id, all.id, 8 * sizeof *cut.id);
    assert_int_equal(cut.id[8], all.id[all.n - 1]);
    assert_int_equal(mm_tokenizer_encode(s.t, text, 2, &s.arena, &cut, &s.err), MM_FATAL);
    for (int64_t limit = 3; limit < all.n + 2; limit++) {
        int n;
        int64_t at = 1;
        assert_int_equal(mm_tokenizer_chunks(s.t, text, limit, &s.arena, &piece, &n, &s.err), MM_OK);
        for (int i = 0; i < n; i++) {
            assert_true(piece[i].n > 2 && piece[i].n <= limit);
            assert_int_equal(piece[i].id[0], all.id[0]);
            assert_int_equal(piece[i].id[piece[i].n - 1], all.id[all.n - 1]);
            assert_memory_equal(piece[i].id + 1, all.id + at, (size_t)(piece[i].n - 2) * sizeof *all.id);
            at += piece[i].n - 2;
        }
        assert_int_equal(at, all.n - 1);
    }
    int n;
    assert_int_equal(mm_tokenizer_chunks(s.t, MM_STR(""), 8, &s.arena, &piece, &n, &s.err), MM_OK);
    assert_true(n == 1 && piece[0].n == 2);
    close_scene(&s);
}

static int32_t first_id(scene *s, mm_str word)
{
    mm_tokens t;
    assert_int_equal(mm_tokenizer_encode(s->t, word, 0, &s->arena, &t, &s->err), MM_OK);
    return t.id[1]; /* behind <s> */
}

/* Pieces end where a word ends, if a word fits. */
static void chunks_keep_words_whole(void **state)
{
    (void)state;
    scene s = open_golden("roberta");
    mm_tokens *piece, word;
    int n;
    mm_str text = MM_STR(" unbelievable running unbelievable running runner");
    assert_int_equal(mm_tokenizer_encode(s.t, MM_STR(" unbelievable"), 0, &s.arena, &word, &s.err), MM_OK);
    assert_int_equal(mm_tokenizer_chunks(s.t, text, word.n + 1, &s.arena, &piece, &n, &s.err), MM_OK);
    assert_true(n > 2);
    for (int i = 1; i < n; i++) {
        int32_t id = piece[i].id[1];
        assert_true(id == first_id(&s, MM_STR(" running")) || id == first_id(&s, MM_STR(" unbelievable")) ||
                    id == first_id(&s, MM_STR(" runner")));
    }
    close_scene(&s);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } BAD[] = {
        {"", "tokenizer.json"},
        {"{", "JSON"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0.5]]}}", "Unigram"},
        {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}", "unknown words"},
        {"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"a\", \"vocab\": {\"a\": -1}}}", "id -1"},
        {"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"a\", \"vocab\": {\"a\": 0, \"b\"}}}", "\"vocab\""},
        {"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"a\", \"vocab\": {\"a\": \"x\"}}}", "\"vocab\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}", "\"a b\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"ab\"]}}", "\"merges\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"byte_fallback\": true}}",
         "byte_fallback"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}", "BPE over characters"},
        {"{\"normalizer\": {\"type\": \"Nmt\"}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"a\", \"vocab\": "
         "{\"a\": 0}}}",
         "normalizer 'Nmt'"},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\"}, \"model\": {\"unk_token\": \"a\", \"vocab\": {\"a\": 0}}}",
         "pre-tokenizer 'Metaspace'"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        mm_tokenizer *t = calloc(1, sizeof *t);
        mm_err e = {.status = MM_OK};
        assert_int_equal(mm_tokenizer_parse_json(t, mm_str_of(BAD[i].json), "tokenizer.json", &e), MM_FATAL);
        if (!strstr(e.text, BAD[i].says))
            print_error("\"%s\" does not say %s\n", e.text, BAD[i].says);
        assert_non_null(strstr(e.text, BAD[i].says));
        mm_tokenizer_close(t);
    }
}

/* Every cut of a real file is refused, or at least harmless. */
static void truncated_files_do_no_harm(void **state)
{
    (void)state;
    mm_buf b = {0};
    mm_err e;
    assert_int_equal(mm_file_read(&b, "tests/goldens/tokenizer/clip_json/tokenizer.json", 1 << 20, &e), MM_OK);
    for (size_t n = 0; n < b.n - 2; n += 7) { /* ends in "}" and perhaps a newline */
        char *copy = malloc(n + 1);
        memcpy(copy, b.p, n);
        mm_tokenizer *t = calloc(1, sizeof *t);
        assert_int_equal(mm_tokenizer_parse_json(t, (mm_str){copy, n}, "tokenizer.json", &e), MM_FATAL);
        mm_tokenizer_close(t);
        free(copy);
    }
    mm_buf_free(&b);
}

static void decodes_as_python(void **state)
{
    (void)state;
    mm_arena a = {0};
    static const struct {
        const char *bytes;
        int n;
        uint32_t want[5];
    } CASES[] = {
        {"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82", 4, {'a', 0xe9, 0x20ac, 0x1f642}},
        {"\xff\x80", 2, {0xfffd, 0xfffd}},
        {"\xe2\x82", 1, {0xfffd}},
        {"\xe2\x82x", 2, {0xfffd, 'x'}},
        {"\xf0\x9f\x98", 1, {0xfffd}},
        {"\xed\xa0\x80", 3, {0xfffd, 0xfffd, 0xfffd}},
        {"\xc0\xaf", 2, {0xfffd, 0xfffd}},
        {"\xf4\x90\x80\x80", 4, {0xfffd, 0xfffd, 0xfffd, 0xfffd}},
        {"\xf0\x80\x80\x80x", 5, {0xfffd, 0xfffd, 0xfffd, 0xfffd, 'x'}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        mm_runes r = mm_runes_decode(mm_str_of(CASES[i].bytes), &a);
        assert_int_equal(r.n, CASES[i].n);
        assert_memory_equal(r.p, CASES[i].want, (size_t)r.n * sizeof *r.p);
    }
    mm_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wordpiece_json),
        cmocka_unit_test(wordpiece_vocab_txt),
        cmocka_unit_test(clip),
        cmocka_unit_test(roberta),
        cmocka_unit_test(limits),
        cmocka_unit_test(chunks_keep_words_whole),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(truncated_files_do_no_harm),
        cmocka_unit_test(decodes_as_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
