#include "fuse/live_windows.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/id_map.h"
#include "fuse/label_conflict.h"
#include "fuse/streams.h"
#include "stream/object.h"
#include "stream/parse.h"

#include <math.h>
#include <stdlib.h>

enum {
    MOST_WINDOWS = 1 << 20, /* of a record, or of a pause */
    REMEMBERED = 1 << 20,   /* keys that were given up */
    KEY_BYTES = 16 << 10    /* that the state of a key takes, with its arena */
};
static const double MOST_INDEX = 1e15; /* of a window */

/* A modality as one stream brings it. */
typedef struct {
    int stream, modality;
    double start, end; /* of the record that began last */
    double overlap;    /* most that a record ran into the next: ≤ 0 */
    bool twice;        /* so that is known */
    double last;       /* where all its records end */
    double left;       /* when its stream left the key; INFINITY: it has not, or when is not known yet */
} source;

/* A record that windows to come may overlap. */
typedef struct held {
    struct held *next;
    mm_arena arena;
    mm_record rec;
    const float *x;  /* [rows, width] */
    double from, to; /* of its rows */
} held;

typedef struct {
    held *first, **end;
} held_list;

/* The most advanced source had reached this point at this time. */
typedef struct {
    double came, reached;
} advance;

/* The windows of one key. */
typedef struct call {
    struct call *next;
    mm_arena arena; /* of all that follows */
    mm_str key, src, text;
    int src_stream, label_stream;
    mm_sourced_label label;
    uint64_t closed; /* bit s: stream s is past this key */
    double left;     /* when the last of them left it; INFINITY: is not known yet */
    bool unstamped;  /* a stream has left it since the last tick, which says when */
    bool given_up;   /* complete without the streams that are silent */
    source *source;
    int64_t sources, sources_cap;
    mm_modality_rows seen[MM_MAX_MODALITIES]; /* names, spaces, widths of its modalities */
    int n_seen;
    mm_str mixed; /* a second source within a modality, not handed out yet */
    bool was_mixed;
    held_list *held; /* [streams] */
    int64_t timeless, records;
    double until;  /* windows that end by then are closed */
    double end;    /* of all records with a time */
    int64_t first; /* the first window that is not closed */
    advance *step; /* where the machine's clock matters: the latest ones */
    int64_t steps, steps_cap;
    bool failed; /* gives no more windows */
} call;

struct mm_live {
    mm_live_opts o;
    call *first, **last;
    call *open[MM_MAX_STREAMS];
    mm_streams streams; /* at: the latest start of a record */
    uint64_t asleep;
    mm_id_map gone; /* hashes of the keys that were given up since the last mark */
    size_t bytes;   /* of records and of keys */
    mm_arena keep, scratch;
    mm_live_tally tally;
};

mm_status mm_live_new(mm_live **out, const mm_live_opts *o, mm_err *e)
{
    mm_live *l = *out = calloc(1, sizeof *l);
    if (!l)
        return mm_fail_memory(e);
    l->o = *o;
    l->streams.n = o->streams;
    l->last = &l->first;
    return MM_OK;
}

/* ---- what is held ---- */

static void held_free(mm_live *l, held *h)
{
    l->bytes -= h->rec.raw.n;
    mm_arena_free(&h->arena);
    free(h);
}

/* Frees what ends by `time`; windows from then on do not see it. */
static void release(mm_live *l, call *c, double time)
{
    for (int s = 0; s < l->o.streams; s++) {
        held **at = &c->held[s].first;
        while (*at) {
            held *h = *at;
            if (h->rec.has_time && h->to <= time + MM_WINDOW_ROUNDING) {
                *at = h->next;
                held_free(l, h);
            } else {
                at = &h->next;
            }
        }
        c->held[s].end = at;
    }
}

