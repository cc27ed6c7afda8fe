/* Paths and keys, and the order in which sources come. */
#include "source/clean_path.h"
#include "source/key.h"
#include "source/source.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void paths(void **state)
{
    static const char *const clean[][2] = {
        {"a/b.jpg", "a/b.jpg"}, {"./a//b", "a/b"}, {"/a/./b/", "a/b"},    {"../../a", "a"},
        {"a/../../b", "b"},     {"", ""},          {"caf\xe9", "caf%E9"}, {"..", ""},
    };
    static const char *const stem[][2] = {
        {"a/photo.v2.jpg", "a/photo.v2"}, {"clip.wav.gz", "clip"}, {"shard.tar.xz", "shard"},
        {"a/.profile", "a/.profile"},     {"a.b/c", "a.b/c"},      {"x.", "x"},
    };
    (void)state;
    mm_arena a = {0};
    for (size_t i = 0; i < sizeof clean / sizeof *clean; i++)
        assert_true(mm_str_is(mm_path_clean(&a, mm_str_of(clean[i][0])), clean[i][1]));
    for (size_t i = 0; i < sizeof stem / sizeof *stem; i++)
        assert_true(mm_str_is(mm_path_stem(mm_str_of(stem[i][0])), stem[i][1]));
    assert_true(mm_str_is(mm_path_dir(MM_STR("a/b/c.jpg")), "b"));
    assert_true(mm_str_is(mm_path_base(MM_STR("a/b/c.jpg")), "c.jpg"));
    assert_true(mm_str_is(mm_path_below(MM_STR("a/b"), MM_STR("a")), "b"));
    assert_true(mm_str_is(mm_path_below(MM_STR("a/b"), MM_STR("")), "a/b"));
    assert_true(mm_str_is(mm_path_below(MM_STR("a"), MM_STR("a")), ""));
    assert_null(mm_path_below(MM_STR("ab/c"), MM_STR("a")).p);
    assert_null(mm_path_below(MM_STR("a"), MM_STR("a/b")).p);
    assert_true(mm_path_hidden(MM_STR("a/.b/c")));
    assert_false(mm_path_hidden(MM_STR("a/b.c")));
    mm_arena_free(&a);
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "text\n", 5), 5);
    close(fd);
}

/* All keys of operands behind one another; a failed one is marked. */
static char *keys(const char *const *operands, int n, mm_source_opts o, char *out)
{
    mm_source *s;
    mm_blob *b;
    mm_err e;
    mm_status st;
    *out = 0;
    assert_int_equal(mm_source_open(&s, operands, n, &o, &e), MM_OK);
    while ((st = mm_source_next(s, &b, &e)) == MM_OK) {
        sprintf(out + strlen(out), "%.*s%s ", MM_STRF(b->key), b->status == MM_OK ? "" : "!");
        mm_blob_free(b);
    }
    assert_int_equal(st, MM_EOF);
    mm_source_close(s);
    return out;
}

static void order(void **state)
{
    static const char *const files[] = {"n.txt", "n/z.txt", "n-1.txt", "n.d/a.txt", "n0.txt", "m/z.txt", ".h.txt"};
    static const char *const dirs[] = {"n", "n.d", "m"};
    char root[] = "/tmp/mm-source-XXXXXX", out[1024], path[256], two[2][300];
    const char *top = root;
    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        touch(path);
    }
    assert_string_equal(keys(&top, 1, (mm_source_opts){0}, out), "m/z n n/z n-1 n.d/a n0 ");
    assert_string_equal(keys(&top, 1, (mm_source_opts){.key_rule = MM_KEY_BASE}, out), "a n n-1 n0 z z ");
    assert_string_equal(keys(&top, 1, (mm_source_opts){.hidden = true, .key_rule = MM_KEY_BASE}, out),
                        ".h a n n-1 n0 z z ");
    snprintf(two[0], sizeof two[0], "%s/n/z.txt", root);
    snprintf(two[1], sizeof two[1], "%s/n0.txt", root);
    snprintf(path, sizeof path, "%s/n/z %s/n0 absent! ", root + 1, root + 1);
    assert_string_equal(keys((const char *[]){two[0], two[1], "/absent.txt"}, 3, (mm_source_opts){0}, out), path);
    assert_string_equal(keys((const char *[]){two[0], two[1], "/absent.txt"}, 3, (mm_source_opts){.root = root}, out),
                        "n/z n0 absent! ");
    for (size_t i = sizeof files / sizeof *files; i-- > 0;) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
        rmdir(path);
    }
    assert_int_equal(rmdir(root), 0);
}

/* What labels go by: the path as given, and what of it lies below the operand. */
static void given(void **state)
{
    char root[] = "/tmp/mm-source-XXXXXX", dir[64], file[80];
    const char *const operands[] = {dir, file};
    mm_source *s;
    mm_blob *b;
    mm_err e;
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(dir, sizeof dir, "%s/d", root);
    snprintf(file, sizeof file, "%s/a.txt", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    touch(file);
    assert_int_equal(mm_source_open(&s, operands, 2, &(mm_source_opts){0}, &e), MM_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mm_source_next(s, &b, &e), MM_OK);
        assert_true(mm_str_is(b->given, file + 1)); /* "/" in front goes */
        assert_true(mm_str_is(b->path, i == 0 ? "a.txt" : file + 1));
        mm_blob_free(b);
    }
    mm_source_close(s);
    unlink(file);
    rmdir(dir);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(order), cmocka_unit_test(given)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
