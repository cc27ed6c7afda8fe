/* cmocka.h: as much of cmocka's interface as the tests of the backend use, for processors that we have a compiler and
 * an emulator for but no cmocka. A failed assertion ends its test, not the program; so does skip(). */
#ifndef CROSS_CMOCKA_H
#define CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

static jmp_buf cross_failed;
enum { CROSS_FAILED = 1, CROSS_SKIPPED };

static inline _Noreturn void cross_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%s:%d: ", file, line);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    longjmp(cross_failed, CROSS_FAILED);
}

#define skip() longjmp(cross_failed, CROSS_SKIPPED)
#define fail_msg(...) cross_fail(__FILE__, __LINE__, __VA_ARGS__)
#define print_message(...) printf(__VA_ARGS__)
#define assert_true(c) ((c) ? (void)0 : fail_msg("%s", #c))
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_null(p) assert_true((p) == NULL)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_int_not_equal(a, b) assert_true((a) != (b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_in_range(x, lo, hi) assert_true((x) >= (lo) && (x) <= (hi))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)

#define cmocka_unit_test(f)                                                                                            \
    {                                                                                                                  \
#f, f                                                                                                          \
    }
#define cmocka_run_group_tests(tests, setup, teardown) cross_run(tests, sizeof(tests) / sizeof *(tests))

static inline int cross_run(const struct CMUnitTest *tests, size_t n)
{
    volatile int failed = 0;
    for (volatile size_t i = 0; i < n; i++) {
        void *state = NULL;
        switch (setjmp(cross_failed)) {
        case 0:
            tests[i].run(&state);
            printf("[       OK ] %s\n", tests[i].name);
            break;
        case CROSS_SKIPPED: printf("[  SKIPPED ] %s\n", tests[i].name); break;
        default: printf("[  FAILED  ] %s\n", tests[i].name); failed++;
        }
        fflush(stdout);
    }
    return failed;
}

#endif