static void release_all(mm_live *l, call *c)
{
    for (int s = 0; s < l->o.streams; s++) {
        for (held *h = c->held[s].first, *next; h; h = next) {
            next = h->next;
            held_free(l, h);
        }
        c->held[s] = (held_list){.end = &c->held[s].first};
    }
    c->timeless = 0;
}

static void call_free(mm_live *l, call *c)
{
    release_all(l, c);
    l->bytes -= KEY_BYTES;
    for (int s = 0; s < l->o.streams; s++)
        if (l->open[s] == c)
            l->open[s] = NULL;
    mm_arena_free(&c->arena);
    free(c->source);
    free(c->step);
    free(c);
}

void mm_live_free(mm_live *l)
{
    if (!l)
        return;
    for (call *c = l->first, *next; c; c = next) {
        next = c->next;
        call_free(l, c);
    }
    mm_id_map_free(&l->gone);
    mm_arena_free(&l->keep);
    mm_arena_free(&l->scratch);
    free(l);
}

/* ---- keys ---- */

static bool is_complete(const mm_live *l, const call *c)
{
    return c->closed == mm_streams_all(&l->streams);
}

/* 0 is no id. */
static uint64_t id_of(mm_str key)
{
    uint64_t id = mm_hash(key);
    return id ? id : 1;
}

/* Of a run without marks no more than the latest million: all are forgotten then. */
static bool remember_gone(mm_live *l, mm_str key)
{
    if (l->gone.n == REMEMBERED)
        mm_id_map_free(&l->gone);
    return mm_id_map_put(&l->gone, id_of(key), 0);
}

/* A key that was given up: its records are late, and it lasts while stream s is at it. */
static void begin_again(const mm_live *l, call *c, int s)
{
    c->given_up = c->failed = true;
    c->closed = mm_streams_all(&l->streams) & ~((uint64_t)1 << s);
}

static call *begin(mm_live *l, mm_str key, int s)
{
    call *c = calloc(1, sizeof *c);
    char *own = c ? mm_arena_strdup(&c->arena, key) : NULL;
    c ? c->held = mm_arena_zalloc(&c->arena, (size_t)l->o.streams, sizeof *c->held) : NULL;
    if (!own || !c->held) {
        c ? mm_arena_free(&c->arena) : (void)0;
        free(c);
        return NULL;
    }
    for (int i = 0; i < l->o.streams; i++)
        c->held[i].end = &c->held[i].first;
    c->key = (mm_str){own, key.n};
    c->closed = mm_streams_resting(&l->streams);
    c->src_stream = c->label_stream = MM_MAX_STREAMS;
    c->until = -INFINITY;
    c->left = INFINITY;
    *l->last = c;
    l->last = &c->next;
    l->bytes += KEY_BYTES;
    if (mm_id_map_get(&l->gone, id_of(c->key)) >= 0)
        begin_again(l, c, s);
    else
        l->tally.keys++;
    return c;
}

/* Streams that are past the key left it at this time, as far as that is not known. */
static void stamp(call *c, double now)
{
    c->left = now;
    c->unstamped = false;
    for (int64_t i = 0; i < c->sources; i++)
        if (c->closed >> c->source[i].stream & 1)
            c->source[i].left = fmin(c->source[i].left, now);
}

/* The key of this record, which stream s is at from now on. */
static call *call_of(mm_live *l, int s, mm_str key, double came)
{
    call *c = l->open[s];
    if (c && mm_str_eq(c->key, key))
        return c;
    if (c) {
        c->closed |= (uint64_t)1 << s;
        stamp(c, came);
    }
    for (c = l->first; c && !mm_str_eq(c->key, key);)
        c = c->next;
    if (!c)
        c = begin(l, key, s);
    l->open[s] = c;
    l->streams.keys[s]++;
    l->streams.at[s] = -INFINITY;
    return c;
}

static void close_all_for(mm_live *l, int s)
{
    const uint64_t bit = (uint64_t)1 << s;
    l->open[s] = NULL;
    for (call *c = l->first; c; c = c->next) {
        c->unstamped |= !(c->closed & bit);
        c->closed |= bit;
    }
}

