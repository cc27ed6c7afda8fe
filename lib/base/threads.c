#include "base/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How a loop runs. The caller fills in the job, opens the gate (OPEN in `gate`), raises `round` and works. A worker
 * that notices enters through the gate (gate + 1), takes indices from `next` until there are none, and leaves
 * (gate - 1). When the caller finds no index left it shuts the gate and waits for those inside, but never for a
 * worker that has not come: on a busy machine a sleeping or descheduled worker costs nothing. The job's fields
 * change only while the gate is shut and nobody is inside. */
enum { OPEN = 1 << 30 };

typedef struct {
    mm_threads *pool;
    int worker;
    pthread_t thread;
} seat;

struct mm_threads {
    /* the job */
    void (*body)(void *ctx, int i, int worker);
    void *ctx;
    int n;
    /* one cache line each: `next` is hammered during a loop, `round` is polled between loops */
    _Alignas(64) atomic_int next;
    _Alignas(64) atomic_uint gate; /* OPEN and the number of workers inside */
    atomic_bool caller_sleeps;
    _Alignas(64) atomic_uint round; /* workers sleep on it */
    atomic_int sleepers;
    atomic_bool quit;
    int threads; /* with the caller's */
    int started;
    seat *seats; /* [threads - 1] */
};

/* About 50 µs: longer than the gaps between the operations of a forward pass, shorter than a scheduler's slice. */
enum { SPINS = 1500 };

/* What a thread does while it polls: tells the core that this is a wait. */
static void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` is a no-op on most cores; isb waits some tens of cycles */
#endif
}

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void work(mm_threads *p, int worker)
{
    for (;;) {
        int i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->n)
            return;
        p->body(p->ctx, i, worker);
    }
}

/* True when the gate was open and this worker is now inside. */
static bool enter(mm_threads *p)
{
    unsigned g = atomic_load_explicit(&p->gate, memory_order_relaxed);
    while (g & OPEN)
        if (atomic_compare_exchange_weak_explicit(&p->gate, &g, g + 1, memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

static void leave(mm_threads *p)
{
    /* sequentially consistent on both sides: either the caller sees the gate empty or we see that it sleeps */
    if (atomic_fetch_sub(&p->gate, 1) == 1 && atomic_load(&p->caller_sleeps))
        futex_wake(&p->gate, 1);
}

/* Waits until `round` is no longer `seen`. */
static unsigned next_round(mm_threads *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned r = atomic_load_explicit(&p->round, memory_order_acquire);
        if (r != seen)
            return r;
        spin_pause();
    }
    atomic_fetch_add(&p->sleepers, 1); /* before the kernel compares round with seen: no wake-up can be lost */
    while (atomic_load(&p->round) == seen)
        futex_wait(&p->round, seen);
    atomic_fetch_sub(&p->sleepers, 1);
    return atomic_load(&p->round);
}

static void *worker_main(void *arg)
{
    const seat *s = arg;
    mm_threads *p = s->pool;
    unsigned seen = 0;
    for (;;) {
        seen = next_round(p, seen);
        if (atomic_load(&p->quit))
            return NULL;
        if (enter(p)) {
            /* round is raised after the gate opens: what is read inside is at most one behind, which costs one
             * look at an exhausted `next`, never a missed job */
            work(p, s->worker);
            leave(p);
        }
    }
}

static void wait_inside(mm_threads *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->gate, memory_order_acquire) == 0)
            return;
        spin_pause();
    }
    atomic_store(&p->caller_sleeps, true);
    for (unsigned g; (g = atomic_load(&p->gate)) != 0;)
        futex_wait(&p->gate, g);
    atomic_store(&p->caller_sleeps, false);
}

static void raise_round(mm_threads *p, int wanted)
{
    atomic_fetch_add(&p->round, 1);
    if (atomic_load(&p->sleepers) > 0)
        futex_wake(&p->round, wanted);
}

void mm_threads_run(mm_threads *p, int n, void (*body)(void *ctx, int i, int worker), void *ctx)
{
    if (p->threads == 1 || n <= 1) {
        for (int i = 0; i < n; i++)
            body(ctx, i, 0);
        return;
    }
    p->body = body;
    p->ctx = ctx;
    p->n = n;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->gate, OPEN, memory_order_release);
    raise_round(p, n - 1);
    work(p, 0);
    atomic_fetch_and(&p->gate, ~(unsigned)OPEN);
    wait_inside(p);
}

mm_status mm_threads_new(mm_threads **out, int threads, mm_err *e)
{
    *out = NULL;
    if (threads < 1 || threads > 4096)
        return mm_fail(e, MM_FATAL, "%d threads: from 1 to 4096 are possible", threads);
    mm_threads *p = aligned_alloc(64, sizeof *p);
    if (!p)
        return mm_fail_memory(e);
    *p = (mm_threads){.threads = threads, .seats = calloc((size_t)threads, sizeof *p->seats)};
    if (!p->seats) {
        free(p);
        return mm_fail_memory(e);
    }
    for (; p->started < threads - 1; p->started++) {
        seat *s = &p->seats[p->started];
        *s = (seat){.pool = p, .worker = p->started + 1};
        if (pthread_create(&s->thread, NULL, worker_main, s) != 0) {
            mm_fail(e, MM_FATAL, "cannot start thread %d of %d: try fewer", p->started + 2, threads);
            mm_threads_free(p);
            return MM_FATAL;
        }
    }
    *out = p;
    return MM_OK;
}

void mm_threads_free(mm_threads *p)
{
    if (!p)
        return;
    atomic_store(&p->quit, true);
    raise_round(p, INT_MAX);
    for (int i = 0; i < p->started; i++)
        pthread_join(p->seats[i].thread, NULL);
    free(p->seats);
    free(p);
}

int mm_threads_count(const mm_threads *p)
{
    return p->threads;
}
