/* live_clock.c: which windows of a key are closed, by how far its sources are and by the clock of the machine. */
#include "base/grow.h"
#include "fuse/live_state.h"

#include <math.h>
#include <string.h>

static double reached(const mm_live_source *x)
{
    return x->end + x->overlap;
}

static double passed(const mm_live_source *x)
{
    return x->twice ? reached(x) : x->start;
}

static bool has_modality(const mm_live_key *c, mm_str name)
{
    for (int m = 0; m < c->n_seen; m++)
        if (mm_str_eq(c->seen[m].of, name))
            return true;
    return false;
}

/* What every source of these streams has passed. */
static double passed_by(const mm_live *l, const mm_live_key *c, uint64_t streams)
{
    double least = INFINITY;
    uint64_t open = streams & mm_streams_all(&l->streams) & ~c->closed; /* they may still bring something, … */
    uint64_t silent = open;                                             /* … and have brought nothing yet */
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

static double reached_by_one(const mm_live_key *c)
{
    double most = -INFINITY;
    for (int64_t i = 0; i < c->sources; i++)
        most = fmax(most, reached(&c->source[i]));
    return most;
}

int64_t mm_live_last_ending(const mm_live *l, double time)
{
    double k = (time - l->o.grid.window) / l->o.grid.hop + MM_WINDOW_ROUNDING;
    return k >= 0 ? (int64_t)fmin(floor(k), MM_LIVE_MOST_INDEX) : -1;
}

/* Remembers when the most advanced source reached the end of one more window. */
static bool note_advance(const mm_live *l, mm_live_key *c, double came)
{
    double now = reached_by_one(c);
    double before = c->steps ? c->step[c->steps - 1].reached : c->until;
    int64_t past = 0;
    if (mm_live_last_ending(l, now) <= mm_live_last_ending(l, before))
        return true;
    while (past < c->steps && c->step[past].reached <= c->until)
        past++;
    if (past) {
        c->steps -= past;
        memmove(c->step, c->step + past, (size_t)c->steps * sizeof *c->step);
    }
    if (!mm_grow(&c->step, &c->steps_cap, c->steps))
        return false;
    c->step[c->steps++] = (mm_live_step){came, now};
    return true;
}

void mm_live_settle(const mm_live *l, mm_live_key *c)
{
    uint64_t awake = l->bytes > l->o.limit / 2 ? 0 : ~l->asleep;
    double overdue = fmin(reached_by_one(c) - l->o.lateness, passed_by(l, c, awake));
    c->until = fmax(c->until, fmax(passed_by(l, c, UINT64_MAX), overdue));
}

/* Where the last window ends that a source which has left the key is in. */
static double left_reached(const mm_live *l, const mm_live_source *x)
{
    return (mm_window_count(l->o.grid, x->last) - 1) * l->o.grid.hop + l->o.grid.window;
}

/* Whether what the key lacks could come only from streams that are silent, and that are not at this key. */
static bool is_left(const mm_live *l, const mm_live_key *c, uint64_t readable)
{
    bool open = false;
    for (int s = 0; s < l->o.streams; s++)
        open |= l->open[s] == c;
    return !open && !mm_live_is_complete(l, c) && !(mm_streams_all(&l->streams) & readable & ~c->closed);
}

void mm_live_tick(mm_live *l, double now, uint64_t readable)
{
    const double patience = l->bytes > l->o.limit / 2 ? 0 : l->o.lateness;
    for (mm_live_key *c = l->first; c; c = c->next) {
        double most = passed_by(l, c, readable);
        if (c->unstamped)
            mm_live_stamp(c, now);
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
    for (const mm_live_key *c = l->first; c; c = c->next) {
        double most = passed_by(l, c, readable);
        if (c->unstamped)
            return 0; /* the tick says when that was */
        for (int64_t i = 0; i < c->steps; i++)
            if (mm_live_last_ending(l, fmin(c->step[i].reached, most)) > mm_live_last_ending(l, c->until))
                next = fmin(next, c->step[i].came + l->o.lateness);
        for (int64_t i = 0; i < c->sources; i++)
            if (mm_live_last_ending(l, fmin(left_reached(l, &c->source[i]), most)) > mm_live_last_ending(l, c->until))
                next = fmin(next, c->source[i].left + l->o.lateness);
        if (is_left(l, c, readable))
            next = fmin(next, c->left + l->o.lateness);
    }
    return next;
}

/* Its source has come as far as this record. */
static bool advance_source(mm_live_key *c, int s, int m, const mm_record *rec)
{
    double start = rec->time[0], end = mm_window_record_end(rec);
    mm_live_source *x = c->source;
    while (x < c->source + c->sources && (x->stream != s || x->modality != m))
        x++;
    if (!c->sources || x == c->source + c->sources) {
        if (!mm_grow(&c->source, &c->sources_cap, c->sources))
            return false;
        c->source[c->sources++] =
            (mm_live_source){.stream = s, .modality = m, .start = start, .end = end, .last = end, .left = INFINITY};
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

bool mm_live_advance(mm_live *l, mm_live_key *c, int s, int m, const mm_record *rec, double came)
{
    return advance_source(c, s, m, rec) && note_advance(l, c, came);
}