void mm_live_end(mm_live *l, int s)
{
    l->streams.ended |= (uint64_t)1 << s;
    close_all_for(l, s);
}

void mm_live_mark(mm_live *l, int s)
{
    l->streams.marked |= (uint64_t)1 << s;
    close_all_for(l, s);
}

bool mm_live_at_mark(const mm_live *l)
{
    return mm_streams_at_mark(&l->streams);
}

void mm_live_pass_mark(mm_live *l)
{
    mm_streams_pass_mark(&l->streams);
    mm_id_map_free(&l->gone);
}

void mm_live_sleep(mm_live *l, uint64_t asleep)
{
    l->asleep = asleep;
}

int mm_live_next_stream(const mm_live *l, uint64_t asleep)
{
    return mm_streams_furthest_behind(&l->streams, asleep);
}

/* ---- how far it is ---- */

static double reached(const source *x)
{
    return x->end + x->overlap;
}

static double passed(const source *x)
{
    return x->twice ? reached(x) : x->start;
}

static bool has_modality(const call *c, mm_str name)
{
    for (int m = 0; m < c->n_seen; m++)
        if (mm_str_eq(c->seen[m].of, name))
            return true;
    return false;
}

/* What every source of these streams has passed. */
static double passed_by(const mm_live *l, const call *c, uint64_t streams)
{
    double least = INFINITY;
    uint64_t open = streams & mm_streams_all(&l->streams) & ~c->closed,
             silent = open; /* they may still bring something; and have not */
    for (int m = 0; silent && m < l->o.n_expected; m++)
        if (!has_modality(c, l->o.expected[m]))
            return -INFINITY;
    for (int64_t i = 0; i < c->sources; i++) {
        uint64_t bit = (uint64_t)1 << c->source[i].stream;
        if (open & bit)
            least = fmin(least, passed(&c->source[i]));
        silent &= ~bit;
    }
    return silent ? -INFINITY : least;
}

static double reached_by_one(const call *c)
{
    double most = -INFINITY;
    for (int64_t i = 0; i < c->sources; i++)
        most = fmax(most, reached(&c->source[i]));
    return most;
}

/* The last window that ends by this time; −1: none does. */
static int64_t last_ending(const mm_live *l, double time)
{
    double k = (time - l->o.grid.window) / l->o.grid.hop + MM_WINDOW_ROUNDING;
    return k >= 0 ? (int64_t)fmin(floor(k), MOST_INDEX) : -1;
}

/* Remembers when the most advanced source reached the end of one more window. */
static bool note_advance(const mm_live *l, call *c, double came)
{
    double now = reached_by_one(c);
    double before = c->steps ? c->step[c->steps - 1].reached : c->until;
    int64_t past = 0;
    if (last_ending(l, now) <= last_ending(l, before))
        return true;
    while (past < c->steps && c->step[past].reached <= c->until)
        past++;
    if (past) {
        c->steps -= past;
        memmove(c->step, c->step + past, (size_t)c->steps * sizeof *c->step);
    }
    if (!mm_grow(&c->step, &c->steps_cap, c->steps))
        return false;
    c->step[c->steps++] = (advance){came, now};
    return true;
}

static void settle(const mm_live *l, call *c)
{
    uint64_t awake = l->bytes > l->o.limit / 2 ? 0 : ~l->asleep;
    double overdue = fmin(reached_by_one(c) - l->o.lateness, passed_by(l, c, awake));
    c->until = fmax(c->until, fmax(passed_by(l, c, UINT64_MAX), overdue));
}

/* Where the last window ends that a source which has left the key is in. */
static double left_reached(const mm_live *l, const source *x)
{
    return (mm_window_count(l->o.grid, x->last) - 1) * l->o.grid.hop + l->o.grid.window;
}

