/* filter.c: stream → stream. A thread reads ahead into a queue; the caller's thread takes batches from it, lets the
 * tool compute and writes everything in the order in which it came. With a device that computes by itself two batches
 * are on their way: the second begins before the first one's results are waited for. */
#include "base/clock.h"
#include "cli/state.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 32, FIRST_BATCH = 4 };
static const double SHORT = 0.5, LONG = 2; /* seconds that a batch should take whose results are kept for --resume */
static const int64_t DEFAULT_BYTES = (int64_t)64 << 20;

typedef struct item {
    struct item *next;
    mm_arena arena;
    mm_record rec;
    bool wanted;
    mm_record *kept; /* --update: what was made of it before; NULL: nothing */
    int n_kept;
    int64_t bytes;
} item;

typedef struct {
    item *head, **tail;
    int n, wanted, marks;
    int64_t bytes;
} item_list;

/* A batch on its way. */
typedef struct {
    item_list items;
    int slot, n;
    double began;
    mm_record **rec; /* [n] the wanted ones */
    mm_arena **arena;
} work;

struct mm_filter_state {
    const mm_filter *f;
    mm_run *r;
    int batch, now; /* wanted records of a batch: at most, and at most at this speed */
    int64_t batch_bytes;
    /* shared with the reading thread */
    pthread_mutex_t lock;
    pthread_cond_t grown, shrunk;
    item_list queue;
    item *spare;
    bool any;    /* a record was read that is no mark */
    bool wanted; /* … that the tool wants */
    bool last;   /* no tool reads the output */
    bool waits;  /* the reading thread waits for input: no more records come for now */
    bool ended;
    work *pending; /* begun, its step still to come; NULL: none */
    /* the batch that is written; this thread only */
    item *at;   /* the first item that is not written yet */
    int at_i;   /* how many wanted ones stand before it */
    bool begun; /* something was emitted for it */
    bool failed;
    int64_t kept; /* inputs whose records --update kept */
};

/* ---- lists -------------------------------------------------------------------------------------------------- */

static void list_init(item_list *l)
{
    *l = (item_list){.tail = &l->head};
}

static void list_add(item_list *l, item *x)
{
    x->next = NULL;
    *l->tail = x;
    l->tail = &x->next;
    l->n++;
    l->wanted += x->wanted;
    l->marks += x->rec.kind == MM_KIND_MARK;
    l->bytes += x->bytes;
}

static item *list_take(item_list *l)
{
    item *x = l->head;
    l->head = x->next;
    if (!l->head)
        l->tail = &l->head;
    l->n--;
    l->wanted -= x->wanted;
    l->marks -= x->rec.kind == MM_KIND_MARK;
    l->bytes -= x->bytes;
    return x;
}

/* ---- the reading thread ------------------------------------------------------------------------------------- */

static item *item_get(struct mm_filter_state *s)
{
    pthread_mutex_lock(&s->lock);
    item *x = s->spare;
    if (x)
        s->spare = x->next;
    pthread_mutex_unlock(&s->lock);
    if (!x)
        x = calloc(1, sizeof *x);
    if (!x)
        mm_die(s->r, "out of memory");
    return x;
}

static void item_put_back(struct mm_filter_state *s, item *x)
{
    if (x->bytes > MM_KEPT_ARENA)
        mm_arena_free(&x->arena);
    else
        mm_arena_reset(&x->arena);
    pthread_mutex_lock(&s->lock);
    x->next = s->spare;
    s->spare = x;
    pthread_mutex_unlock(&s->lock);
}

/* A whole batch waits: the reader rests, and the other side need not wait for more. */
static bool is_full(const struct mm_filter_state *s)
{
    return s->queue.wanted >= s->batch || s->queue.bytes >= s->batch_bytes || s->queue.n >= 64 * s->batch;
}

static void queue_add(struct mm_filter_state *s, item *x)
{
    pthread_mutex_lock(&s->lock);
    while (is_full(s))
        pthread_cond_wait(&s->shrunk, &s->lock);
    list_add(&s->queue, x);
    s->waits = false;
    pthread_cond_signal(&s->grown);
    pthread_mutex_unlock(&s->lock);
}

/* Called before the reading thread waits for input. */
static void note_wait(void *ctx)
{
    struct mm_filter_state *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->waits = true;
    pthread_cond_signal(&s->grown);
    pthread_mutex_unlock(&s->lock);
}

