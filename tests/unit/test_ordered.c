/* Jobs side by side, records in the order of the jobs: what comes out is compared with the jobs one after the other,
 * under the load that once let two threads write the same records: jobs that finish early wait, more than 64 MiB of
 * them, behind one that is slow. */
#include "cli/ordered.h"
#include "stream_util.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { JOBS = 96, SMALL = 100, LARGE = 7 << 20, SLOW_EVERY = 24, PIECES = 2 };

static const mm_tool tool = {
    .name = "ordered", .summary = "s", .operands = "", .takes = MM_TAKES_OUTPUT | MM_TAKES_THREADS};
static uint8_t bytes[LARGE + JOBS * 64]; /* a job's records are slices of these */

/* Small jobs of two records are slow, large ones give one record at once, and some give more than a job may gather. */
static int pieces_of(int job)
{
    return job % SLOW_EVERY == 0 || job % 13 == 5 ? PIECES : 1;
}

static size_t size_of(int job)
{
    return job % SLOW_EVERY == 0 ? SMALL : LARGE;
}

static const uint8_t *piece_of(int job, int k)
{
    return bytes + job * 64 + k;
}

typedef struct {
    int threads;
    atomic_int given, made; /* jobs handed out; jobs whose records are all put */
} load;

static void *next(void *ctx)
{
    load *l = ctx;
    int n = l->given;
    if (n == JOBS)
        return NULL;
    int *job = malloc(sizeof *job);
    assert_non_null(job);
    *job = n;
    l->given = n + 1;
    return job;
}

/* The job behind the slow one comes to its end when more than 64 MiB of finished jobs wait, and so it waits with them;
 * the slow one ends after that. */
static void be_late(const load *l, int job)
{
    int after = job % SLOW_EVERY == 0 ? job + 11 : job % SLOW_EVERY == 1 ? job - 1 + 10 : 0;
    while (l->threads > 1 && l->made < after)
        sched_yield();
    if (job % SLOW_EVERY == 0)
        usleep(5000); /* likely long enough for the other to lie down; nothing depends on it */
}

static void work(void *ctx, void *given, mm_ordered_slot *t, int worker)
{
    load *l = ctx;
    int job = *(int *)given;
    mm_err e;
    free(given);
    (void)worker;
    for (int k = 0; k < pieces_of(job); k++) {
        mm_record rec = mm_record_new(MM_KIND_OTHER);
        rec.raw = (mm_str){(const char *)piece_of(job, k), size_of(job)};
        assert_int_equal(mm_ordered_put(t, &rec, &e), MM_OK);
    }
    be_late(l, job);
    l->made++;
}

/* ---- the other end of the pipe ---- */

static bool read_all(int fd, uint8_t *p, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = read(fd, p + got, n - got);
        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

/* NULL when all came in order and nothing behind it. */
static void *compare(void *name)
{
    int fd = open(name, O_RDONLY);
    uint8_t *p = malloc(LARGE);
    static char wrong[64];
    assert_true(fd >= 0 && p);
    *wrong = 0;
    for (int job = 0; job < JOBS && !*wrong; job++)
        for (int k = 0; k < pieces_of(job) && !*wrong; k++)
            if (!read_all(fd, p, size_of(job)) || memcmp(p, piece_of(job, k), size_of(job)) != 0)
                snprintf(wrong, sizeof wrong, "record %d of job %d is not what was put", k, job);
    if (!*wrong && read(fd, p, 1) != 0)
        snprintf(wrong, sizeof wrong, "more came than was put");
    while (read(fd, p, LARGE) > 0)
        ;
    free(p);
    close(fd);
    return *wrong ? wrong : NULL;
}

static void run_jobs(int threads)
{
    char number[16], dir[] = "/tmp/test_ordered.XXXXXX", name[64],
                     *argv[] = {"ordered", "-q", "-j", number, "-o", name};
    load l = {.threads = threads};
    pthread_t reader;
    void *wrong = NULL;
    mm_run r;
    snprintf(number, sizeof number, "%d", threads);
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof name, "%s/out", dir);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(pthread_create(&reader, NULL, compare, name), 0);
    mm_run_begin(&r, &tool, 6, argv);
    mm_out_open(&r);
    mm_ordered_run(&r, &(mm_ordered_jobs){.next = next, .work = work, .ctx = &l});
    assert_int_equal(mm_run_end(&r), 0);
    assert_int_equal(pthread_join(reader, &wrong), 0);
    unlink(name);
    rmdir(dir);
    if (wrong)
        fail_msg("%s", (char *)wrong);
}

static void test_one_thread(void **state)
{
    (void)state;
    run_jobs(1);
}

static void test_many_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        run_jobs(16);
    run_jobs(12);
}

/* ---- live ---- */

/* Three jobs of one byte each. The second puts its byte while the first still works, and then works on until that byte
 * has been read; the third does not come before; the fourth question, whether there are more, is not answered before
 * its byte has been read. */
typedef struct {
    int given;
    atomic_int gathered, seen; /* the second has put its byte; bytes at the other end of the pipe */
    atomic_bool late;
} live;

static void wait_until(live *l, atomic_int *n, int most)
{
    for (int i = 0; *n < most && !l->late; i++) {
        usleep(1000);
        l->late |= i > 20000;
    }
}

static void *next_live(void *ctx)
{
    live *l = ctx;
    if (l->given >= 2)
        wait_until(l, &l->seen, l->given);
    return l->given < 3 ? (void *)(bytes + l->given++) : NULL;
}

static void work_live(void *ctx, void *given, mm_ordered_slot *t, int worker)
{
    live *l = ctx;
    long job = (const uint8_t *)given - bytes;
    mm_record rec = mm_record_new(MM_KIND_OTHER);
    mm_err e;
    (void)worker;
    rec.raw = (mm_str){given, 1};
    if (job == 0)
        wait_until(l, &l->gathered, 1);
    assert_int_equal(mm_ordered_put(t, &rec, &e), MM_OK);
    if (job == 1) {
        l->gathered = 1;
        wait_until(l, &l->seen, 2);
    }
}

typedef struct {
    const char *name;
    live *l;
} other_end;

static void *count(void *arg)
{
    other_end *x = arg;
    uint8_t p;
    int fd = open(x->name, O_RDONLY);
    while (read(fd, &p, 1) == 1 && p == bytes[x->l->seen])
        x->l->seen++;
    close(fd);
    return NULL;
}

static void test_live(void **state)
{
    char dir[] = "/tmp/test_ordered.XXXXXX", name[64], *argv[] = {"ordered", "-q", "-j", "2", "-o", name};
    live l = {0};
    other_end x = {name, &l};
    pthread_t reader;
    mm_run r;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof name, "%s/out", dir);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(pthread_create(&reader, NULL, count, &x), 0);
    mm_run_begin(&r, &tool, 6, argv);
    mm_out_open(&r);
    mm_ordered_run(&r, &(mm_ordered_jobs){.next = next_live, .work = work_live, .ctx = &l, .flush = true});
    assert_int_equal(mm_run_end(&r), 0);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_false(l.late);
    assert_int_equal(l.seen, 3);
    unlink(name);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_thread), cmocka_unit_test(test_many_threads),
                                       cmocka_unit_test(test_live)};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 7 ^ i);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