/* Whether what the key lacks could come only from streams that are silent, and that are not at this key. */
static bool is_left(const mm_live *l, const call *c, uint64_t readable)
{
    bool open = false;
    for (int s = 0; s < l->o.streams; s++)
        open |= l->open[s] == c;
    return !open && !is_complete(l, c) && !(mm_streams_all(&l->streams) & readable & ~c->closed);
}

void mm_live_tick(mm_live *l, double now, uint64_t readable)
{
    const double patience = l->bytes > l->o.limit / 2 ? 0 : l->o.lateness;
    for (call *c = l->first; c; c = c->next) {
        double most = passed_by(l, c, readable);
        if (c->unstamped)
            stamp(c, now);
        for (int64_t i = 0; i < c->steps && c->step[i].came + l->o.lateness <= now; i++)
            c->until = fmax(c->until, fmin(c->step[i].reached, most));
        for (int64_t i = 0; i < c->sources; i++)
            if (c->source[i].left + l->o.lateness <= now)
                c->until = fmax(c->until, fmin(left_reached(l, &c->source[i]), most));
        if (c->left + patience <= now && is_left(l, c, readable)) {
            c->given_up = true;
            c->closed = mm_streams_all(&l->streams);
        }
    }
}

double mm_live_deadline(const mm_live *l, uint64_t readable)
{
    double next = INFINITY;
    for (const call *c = l->first; c; c = c->next) {
        double most = passed_by(l, c, readable);
        if (c->unstamped)
            return 0; /* the tick says when that was */
        for (int64_t i = 0; i < c->steps; i++)
            if (last_ending(l, fmin(c->step[i].reached, most)) > last_ending(l, c->until))
                next = fmin(next, c->step[i].came + l->o.lateness);
        for (int64_t i = 0; i < c->sources; i++)
            if (last_ending(l, fmin(left_reached(l, &c->source[i]), most)) > last_ending(l, c->until))
                next = fmin(next, c->source[i].left + l->o.lateness);
        if (is_left(l, c, readable))
            next = fmin(next, c->left + l->o.lateness);
    }
    return next;
}

/* ---- records ---- */

/* *to becomes the arena's copy of s. */
static mm_status copy(mm_str *to, mm_str s, mm_arena *a, mm_err *e)
{
    *to = (mm_str){s.p ? mm_arena_strdup(a, s) : NULL, s.n};
    return s.p && !to->p ? mm_fail_memory(e) : MM_OK;
}

/* What a modality is called and where it comes from, without its rows. */
static mm_status copy_names(mm_modality_rows *to, const mm_modality_rows *from, mm_arena *a, mm_err *e)
{
    *to = (mm_modality_rows){.width = from->width};
    mm_status s = copy(&to->of, from->of, a, e);
    if (s == MM_OK)
        s = copy(&to->space, from->space, a, e);
    return s == MM_OK ? copy(&to->src, from->src, a, e) : s;
}

/* Source and label of the key are those of its first record that has them, of the first stream. */
static mm_status identify(mm_live *l, call *c, int s, const mm_record *rec, mm_err *e)
{
    const mm_sourced_label label = {rec->src, rec->label};
    const msgpack_object *text = c->records ? NULL : mm_map_get(&rec->meta, "text");
    mm_status status = MM_OK;
    if (rec->src.p && s < c->src_stream) {
        status = copy(&c->src, rec->src, &c->arena, e);
        c->src_stream = s;
    }
    if (status == MM_OK && text)
        status = copy(&c->text, mm_object_as_str(text), &c->arena, e);
    c->records++;
    if (status != MM_OK || label.label.type == MSGPACK_OBJECT_NIL)
        return status;
    if (c->label.label.type != MSGPACK_OBJECT_NIL) {
        status = mm_label_conflict_check(c->key, &c->label, &label, &l->scratch, e);
        mm_arena_reset(&l->scratch);
    }
    if (status != MM_OK || s >= c->label_stream)
        return status;
    c->label_stream = s;
    status = copy(&c->label.src, rec->src, &c->arena, e);
    return status == MM_OK ? mm_object_copy(&c->label.label, &rec->label, MM_COPY_BYTES, &c->arena, e) : status;
}