static void *read_ahead(void *arg)
{
    struct mm_filter_state *s = arg;
    item *x = item_get(s);
    while (mm_in_next(s->r, &x->arena, &x->rec) == MM_OK && !mm_record_reuse_gives_up(s->r)) {
        if (x->rec.kind == MM_KIND_ERROR && s->last)
            mm_run_worsen(s->r, 1); /* no other tool is left to tell of it */
        x->wanted = s->f->wants(s->f->ctx, &x->rec);
        s->wanted |= x->wanted;
        if (mm_resume_has(s->r, s->f, x->wanted, &x->rec))
            continue;
        x->n_kept = x->wanted ? mm_record_reuse_find(s->r, &x->rec, &x->arena, &x->kept) : 0;
        x->wanted &= !x->n_kept;
        x->bytes = (int64_t)x->rec.raw.n;
        s->any |= x->rec.kind != MM_KIND_MARK;
        queue_add(s, x);
        x = item_get(s);
    }
    if (!s->r->state->stopped && !mm_record_reuse_gives_up(s->r))
        mm_resume_end(s->r);
    x->bytes = 0;
    item_put_back(s, x);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->grown);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- writing in order --------------------------------------------------------------------------------------- */

/* The current item is done with. */
static void advance(struct mm_filter_state *s)
{
    item *x = s->at;
    s->at = x->next;
    s->at_i += x->wanted;
    s->begun = false;
}

/* The records that an earlier run made of it. */
static void write_kept(struct mm_filter_state *s, const item *x)
{
    if (s->f->keep)
        mm_out_put(s->r, &x->rec);
    for (int k = 0; k < x->n_kept; k++)
        mm_out_put(s->r, &x->kept[k]);
    s->r->done++;
    s->kept++;
}

/* Writes what stands before the i-th wanted record of the batch. A step that emitted nothing for a record has lost
 * it; the stream must not. */
static void write_up_to(struct mm_filter_state *s, int i)
{
    while (s->at && (!s->at->wanted || s->at_i < i)) {
        if (s->at->n_kept)
            write_kept(s, s->at);
        else if (!s->at->wanted)
            mm_out_put(s->r, &s->at->rec);
        else if (!s->begun && !s->r->state->stopped)
            mm_filter_fail(s->r, s->at_i, s->r->tool->name, "no-result",
                           &(mm_err){.status = MM_SKIP, .text = "nothing was computed for this record"});
        advance(s);
    }
}

static void begin_record(struct mm_filter_state *s, int i)
{
    write_up_to(s, i);
    if (!s->at || s->begun)
        return;
    s->begun = true;
    s->failed = false;
    if (s->f->keep)
        mm_out_put(s->r, &s->at->rec);
}

void mm_filter_emit(mm_run *r, int i, const mm_record *rec)
{
    struct mm_filter_state *s = r->state->filter;
    if (r->state->stopped)
        return;
    bool first = !s->begun || i != s->at_i;
    begin_record(s, i);
    mm_out_put(r, rec);
    r->done += first;
}

