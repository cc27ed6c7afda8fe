/* live_keys.c: the keys of live windows: which streams are at them, and the records that windows to come need. */
#include "base/hash.h"
#include "fuse/live_state.h"

#include <math.h>
#include <stdlib.h>

enum {
    REMEMBERED = 1 << 20, /* keys that were given up */
    KEY_BYTES = 16 << 10  /* that the state of a key takes, with its arena */
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

static void held_free(mm_live *l, mm_live_held *h)
{
    l->bytes -= h->rec.raw.n;
    mm_arena_free(&h->arena);
    free(h);
}

void mm_live_release(mm_live *l, mm_live_key *c, double time)
{
    for (int s = 0; s < l->o.streams; s++) {
        mm_live_held **at = &c->held[s].first;
        while (*at) {
            mm_live_held *h = *at;
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

void mm_live_release_all(mm_live *l, mm_live_key *c)
{
    for (int s = 0; s < l->o.streams; s++) {
        for (mm_live_held *h = c->held[s].first, *next; h; h = next) {
            next = h->next;
            held_free(l, h);
        }
        c->held[s] = (mm_live_held_list){.end = &c->held[s].first};
    }
    c->timeless = 0;
}

void mm_live_key_free(mm_live *l, mm_live_key *c)
{
    mm_live_release_all(l, c);
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
    for (mm_live_key *c = l->first, *next; c; c = next) {
        next = c->next;
        mm_live_key_free(l, c);
    }
    mm_id_map_free(&l->gone);
    mm_arena_free(&l->keep);
    mm_arena_free(&l->scratch);
    free(l);
}

/* ---- keys ---- */

/* 0 is no id. */
static uint64_t id_of(mm_str key)
{
    uint64_t id = mm_hash(key);
    return id ? id : 1;
}

bool mm_live_remember_gone(mm_live *l, mm_str key)
{
    if (l->gone.n == REMEMBERED)
        mm_id_map_free(&l->gone);
    return mm_id_map_put(&l->gone, id_of(key), 0);
}

/* A key that was given up: its records are late, and it lasts while stream s is at it. */
static void begin_again(const mm_live *l, mm_live_key *c, int s)
{
    c->given_up = c->failed = true;
    c->closed = mm_streams_all(&l->streams) & ~((uint64_t)1 << s);
}

static mm_live_key *begin(mm_live *l, mm_str key, int s)
{
    mm_live_key *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    char *own = mm_arena_strdup(&c->arena, key);
    c->held = mm_arena_zalloc(&c->arena, (size_t)l->o.streams, sizeof *c->held);
    if (!own || !c->held) {
        mm_arena_free(&c->arena);
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

void mm_live_stamp(mm_live_key *c, double now)
{
    c->left = now;
    c->unstamped = false;
    for (int64_t i = 0; i < c->sources; i++)
        if (c->closed >> c->source[i].stream & 1)
            c->source[i].left = fmin(c->source[i].left, now);
}

mm_live_key *mm_live_key_of(mm_live *l, int s, mm_str key, double came)
{
    mm_live_key *c = l->open[s];
    if (c && mm_str_eq(c->key, key))
        return c;
    if (c) {
        c->closed |= (uint64_t)1 << s;
        mm_live_stamp(c, came);
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
    for (mm_live_key *c = l->first; c; c = c->next) {
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