/* The number of the record's modality among those of the key, in *m. */
static mm_status modality_of(call *c, const mm_record *rec, int *m, mm_err *e)
{
    mm_features known = {.key = c->key, .n = c->n_seen};
    mm_modality_rows *p;
    memcpy(known.of, c->seen, sizeof known.of);
    mm_status s = mm_features_modality(&known, rec, &p, e);
    if (s != MM_OK)
        return s;
    *m = (int)(p - known.of);
    if (*m == c->n_seen) {
        s = copy_names(&c->seen[*m], p, &c->arena, e);
        c->n_seen += s == MM_OK;
    }
    if (s == MM_OK && known.mixed.p && !c->was_mixed) {
        c->was_mixed = true;
        s = copy(&c->mixed, known.mixed, &c->arena, e);
    }
    return s;
}

/* Its source has come as far as this record. */
static bool advance_source(call *c, int s, int m, const mm_record *rec)
{
    double start = rec->time[0], end = mm_window_record_end(rec);
    source *x = c->source;
    while (x < c->source + c->sources && (x->stream != s || x->modality != m))
        x++;
    if (!c->sources || x == c->source + c->sources) {
        if (!mm_grow(&c->source, &c->sources_cap, c->sources))
            return false;
        c->source[c->sources++] =
            (source){.stream = s, .modality = m, .start = start, .end = end, .last = end, .left = INFINITY};
        return true;
    }
    x->last = fmax(x->last, end);
    x->left = INFINITY;
    if (start < x->start)
        return true; /* out of order: it says nothing of what comes */
    x->overlap = fmin(x->overlap, start - x->end);
    x->twice = true;
    x->start = start;
    x->end = end;
    return true;
}

/* Where its rows end: those of a sequence may go on for longer than the record says. */
static double rows_end(const mm_record *r)
{
    int64_t rows, width;
    mm_feature_size(r, &rows, &width);
    double step = rows > 1 && r->has_grid ? r->grid.step : 0;
    return fmax(mm_window_record_end(r), r->time[0] + (double)rows * step);
}

/* The first window from `first` on that [from, to) overlaps; −1: none does. */
static int64_t first_window(const mm_live *l, double from, double to, int64_t first)
{
    const mm_window_grid g = l->o.grid;
    double k = fmax((double)first, floor((from - g.window) / g.hop + MM_WINDOW_ROUNDING) + 1);
    return k * g.hop < to - MM_WINDOW_ROUNDING ? (int64_t)k : -1;
}

/* Whether a window that is closed would have held some of it. */
static bool is_late(const mm_live *l, const call *c, double from, double to)
{
    int64_t k = first_window(l, from, to, 0);
    return k >= 0 && k < c->first;
}

static mm_status hold(mm_live *l, call *c, int s, const mm_record *rec, mm_err *e)
{
    size_t used;
    held *h = calloc(1, sizeof *h);
    void *bytes = h ? mm_arena_alloc(&h->arena, rec->raw.n) : NULL;
    mm_status status = bytes ? MM_OK : mm_fail_memory(e);
    if (bytes) {
        memcpy(bytes, rec->raw.p, rec->raw.n);
        status = mm_record_parse(bytes, rec->raw.n, &used, &h->arena, &h->rec, e);
        h->x = status == MM_OK ? mm_tensor_f32(&h->arena, &h->rec.tensor) : NULL;
    }
    if (status == MM_OK && !h->x)
        status = mm_fail_memory(e);
    if (status != MM_OK) {
        h ? mm_arena_free(&h->arena) : (void)0;
        free(h);
        return status;
    }
    h->from = rec->time[0];
    h->to = rec->has_time ? rows_end(rec) : 0;
    *c->held[s].end = h;
    c->held[s].end = &h->next;
    c->timeless += !rec->has_time;
    l->bytes += rec->raw.n;
    return MM_OK;
}