void mm_filter_fail(mm_run *r, int i, const char *stage, const char *code, const mm_err *why)
{
    struct mm_filter_state *s = r->state->filter;
    mm_err e = {0};
    char what[256];
    if (r->state->stopped)
        return;
    begin_record(s, i);
    item *x = s->at;
    mm_str name = x->rec.src.p ? x->rec.src : x->rec.key;
    snprintf(what, sizeof what, "%.*s", MM_STRF(name));
    mm_record rec = x->rec;
    if (mm_record_to_error(&rec, &x->arena, stage, code, why, &e) != MM_OK)
        mm_die_of(r, &e);
    mm_out_put(r, &rec);
    mm_item_failed(r, what, why);
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

static bool is_ready(const struct mm_filter_state *s)
{
    bool passes = s->queue.head && !s->queue.head->wanted;      /* need not wait for anything */
    bool asked = s->queue.marks || (s->f->flush && s->queue.n); /* the answer must not wait for more input */
    return s->ended || is_full(s) || s->queue.wanted >= s->now || passes || (asked && s->waits);
}

/* Whole items up to the limits, and what passes after them; what passes alone when it comes first. */
static void take_batch(struct mm_filter_state *s, item_list *batch)
{
    bool passing = s->queue.head && !s->queue.head->wanted;
    for (const item *x; (x = s->queue.head) && batch->bytes < s->batch_bytes;) {
        if (x->wanted && (passing || batch->wanted == s->now))
            break;
        list_add(batch, list_take(&s->queue));
    }
}

/* --strict met a failure: the reading thread may be waiting for input, so the program ends here. */
static void stop(mm_run *r)
{
    mm_record_reuse_stopped(r);
    mm_out_close(r);
    exit(r->status);
}

static void end_pending(struct mm_filter_state *s);

static void begin_work(struct mm_filter_state *s, work *w)
{
    mm_err e = {0};
    w->n = 0;
    w->began = mm_seconds();
    w->rec = malloc(((size_t)w->items.wanted + 1) * sizeof *w->rec);
    w->arena = malloc(((size_t)w->items.wanted + 1) * sizeof *w->arena);
    if (!w->rec || !w->arena)
        mm_die(s->r, "out of memory");
    for (item *x = w->items.head; x; x = x->next)
        if (x->wanted) {
            w->rec[w->n] = &x->rec;
            w->arena[w->n++] = &x->arena;
        }
    if (w->n && s->f->begin && s->f->begin(s->f->ctx, w->slot, w->rec, w->arena, w->n, &e) != MM_OK) {
        end_pending(s); /* the results of the batch before it are not lost */
        mm_die_of(s->r, &e);
    }
}

/* What is computed is kept batch by batch, so where that is kept at all a batch should take a second or so, however
 * slow the model is here. Results do not depend on it. */
static void fit_batch(struct mm_filter_state *s, const work *w)
{
    double took = mm_seconds() - w->began;
    if (!s->r->state->out.resumable)
        return;
    if (took > LONG)
        s->now = w->n > 1 ? (w->n + 1) / 2 : 1;
    else if (took < SHORT && w->n == s->now)
        s->now = s->now > s->batch / 2 ? s->batch : s->now * 2;
}

/* Its results, and everything of the batch written. */
static void end_work(struct mm_filter_state *s, work *w)
{
    mm_err e = {0};
    s->at = w->items.head;
    s->at_i = 0;
    s->begun = false;
    if (w->n && s->f->step(s->f->ctx, w->slot, s->r, w->rec, w->arena, w->n, &e) != MM_OK)
        mm_die_of(s->r, &e);
    if (!s->r->state->stopped)
        write_up_to(s, w->n);
    bool file = w->n && s->r->state->out.regular; /* whatever kills the program loses two batches at most */
    if (file || s->f->flush || w->items.marks)
        mm_out_flush(s->r);
    if (w->n)
        fit_batch(s, w);
    while (w->items.head)
        item_put_back(s, list_take(&w->items));
    free(w->rec);
    free(w->arena);
    mm_progress(s->r, s->r->done, 0);
    if (s->r->state->stopped)
        stop(s->r);
}

static void end_pending(struct mm_filter_state *s)
{
    work *w = s->pending;
    s->pending = NULL;
    if (w)
        end_work(s, w);
}

/* False at the end of the input. Nothing that is done waits for more input. */
static bool next_batch(struct mm_filter_state *s, item_list *batch)
{
    list_init(batch);
    pthread_mutex_lock(&s->lock);
    if (!is_ready(s)) {
        pthread_mutex_unlock(&s->lock);
        end_pending(s);
        mm_out_flush(s->r); /* before waiting: the reader of our output may wait for it */
        pthread_mutex_lock(&s->lock);
    }
    while (!is_ready(s))
        pthread_cond_wait(&s->grown, &s->lock);
    take_batch(s, batch);
    pthread_cond_signal(&s->shrunk);
    pthread_mutex_unlock(&s->lock);
    return batch->n > 0;
}

/* Two batches are in flight: one begins before the previous one ends. */
static void run_batches(struct mm_filter_state *s)
{
    work w[2] = {{.slot = 0}, {.slot = 1}};
    for (int slot = 0; next_batch(s, &w[slot].items); slot = !slot) {
        begin_work(s, &w[slot]);
        end_pending(s);
        s->pending = &w[slot];
        if (!s->f->overlap)
            end_pending(s);
    }
    end_pending(s);
}

static void free_items(struct mm_filter_state *s)
{
    for (item *x = s->spare, *next; x; x = next) {
        next = x->next;
        mm_arena_free(&x->arena);
        free(x);
    }
}

/* Everything went through and nothing was computed: most likely not what was meant. */
static void say_if_none(const struct mm_filter_state *s)
{
    mm_run *r = s->r;
    if (s->f->takes && s->any && !r->done && !r->failed)
        mm_warn(r, "the input holds no %s record: everything was passed on as it is", s->f->takes);
}

void mm_filter_run(mm_run *r, const mm_filter *f)
{
    struct mm_filter_state s = {.f = f, .r = r, .batch = f->batch > 0 ? f->batch : DEFAULT_BATCH};
    s.batch_bytes = f->batch_bytes > 0 ? f->batch_bytes : DEFAULT_BYTES;
    pthread_t reader;
    mm_in_check(r);
    mm_out_open(r);
    s.last = !mm_out_is_passed_on(r);
    mm_resume_open(r);
    mm_record_reuse_open(r, f);
    s.now = r->state->out.resumable && s.batch > FIRST_BATCH ? FIRST_BATCH : s.batch;
    list_init(&s.queue);
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.grown, NULL);
    pthread_cond_init(&s.shrunk, NULL);
    r->state->filter = &s;
    mm_in_on_wait(r, note_wait, &s);
    if (pthread_create(&reader, NULL, read_ahead, &s) != 0)
        mm_die(r, "cannot start a thread");
    run_batches(&s);
    pthread_join(reader, NULL);
    if (r->state->stopped)
        stop(r);
    mm_record_reuse_settle(r, f, s.wanted);
    mm_in_require(r);
    if (r->update)
        mm_warn(r, "%s: %lld kept, %lld computed", r->output, (long long)s.kept, (long long)(r->done - s.kept));
    mm_record_reuse_close(r);
    free_items(&s);
    say_if_none(&s);
    r->state->filter = NULL;
    mm_out_close(r);
}
