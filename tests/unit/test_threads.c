/* The thread pool under stress, and the count of processors. */
#include "base/cpu.h"
#include "base/threads.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    atomic_int hits[300];
    atomic_int bad_worker;
    int threads;
    long plain[300]; /* written without atomics: the pool has to order it */
} marks;

static void mark(void *ctx, int i, int worker)
{
    marks *m = ctx;
    atomic_fetch_add(&m->hits[i], 1);
    m->plain[i] += i + 1;
    if (worker < 0 || worker >= m->threads)
        atomic_store(&m->bad_worker, 1);
}

/* Thousands of loops of every length: each index exactly once, everything visible afterwards. */
static void loops(int threads, int rounds, bool pause)
{
    mm_threads *p;
    assert_int_equal(mm_threads_new(&p, threads, NULL), MM_OK);
    assert_int_equal(mm_threads_count(p), threads);
    marks *m = calloc(1, sizeof *m);
    m->threads = threads;
    int expected[300] = {0};
    for (int r = 0; r < rounds; r++) {
        int n = r * 7 % 300;
        mm_threads_run(p, n, mark, m);
        for (int i = 0; i < n; i++) {
            expected[i]++;
            assert_int_equal(atomic_load(&m->hits[i]), expected[i]);
            assert_int_equal(m->plain[i], (long)expected[i] * (i + 1));
        }
        if (pause && r % 50 == 0)
            usleep(300); /* long enough for the workers to fall asleep */
    }
    assert_int_equal(atomic_load(&m->bad_worker), 0);
    free(m);
    mm_threads_free(p);
}

static void test_every_index_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++)
        loops(threads, 2000, false);
}

static void test_sleeping_workers_wake(void **state)
{
    (void)state;
    loops(2, 3000, true);
    loops(4, 1000, true);
}

static void test_many_more_threads_than_cores(void **state)
{
    (void)state;
    loops(40, 200, true);
}

static void test_free_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        mm_threads *p;
        assert_int_equal(mm_threads_new(&p, 1 + i % 6, NULL), MM_OK);
        mm_threads_free(p);
    }
    mm_threads_free(NULL);
}

/* Several pools at once, each with its caller's thread in another pool's loop. */
static void nested(void *ctx, int i, int worker)
{
    (void)i;
    (void)worker;
    loops(2, 100, true);
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void test_pools_side_by_side(void **state)
{
    (void)state;
    mm_threads *p;
    assert_int_equal(mm_threads_new(&p, 3, NULL), MM_OK);
    atomic_int done = 0;
    mm_threads_run(p, 6, nested, &done);
    assert_int_equal(atomic_load(&done), 6);
    mm_threads_free(p);
}

static void test_bad_thread_counts(void **state)
{
    (void)state;
    mm_err e;
    mm_threads *p;
    assert_int_equal(mm_threads_new(&p, 0, &e), MM_FATAL);
    assert_null(p);
    assert_int_equal(mm_threads_new(&p, 1 << 20, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "threads"));
}

static void test_affinity_counts(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(mm_cpu_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_in_range(mm_cpu_count(), 1, CPU_COUNT(&all));
}

/* ---- control groups, on a made-up tree ---- */

static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *s = full + strlen(root) + 1; (s = strchr(s, '/')); s++) {
        *s = '\0';
        mkdir(full, 0700);
        *s = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int cpus_in(const char *root, const char *groups)
{
    char file[512];
    put(root, "groups", groups);
    snprintf(file, sizeof file, "%s/groups", root);
    return mm_cgroup_cpus(file, root);
}

static void test_control_groups(void **state)
{
    (void)state;
    char root[] = "/tmp/mm-cgroup-XXXXXX";
    assert_non_null(mkdtemp(root));
    put(root, "a/b/cpu.max", "max 100000\n");
    put(root, "a/cpu.max", "250000 100000\n");
    put(root, "a/tight/cpu.max", "50000 100000\n");
    assert_int_equal(cpus_in(root, "0::/a/b\n"), 3); /* the parent's 2.5, rounded up */
    assert_int_equal(cpus_in(root, "0::/a/tight\n"), 1);
    assert_int_equal(cpus_in(root, "0::/elsewhere\n"), 0);
    assert_int_equal(cpus_in(root, "0::/elsewhere/not/here\n"), 0);
    put(root, "cpu.max", "400000 100000\n");
    assert_int_equal(cpus_in(root, "0::/elsewhere/not/here\n"), 4); /* a container: only the root is visible */
    assert_int_equal(cpus_in(root, "0::/\n"), 4);
    put(root, "cpu.max", "max 100000\n");

    put(root, "cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n");
    put(root, "cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    put(root, "cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put(root, "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_in(root, "7:memory:/x\n4:cpu,cpuacct:/x\n"), 2);
    assert_int_equal(cpus_in(root, "7:cpuset:/x\n4:cpu,cpuacct:/\n"), 0);
    assert_int_equal(cpus_in(root, "no colons at all\n\n"), 0);
    assert_int_equal(mm_cgroup_cpus("/no/such/file", root), 0);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

static void test_limits(void **state)
{
    (void)state;
    uint32_t f = MM_CPU_AVX2 | MM_CPU_AVX512 | MM_CPU_AVX512_VNNI, all = f;
    mm_err e;
    assert_int_equal(mm_cpu_limit(&f, NULL, &e), MM_OK);
    assert_int_equal(f, all);
    assert_int_equal(mm_cpu_limit(&f, "avx2", &e), MM_OK);
    assert_int_equal(f, MM_CPU_AVX2);
    assert_int_equal(mm_cpu_limit(&f, "portable", &e), MM_OK);
    assert_int_equal(f, 0);
    f = all;
    assert_int_equal(mm_cpu_limit(&f, "avx512,-vnni", &e), MM_OK);
    assert_int_equal(f, MM_CPU_AVX2 | MM_CPU_AVX512);
    assert_int_equal(mm_cpu_limit(&f, "avx512,vnni", &e), MM_FATAL);
    assert_int_equal(mm_cpu_limit(&f, "avx3", &e), MM_FATAL);
    assert_non_null(strstr(e.text, "avx3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_sleeping_workers_wake),
        cmocka_unit_test(test_many_more_threads_than_cores),
        cmocka_unit_test(test_free_at_once),
        cmocka_unit_test(test_pools_side_by_side),
        cmocka_unit_test(test_bad_thread_counts),
        cmocka_unit_test(test_affinity_counts),
        cmocka_unit_test(test_control_groups),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
