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
    bool marked; /* gathered holds a mark: it must not wait in a buffer once it is written */
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

/* note: of the record's slot. */
static void write_record(mm_ordered *o, void *note, mm_record rec)
{
    if (!note || o->jobs->pass(o->jobs->ctx, note, &rec))
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

/* Empties *b, which holds records of one slot. */
static void write_gathered(mm_ordered *o, void *note, mm_buf *b)
{
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    size_t at = 0, used;
    while (note && at < b->n && mm_record_parse(b->p + at, b->n - at, &used, &a, &rec, &e) == MM_OK) {
        write_record(o, note, rec);
        mm_arena_reset(&a);
        at += used;
    }
    mm_arena_free(&a);
    if (at < b->n) /* no note, or above the limits of a reader, such as a single large photo */
        write_packed(o, b->p + at, b->n - at);
    b->n = 0;
}

/* What t gathered may be on its way out. */
static bool has_turn(const mm_ordered *o, const mm_ordered_slot *t)
{
    return o->first == t && !o->draining;
}

static void wait_for_turn(mm_ordered *o, const mm_ordered_slot *t)
{
    pthread_mutex_lock(&o->lock);
    while (!has_turn(o, t))
        pthread_cond_wait(&o->turned, &o->lock);
    pthread_mutex_unlock(&o->lock);
}

static mm_status gather(mm_ordered_slot *t, const mm_record *rec, mm_err *e)
{
    char text[MM_HINTED];
    mm_record worded = *rec;
    mm_hint_record(&worded, text);
    t->marked |= rec->kind == MM_KIND_MARK;
    return mm_record_serialise(&worded, &t->gathered, e);
}

typedef enum { KEPT, FULL, FIRST } standing;

/* Keeps the record, unless the turn of its job has come. With `flush` what was gathered goes out as soon as that comes,
 * whatever the job does then, and so the lock is held. */
static standing keep(mm_ordered_slot *t, const mm_record *rec, mm_status *s, mm_err *e)
{
    mm_ordered *o = t->o;
    pthread_mutex_lock(&o->lock);
    while (o->first == t && o->draining)
        pthread_cond_wait(&o->turned, &o->lock);
    standing is = o->first == t ? FIRST : KEPT;
    if (!o->jobs->flush)
        pthread_mutex_unlock(&o->lock);
    if (is == KEPT)
        *s = gather(t, rec, e);
    if (is == KEPT && t->gathered.n >= OWN_BYTES)
        is = FULL;
    if (o->jobs->flush)
        pthread_mutex_unlock(&o->lock);
    return is;
}

mm_status mm_ordered_put(mm_ordered_slot *t, const mm_record *rec, mm_err *e)
{
    mm_status s = MM_OK;
    standing is = keep(t, rec, &s, e);
    if (is == KEPT || s != MM_OK)
        return s;
    if (is == FULL)
        wait_for_turn(t->o, t);
    if (t->gathered.n) /* with `flush` only if FULL, as another thread may ask for it meanwhile */
        write_gathered(t->o, t->note, &t->gathered);
    if (is == FIRST)
        write_record(t->o, t->note, *rec);
    if (t->o->jobs->flush || t->marked || rec->kind == MM_KIND_MARK)
        mm_out_flush(t->o->r);
    t->marked = false;
    return MM_OK;
}

void mm_ordered_attach(mm_ordered_slot *t, void *note)
{
    pthread_mutex_lock(&t->o->lock);
    free(t->note);
    t->note = note;
    pthread_mutex_unlock(&t->o->lock);
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

/* Whether the head of the queue has something to write that it does not write itself, or nothing more at all. */
static bool is_due(const mm_ordered *o)
{
    return o->first && (o->first->done || (o->jobs->flush && o->first->gathered.n));
}

/* Writes what the head of the queue has gathered, without the lock. */
static void write_first(mm_ordered *o)
{
    mm_ordered_slot *t = o->first;
    mm_buf b = t->gathered;
    void *note = t->note;
    size_t waited = t->done ? b.n : 0;
    t->gathered = (mm_buf){0};
    t->marked = false;
    pthread_mutex_unlock(&o->lock);
    write_gathered(o, note, &b);
    mm_buf_free(&b);
    pthread_mutex_lock(&o->lock);
    o->waiting -= waited;
}

/* Writes the finished jobs at the head of the queue, and with `flush` what the next one has gathered, one thread at a
 * time: a job that becomes first meanwhile writes its own records, or finds them written. */
static void drain(mm_ordered *o)
{
    bool unflushed = false;
    o->draining = true;
    while (unflushed || is_due(o)) {
        if (!is_due(o)) {
            pthread_mutex_unlock(&o->lock);
            mm_out_flush(o->r);
            pthread_mutex_lock(&o->lock);
            unflushed = false;
        } else if (o->first->gathered.n) {
            unflushed |= o->jobs->flush || o->first->marked;
            write_first(o);
        } else {
            leave(o);
        }
        pthread_cond_broadcast(&o->turned);
    }
    o->draining = false;
    pthread_cond_broadcast(&o->turned);
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