/* A record with this time can be cut into windows. */
static mm_status check_time(const mm_live *l, const call *c, const mm_record *rec, mm_err *e)
{
    double first = (rec->time[0] - l->o.grid.window) / l->o.grid.hop;
    double last = mm_window_record_end(rec) / l->o.grid.hop;
    double from = c->timeless ? (double)c->first : fmax(first, (double)c->first);
    if (last - from > MOST_WINDOWS)
        return mm_fail(e, MM_SKIP, "%.*s: more than a million windows", MM_STRF(c->key));
    if (!isfinite(first) || !(last < MOST_INDEX))
        return mm_fail(e, MM_SKIP, "%.*s: a time of %g to %g seconds", MM_STRF(c->key), rec->time[0], rec->time[1]);
    return MM_OK;
}

static void count_late(mm_live *l, const call *c, const mm_record *rec)
{
    if (!l->tally.late++)
        l->tally.late_example = mm_arena_printf(&l->keep, "%.*s (%.*s, %.3f to %.3f s)", MM_STRF(c->key),
                                                MM_STRF(mm_record_modality(rec)), rec->time[0], rec->time[1]);
}

static mm_status add(mm_live *l, call *c, int s, const mm_record *rec, bool counts, double came, mm_err *e)
{
    int m = 0;
    mm_status status = identify(l, c, s, rec, e);
    if (status == MM_OK && rec->has_time)
        status = check_time(l, c, rec, e);
    if (status == MM_OK && counts)
        status = modality_of(c, rec, &m, e);
    if (status != MM_OK)
        return status;
    if (rec->has_time) {
        l->streams.at[s] = fmax(l->streams.at[s], rec->time[0]);
        c->end = fmax(c->end, mm_window_record_end(rec));
    }
    if (!counts)
        return MM_OK;
    if (rec->has_time && is_late(l, c, rec->time[0], rows_end(rec)))
        count_late(l, c, rec);
    if (rec->has_time && (!advance_source(c, s, m, rec) || !note_advance(l, c, came)))
        return mm_fail_memory(e);
    return hold(l, c, s, rec, e);
}

mm_status mm_live_add(mm_live *l, int s, const mm_record *rec, bool counts, double came, mm_err *e)
{
    call *c = call_of(l, s, rec->key, came);
    if (!c)
        return mm_fail_memory(e);
    if (c->given_up && counts)
        count_late(l, c, rec);
    mm_status status = c->failed ? MM_OK : add(l, c, s, rec, counts, came, e);
    if (status == MM_OK)
        settle(l, c);
    if (status == MM_SKIP) {
        c->failed = true;
        release_all(l, c);
    }
    if (l->asleep) /* who bring nothing, while the others may never pause */
        mm_live_tick(l, came, ~l->asleep);
    if (status == MM_OK && l->bytes > l->o.limit)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_MEMORY,
                            "records and keys that wait for their windows to close take more memory than allowed");
    return status;
}

/* ---- windows ---- */

/* The last window of the key that is closed; below c->first: none more is. */
static int64_t last_closed(const mm_live *l, const call *c)
{
    int64_t there = (int64_t)mm_window_count(l->o.grid, c->end) - 1;
    if (is_complete(l, c))
        return there;
    int64_t k = last_ending(l, c->until);
    return k < there ? k : there;
}

/* The first window from c->first on that holds anything; −1: none does. */
static int64_t first_held(const mm_live *l, const call *c)
{
    int64_t first = c->timeless ? c->first : -1;
    for (int s = 0; s < l->o.streams && !c->timeless; s++)
        for (const held *h = c->held[s].first; h; h = h->next) {
            int64_t k = first_window(l, h->from, h->to, c->first);
            if (k >= 0 && (first < 0 || k < first))
                first = k;
        }
    return first;
}

