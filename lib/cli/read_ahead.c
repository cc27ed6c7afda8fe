#include "cli/read_ahead.h"

#include "base/clock.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUED = 64, QUEUED_BYTES = 1 << 20, ITEM_BYTES = 16 << 10 /* of a small record */ };
static const double LONGEST = 1e6;   /* seconds of one wait, which ends earlier then */
static const double PATIENCE = 0.02; /* seconds that a stream is waited for before the others are read further */
static const double STALL = 10;      /* … and before it is said that they cannot be */

typedef struct item {
    struct item *next;
    mm_arena arena;
    mm_record rec;
    double came;
    size_t bytes; /* that it takes */
} item;

typedef struct {
    mm_read_ahead *all;
    int index;
    const char *path; /* NULL: what mm_in_next reads */
    int fd;           /* −1: not open yet */
    bool file, some, broken, ended;
    bool waits; /* for input: nothing more can be read at once */
    pthread_t thread;
    item *head, **tail, *spare, *taken;
    int n, spares;
    size_t bytes;
} queue;

struct mm_read_ahead {
    mm_run *r;
    int n;
    size_t memory, bytes; /* of all queues */
    pthread_mutex_t lock;
    pthread_cond_t grown, shrunk;
    uint64_t ready; /* bit s: queue s holds something, or has ended */
    bool starved;   /* a stream is waited for: the others may grow */
    bool said_full; /* … and were full */
    queue q[];
};

/* ---- one stream, on its thread ---- */

