/* stream_util.h: what the tests of lib/stream share. */
#ifndef TESTS_STREAM_UTIL_H
#define TESTS_STREAM_UTIL_H

#include "base/buf.h"
#include "stream/parse.h"
#include "stream/reader.h"
#include "stream/serialise.h"
#include "stream/writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* The bytes of a file of tests/goldens/stream. */
static inline mm_buf golden(const char *name)
{
    char path[256];
    mm_buf b = {0};
    snprintf(path, sizeof path, "tests/goldens/stream/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(mm_buf_reserve(&b, 1 << 16, NULL), MM_OK);
    b.n = fread(b.p, 1, b.cap, f);
    fclose(f);
    assert_true(b.n > 0 && b.n < b.cap);
    return b;
}

/* A descriptor that reads these bytes. */
static inline int bytes_fd(const void *p, size_t n)
{
    int fd = memfd_create("stream", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Reads every record: how many were good, and how it ended. */
static inline mm_status drain(int fd, int *good, int *skipped, mm_err *e)
{
    mm_reader *r;
    mm_arena a = {0};
    mm_record rec;
    mm_status s;
    assert_int_equal(mm_reader_new(&r, fd, "in.mm", e), MM_OK);
    *good = *skipped = 0;
    while ((s = mm_reader_next(r, &a, &rec, e)) == MM_OK || s == MM_SKIP) {
        *(s == MM_OK ? good : skipped) += 1;
        mm_arena_reset(&a);
    }
    if (s == MM_FATAL) { /* stays there */
        mm_err again;
        assert_int_equal(mm_reader_next(r, &a, &rec, &again), MM_FATAL);
        assert_string_equal(again.text, e->text);
    }
    mm_arena_free(&a);
    mm_reader_free(r);
    close(fd);
    return s;
}

#endif