/* The next window of the key that is closed and holds anything, which c->first is then past; −1: none is. */
static int64_t next_window(mm_live *l, call *c)
{
    int64_t last = last_closed(l, c), k;
    if (c->failed || last < c->first)
        return -1;
    k = first_held(l, c);
    if (k >= 0 && k <= last) {
        c->first = k + 1;
        return k;
    }
    c->first = last + 1;
    release(l, c, (double)c->first * l->o.grid.hop);
    return -1;
}

static int count_held(const mm_live *l, const call *c)
{
    int n = 0;
    for (int s = 0; s < l->o.streams; s++)
        for (const held *h = c->held[s].first; h; h = h->next)
            n++;
    return n;
}

/* The key's part of a window: names of all its modalities, source, label. Strings are the arena's. */
static mm_status describe(const mm_live *l, call *c, mm_features *w, mm_arena *a, mm_err *e)
{
    *w = (mm_features){.n = c->n_seen};
    mm_status s = copy(&w->key, c->key, a, e);
    if (s == MM_OK)
        s = copy(&w->src, c->src, a, e);
    for (int m = 0; s == MM_OK && m < c->n_seen; m++)
        s = copy_names(&w->of[m], &c->seen[m], a, e);
    if (s == MM_OK && is_complete(l, c) && c->records == 1)
        s = copy(&w->text, c->text, a, e);
    if (s != MM_OK)
        return s;
    return mm_object_copy(&w->label, &c->label.label, MM_COPY_BYTES, a, e);
}

/* Window k, from the records that are held, in order of stream, then of arrival. */
static mm_status fill(mm_live *l, call *c, int64_t k, mm_features *w, mm_arena *a, mm_err *e)
{
    int held_now = count_held(l, c), n = 0;
    const mm_record **rec = mm_arena_zalloc(&l->scratch, (size_t)held_now + 1, sizeof *rec);
    const float **x = mm_arena_zalloc(&l->scratch, (size_t)held_now + 1, sizeof *x);
    if (!rec || !x)
        return mm_fail_memory(e);
    for (int s = 0; s < l->o.streams; s++)
        for (const held *h = c->held[s].first; h; h = h->next) {
            rec[n] = &h->rec;
            x[n++] = h->x;
        }
    mm_status status = mm_window_fill(w, l->o.grid, k, rec, x, n, a, e);
    mm_arena_reset(&l->scratch);
    if (status != MM_OK)
        return status;
    mm_str mixed = c->mixed; /* told once */
    c->mixed = (mm_str){0};
    return copy(&w->mixed, mixed, a, e);
}

static mm_status make_window(mm_live *l, call *c, int64_t k, mm_sample **out, mm_features **window, mm_err *e)
{
    mm_sample *own = *out = calloc(1, sizeof *own);
    *window = own ? mm_arena_zalloc(&own->arena, 1, sizeof **window) : NULL;
    mm_status s = *window ? describe(l, c, *window, &own->arena, e) : mm_fail_memory(e);
    if (s == MM_OK)
        s = fill(l, c, k, *window, &own->arena, e);
    release(l, c, (double)c->first * l->o.grid.hop);
    if (own && s == MM_FATAL) {
        mm_sample_free(own);
        *out = NULL;
    }
    return s;
}

mm_status mm_live_next(mm_live *l, mm_sample **out, mm_features **window, mm_err *e)
{
    for (call **at = &l->first; *at;) {
        call *c = *at;
        settle(l, c);
        int64_t k = next_window(l, c);
        if (k >= 0)
            return make_window(l, c, k, out, window, e);
        if (is_complete(l, c)) {
            if (c->given_up && !remember_gone(l, c->key))
                return mm_fail_memory(e);
            *at = c->next;
            call_free(l, c);
        } else {
            at = &c->next;
        }
        l->last = *at ? l->last : at;
    }
    return MM_EOF;
}

mm_live_tally mm_live_counts(const mm_live *l)
{
    return l->tally;
}