static void open_queue(queue *q)
{
    mm_run *r = q->all->r;
    bool standard = strcmp(q->path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(q->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        mm_die(r, "%s: %s", q->path, strerror(errno));
    pthread_mutex_lock(&q->all->lock);
    q->fd = fd;
    pthread_mutex_unlock(&q->all->lock);
}

/* The next record of one of several streams; MM_EOF after its last. */
static mm_status next_of(queue *q, mm_reader *in, item *x)
{
    mm_run *r = q->all->r;
    mm_err e, why;
    if (!q->path)
        return mm_in_next(r, &x->arena, &x->rec);
    mm_status s = q->broken ? MM_EOF : mm_reader_next(in, &x->arena, &x->rec, &why);
    if (s == MM_EOF)
        return s;
    q->some = true;
    if (s != MM_OK && !mm_item_failed(r, NULL, &why))
        mm_die(r, "stopped at the first failure (--strict)");
    if (s == MM_FATAL) { /* an error record tells the tools after this one; one that is skipped has become one itself */
        q->broken = true;
        x->rec = mm_record_new(MM_KIND_ERROR);
        x->rec.key = x->rec.src = mm_str_of(q->path);
        mm_must(r, mm_record_to_error(&x->rec, &x->arena, "read", "stream", &why, &e), &e);
    }
    return MM_OK;
}

/* Called on its thread before it waits for input. */
static void note_wait(void *ctx)
{
    queue *q = ctx;
    pthread_mutex_lock(&q->all->lock);
    q->waits = true;
    pthread_cond_signal(&q->all->grown);
    pthread_mutex_unlock(&q->all->lock);
}

/* With the lock held. */
static item *spare_item(queue *q)
{
    item *x = q->spare;
    if (x) {
        q->spare = x->next;
        q->spares--;
    }
    return x;
}

static bool may_grow(const queue *q)
{
    const mm_read_ahead *all = q->all;
    bool further = all->starved && !q->file && all->bytes < all->memory;
    return (q->n < QUEUED && q->bytes < QUEUED_BYTES) || further;
}

/* Puts x into the queue (NULL: the stream has ended) once there is room, and returns the item for the next record. */
static item *queue_put(queue *q, item *x)
{
    mm_read_ahead *all = q->all;
    pthread_mutex_lock(&all->lock);
    while (x && !may_grow(q))
        pthread_cond_wait(&all->shrunk, &all->lock);
    if (x) {
        x->next = NULL;
        x->bytes = ITEM_BYTES + x->rec.raw.n;
        *q->tail = x;
        q->tail = &x->next;
        q->n++;
        q->bytes += x->bytes;
        all->bytes += x->bytes;
    } else {
        q->ended = true;
    }
    q->waits = false;
    all->ready |= (uint64_t)1 << q->index;
    /* A smaller queue is announced by note_wait, so that no record wakes the consumer by itself. */
    if (!x || q->n >= QUEUED / 2 || q->bytes >= QUEUED_BYTES / 2)
        pthread_cond_signal(&all->grown);
    item *next = x ? spare_item(q) : NULL;
    pthread_mutex_unlock(&all->lock);
    return next;
}

static void *read_stream(void *arg)
{
    queue *q = arg;
    mm_run *r = q->all->r;
    mm_reader *in = NULL;
    mm_err e;
    item *x = NULL;
    if (q->path && q->fd < 0) {
        note_wait(q); /* for a writer */
        open_queue(q);
    }
    if (q->path) {
        mm_must(r, mm_reader_new(&in, q->fd, strcmp(q->path, "-") == 0 ? "standard input" : q->path, &e), &e);
        mm_reader_on_wait(in, note_wait, q);
    }
    for (;;) {
        if (!x)
            x = calloc(1, sizeof *x);
        if (!x)
            mm_die(r, "out of memory");
        if (next_of(q, in, x) != MM_OK)
            break;
        x->came = mm_seconds();
        x = queue_put(q, x);
    }
    mm_arena_free(&x->arena);
    free(x);
    mm_reader_free(in);
    queue_put(q, NULL);
    return NULL;
}

/* ---- all of them ---- */

int mm_read_ahead_streams(const mm_run *r)
{
    return r->n_operands > 1 ? r->n_operands : 1;
}

/* A FIFO is opened by its thread: that waits for the writer, which may wait for another FIFO to be opened. */
static void set_up_queue(mm_read_ahead *x, int s)
{
    queue *q = &x->q[s];
    struct stat st;
    *q = (queue){.all = x, .index = s, .fd = -1, .tail = &q->head};
    if (x->n > 1) {
        q->path = x->r->operands[s];
        if (stat(q->path, &st) != 0 || !S_ISFIFO(st.st_mode))
            open_queue(q);
        q->file = q->fd >= 0 && fstat(q->fd, &st) == 0 && S_ISREG(st.st_mode);
    } else {
        const char *path = x->r->n_operands ? x->r->operands[0] : "-";
        q->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : -1; /* else mm_in_next opens it */
        q->file = (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st)) == 0 && S_ISREG(st.st_mode);
    }
}

mm_read_ahead *mm_read_ahead_open(mm_run *r, size_t memory)
{
    pthread_condattr_t monotonic;
    int n = mm_read_ahead_streams(r);
    mm_read_ahead *x = calloc(1, sizeof *x + (size_t)n * sizeof x->q[0]);
    if (!x)
        mm_die(r, "out of memory");
    mm_in_check(r);
    x->r = r;
    x->n = n;
    x->memory = memory;
    pthread_mutex_init(&x->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&x->grown, &monotonic);
    pthread_cond_init(&x->shrunk, NULL);
    pthread_condattr_destroy(&monotonic);
    for (int s = 0; s < n; s++)
        set_up_queue(x, s);
    if (n == 1)
        mm_in_on_wait(r, note_wait, &x->q[0]);
    for (int s = 0; s < n; s++)
        if (pthread_create(&x->q[s].thread, NULL, read_stream, &x->q[s]) != 0)
            mm_die(r, "cannot start a thread");
    return x;
}

static void free_items(item *x)
{
    for (item *next; x; x = next) {
        next = x->next;
        mm_arena_free(&x->arena);
        free(x);
    }
}

void mm_read_ahead_close(mm_read_ahead *x)
{
    for (int s = 0; s < x->n; s++) {
        queue *q = &x->q[s];
        pthread_join(q->thread, NULL);
        x->r->state->in.some |= q->some;
        free_items(q->spare);
        if (q->taken)
            q->taken->next = NULL;
        free_items(q->taken);
        if (q->fd > STDIN_FILENO)
            close(q->fd);
    }
    pthread_cond_destroy(&x->grown);
    pthread_cond_destroy(&x->shrunk);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

static struct timespec at_time(double seconds)
{
    double whole = floor(seconds);
    return (struct timespec){(time_t)whole, (long)((seconds - whole) * 1e9)};
}

/* Waits for the lock's condition until then; false at that time. */
static bool wait_until(mm_read_ahead *x, double until)
{
    struct timespec t;
    if (!(until < INFINITY))
        return pthread_cond_wait(&x->grown, &x->lock) == 0;
    t = at_time(fmin(until, mm_seconds() + LONGEST));
    return pthread_cond_timedwait(&x->grown, &x->lock, &t) != ETIMEDOUT;
}

static void set_starved(mm_read_ahead *x, bool starved)
{
    x->starved = starved;
    if (starved)
        pthread_cond_broadcast(&x->shrunk);
}

/* With the lock held: nothing can be read of it. What has just come finds its thread still waiting. */
static bool is_dry(const queue *q)
{
    struct pollfd p = {.fd = q->fd, .events = POLLIN};
    return q->waits && (q->fd < 0 || poll(&p, 1, 0) == 0);
}

/* With the lock held. */
static void settle(mm_read_ahead *x, int s)
{
    while (!(x->ready >> s & 1) && !is_dry(&x->q[s]))
        pthread_cond_wait(&x->grown, &x->lock);
}

bool mm_read_ahead_settle(mm_read_ahead *x, int s)
{
    pthread_mutex_lock(&x->lock);
    settle(x, s);
    bool ready = x->ready >> s & 1;
    pthread_mutex_unlock(&x->lock);
    return ready;
}

uint64_t mm_read_ahead_settle_all(mm_read_ahead *x)
{
    pthread_mutex_lock(&x->lock);
    for (int s = 0; s < x->n; s++)
        settle(x, s);
    uint64_t ready = x->ready;
    pthread_mutex_unlock(&x->lock);
    return ready;
}

/* With the lock held: a pipe is not read on, while another stream is waited for. A writer of both waits for ever; but
 * the stream may only be slow, and nobody can tell. */
static void say_full(mm_read_ahead *x)
{
    bool full = false;
    for (int s = 0; s < x->n; s++)
        full |= !x->q[s].file && !may_grow(&x->q[s]);
    if (!full || x->said_full)
        return;
    x->said_full = true;
    mm_say_hint(&x->r->log, MM_LOG_WARN, MM_HINT_MEMORY,
                "nothing has come on one stream for %g seconds, and what waits for it on the others takes all the "
                "memory that is allowed: they are not read on",
                STALL);
}

void mm_read_ahead_wait(mm_read_ahead *x, uint64_t wanted, double until)
{
    pthread_mutex_lock(&x->lock);
    double patient = x->n > 1 && !(x->ready & wanted) ? mm_seconds() + PATIENCE : INFINITY;
    while (!(x->ready & wanted)) {
        if (wait_until(x, fmin(patient, until)))
            continue;
        if (until <= patient)
            break;
        x->starved ? say_full(x) : set_starved(x, true);
        patient = x->said_full ? INFINITY : mm_seconds() + STALL;
    }
    set_starved(x, false);
    pthread_mutex_unlock(&x->lock);
}

/* What was taken before is read into again, with the lock held, or returned, where there are enough to read into. */
static item *give_back(queue *q)
{
    item *x = q->taken;
    q->taken = NULL;
    if (!x || q->spares == QUEUED)
        return x;
    x->next = q->spare;
    q->spare = x;
    q->spares++;
    return NULL;
}

mm_status mm_read_ahead_take(mm_read_ahead *x, int s, mm_record *rec, double *came)
{
    queue *q = &x->q[s];
    if (q->taken && q->taken->rec.raw.n > MM_KEPT_ARENA)
        mm_arena_free(&q->taken->arena);
    else if (q->taken)
        mm_arena_reset(&q->taken->arena);
    pthread_mutex_lock(&x->lock);
    item *excess = give_back(q);
    item *it = q->head;
    bool was_full = q->n > QUEUED / 2 || q->bytes > QUEUED_BYTES / 2;
    if (it) {
        q->head = it->next;
        if (!q->head)
            q->tail = &q->head;
        q->n--;
        q->bytes -= it->bytes;
        x->bytes -= it->bytes;
        q->taken = it;
        *rec = it->rec;
        *came = it->came;
    }
    if (was_full && q->n <= QUEUED / 2 && q->bytes <= QUEUED_BYTES / 2)
        pthread_cond_broadcast(&x->shrunk);
    if (!q->head && !q->ended)
        x->ready &= ~((uint64_t)1 << s);
    pthread_mutex_unlock(&x->lock);
    if (excess)
        mm_arena_free(&excess->arena);
    free(excess);
    return it ? MM_OK : MM_EOF;
}

double mm_read_ahead_came(mm_read_ahead *x, int s)
{
    pthread_mutex_lock(&x->lock);
    double came = x->q[s].head ? x->q[s].head->came : INFINITY;
    pthread_mutex_unlock(&x->lock);
    return came;
}
