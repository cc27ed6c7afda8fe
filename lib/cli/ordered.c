#include "cli/ordered.h"

#include "cli/state.h"
#include "stream/parse.h"
#include "stream/serialise.h"

#include <stdlib.h>

enum { OWN_BYTES = 8 << 20 }; /* a job that has gathered this much waits for its turn */
static const size_t SHARED_BYTES = (size_t)64
                                   << 20; /* finished jobs that wait to be written; above it workers wait too */

struct mm_ordered_slot {
    mm_ordered *o;
    mm_buf gathered;
    void *note; /* NULL: the records need no check */
    bool done;
    mm_ordered_slot *next;
};

struct mm_ordered {
    mm_run *r;
    const mm_ordered_jobs *jobs;
    pthread_mutex_t pick; /* held while the next job is asked for */
    pthread_mutex_t lock; /* all below */
    pthread_cond_t turned;
    mm_ordered_slot *first, *last; /* jobs in progress or waiting; `first` may write */
    size_t waiting;                /* bytes of finished jobs */
    bool draining;                 /* a thread writes finished jobs */
    bool over;                     /* no more jobs */
};

typedef struct {
    mm_ordered *o;
    int number;
} worker;

/* ---- writing ---- */

static void write_record(mm_ordered_slot *t, mm_record rec)
{
    mm_ordered *o = t->o;
    if (!t->note || o->jobs->pass(o->jobs->ctx, t->note, &rec))
        mm_out_put(o->r, &rec);
}

/* Writes packed records as the raw bytes of one. */
static void write_packed(mm_ordered *o, const uint8_t *p, size_t n)
{
    mm_record rec = mm_record_new(MM_KIND_OTHER);
    rec.raw = (mm_str){(const char *)p, n};
    if (n)
        mm_out_put(o->r, &rec);
}

static void write_gathered(mm_ordered_slot *t)
{
    mm_buf *b = &t->gathered;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    size_t at = 0, used;
    while (t->note && at < b->n && mm_record_parse(b->p + at, b->n - at, &used, &a, &rec, &e) == MM_OK) {
        write_record(t, rec);
        mm_arena_reset(&a);
        at += used;
    }
    mm_arena_free(&a);
    if (at < b->n) /* no note, or above the limits of a reader, such as a single large photo */
        write_packed(t->o, b->p + at, b->n - at);
    b->n = 0;
}

static bool is_first(mm_ordered *o, const mm_ordered_slot *t)
{
    pthread_mutex_lock(&o->lock);
    bool first = o->first == t;
    pthread_mutex_unlock(&o->lock);
    return first;
}

static void wait_for_turn(mm_ordered *o, const mm_ordered_slot *t)
{
    pthread_mutex_lock(&o->lock);
    while (o->first != t)
        pthread_cond_wait(&o->turned, &o->lock);
    pthread_mutex_unlock(&o->lock);
}

mm_status mm_ordered_put(mm_ordered_slot *t, const mm_record *rec, mm_err *e)
{
    mm_ordered *o = t->o;
    if (!is_first(o, t)) {
        char text[MM_HINTED];
        mm_record worded = *rec;
        mm_hint_record(&worded, text);
        mm_status s = mm_record_serialise(&worded, &t->gathered, e);
        if (s != MM_OK || t->gathered.n < OWN_BYTES)
            return s;
        wait_for_turn(o, t);
        write_gathered(t);
        return MM_OK;
    }
    write_gathered(t);
    write_record(t, *rec);
    return MM_OK;
}

void mm_ordered_attach(mm_ordered_slot *t, void *note)
{
    free(t->note);
    t->note = note;
}

/* ---- the order ---- */

static mm_ordered_slot *take_place(mm_ordered *o)
{
    mm_ordered_slot *t = calloc(1, sizeof *t);
    if (!t)
        mm_die(o->r, "out of memory");
    pthread_mutex_lock(&o->lock);
    t->o = o;
    *(o->last ? &o->last->next : &o->first) = t;
    o->last = t;
    pthread_mutex_unlock(&o->lock);
    return t;
}

static void leave(mm_ordered *o)
{
    mm_ordered_slot *t = o->first;
    o->first = t->next;
    if (!o->first)
        o->last = NULL;
    mm_buf_free(&t->gathered);
    free(t->note);
    free(t);
}

/* Writes the finished jobs at the head of the queue, one thread at a time: a job that becomes first meanwhile writes
 * its own records, or finds them written. */
static void drain(mm_ordered *o)
{
    o->draining = true;
    while (o->first && o->first->done) {
        mm_ordered_slot *now = o->first;
        size_t n = now->gathered.n;
        pthread_mutex_unlock(&o->lock);
        write_gathered(now);
        pthread_mutex_lock(&o->lock);
        o->waiting -= n;
        leave(o);
        pthread_cond_broadcast(&o->turned);
    }
    o->draining = false;
}

/* t is done, and the thread that drains may free it from here on. Workers that are ahead of the output wait here. */
static void finish(mm_ordered *o, mm_ordered_slot *t)
{
    pthread_mutex_lock(&o->lock);
    t->done = true;
    o->waiting += t->gathered.n;
    if (!o->draining)
        drain(o);
    while (o->waiting > SHARED_BYTES)
        pthread_cond_wait(&o->turned, &o->lock);
    pthread_mutex_unlock(&o->lock);
}

/* ---- workers ---- */

static void *pick(mm_ordered *o, mm_ordered_slot **t)
{
    void *job = NULL;
    pthread_mutex_lock(&o->pick);
    if (!o->over && !o->r->state->stopped)
        job = o->jobs->next(o->jobs->ctx);
    if (job)
        *t = take_place(o);
    else
        o->over = true;
    pthread_mutex_unlock(&o->pick);
    return job;
}

static void *work(void *arg)
{
    worker *w = arg;
    mm_ordered *o = w->o;
    mm_ordered_slot *t;
    for (void *job; (job = pick(o, &t));) {
        o->jobs->work(o->jobs->ctx, job, t, w->number);
        finish(o, t);
    }
    return NULL;
}

void mm_ordered_run(mm_run *r, const mm_ordered_jobs *jobs)
{
    mm_ordered o = {.r = r, .jobs = jobs};
    int n = r->threads, started = 0;
    worker *w = calloc((size_t)n, sizeof *w);
    pthread_t *thread = calloc((size_t)n, sizeof *thread);
    if (!w || !thread)
        mm_die(r, "out of memory");
    pthread_mutex_init(&o.pick, NULL);
    pthread_mutex_init(&o.lock, NULL);
    pthread_cond_init(&o.turned, NULL);
    for (int i = 0; i < n; i++)
        w[i] = (worker){&o, i};
    for (int i = 1; i < n; i++) /* fewer threads than asked for will do */
        if (pthread_create(&thread[started], NULL, work, &w[i]) == 0)
            started++;
    work(&w[0]);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_cond_destroy(&o.turned);
    pthread_mutex_destroy(&o.lock);
    pthread_mutex_destroy(&o.pick);
    free(thread);
    free(w);
}
