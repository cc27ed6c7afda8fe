/* A live blob: the bytes of a pipe, once, from front to back, with those that told its format in front. */
#include "source/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A live blob of "head" and what is written to *to. */
static mm_blob *live(int *to, int64_t max_bytes)
{
    int fd[2];
    mm_err e;
    mm_blob *b = mm_blob_new();
    assert_int_equal(pipe(fd), 0);
    b->fd = fd[0];
    *to = fd[1];
    assert_int_equal(mm_blob_go_live(b, "head", 4, max_bytes, &e), MM_OK);
    return b;
}

static void as_it_comes(void **state)
{
    (void)state;
    int to;
    char x[16];
    mm_blob *b = live(&to, 100);
    assert_int_equal(mm_blob_more(b, x, 3), 3);
    assert_memory_equal(x, "hea", 3);
    assert_int_equal(mm_blob_read(b, 0, x, sizeof x), 4); /* what told the format can be read again */
    assert_memory_equal(x, "head", 4);
    assert_int_equal(mm_blob_more(b, x, sizeof x), 1);
    assert_int_equal(write(to, "more", 4), 4);
    assert_int_equal(mm_blob_more(b, x, sizeof x), 4); /* does not wait for all 16 */
    assert_memory_equal(x, "more", 4);
    close(to);
    assert_int_equal(mm_blob_more(b, x, sizeof x), 0);
    mm_blob_free(b);
}

static void swallowed(void **state)
{
    (void)state;
    int to;
    char x[16];
    mm_err e;
    mm_blob *large = live(&to, 4);
    assert_int_equal(write(to, "!", 1), 1);
    close(to);
    assert_int_equal(mm_blob_swallow_live(large, &e), MM_OK);
    assert_int_equal(large->status, MM_SKIP); /* five bytes, and four are allowed */
    mm_blob_free(large);
    mm_blob *b = live(&to, 100);
    assert_int_equal(mm_blob_more(b, x, 2), 2);
    assert_int_equal(write(to, "!", 1), 1);
    close(to);
    assert_int_equal(mm_blob_swallow_live(b, &e), MM_OK);
    assert_true(!b->live && b->status == MM_OK && b->size == 3);
    assert_memory_equal(b->bytes, "ad!", 3);
    mm_blob_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_it_comes), cmocka_unit_test(swallowed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
