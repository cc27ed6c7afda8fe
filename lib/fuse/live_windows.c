#include "fuse/live_state.h"
#include "stream/object.h"
#include "stream/parse.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_WINDOWS = 1 << 20 }; /* of a record, or of a pause */

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
static mm_status identify(mm_live *l, mm_live_key *c, int s, const mm_record *rec, mm_err *e)
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
static mm_status modality_of(mm_live_key *c, const mm_record *rec, int *m, mm_err *e)
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
static bool is_late(const mm_live *l, const mm_live_key *c, double from, double to)
{
    int64_t k = first_window(l, from, to, 0);
    return k >= 0 && k < c->first;
}

static mm_status hold(mm_live *l, mm_live_key *c, int s, const mm_record *rec, mm_err *e)
{
    size_t used;
    mm_live_held *h = calloc(1, sizeof *h);
    if (!h)
        return mm_fail_memory(e);
    void *bytes = mm_arena_alloc(&h->arena, rec->raw.n);
    mm_status status = bytes ? MM_OK : mm_fail_memory(e);
    if (bytes) {
        memcpy(bytes, rec->raw.p, rec->raw.n);
        status = mm_record_parse(bytes, rec->raw.n, &used, &h->arena, &h->rec, e);
        h->x = status == MM_OK ? mm_tensor_f32(&h->arena, &h->rec.tensor) : NULL;
    }
    if (status == MM_OK && !h->x)
        status = mm_fail_memory(e);
    if (status != MM_OK) {
        mm_arena_free(&h->arena);
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
static mm_status check_time(const mm_live *l, const mm_live_key *c, const mm_record *rec, mm_err *e)
{
    double first = (rec->time[0] - l->o.grid.window) / l->o.grid.hop;
    double last = mm_window_record_end(rec) / l->o.grid.hop;
    double from = c->timeless ? (double)c->first : fmax(first, (double)c->first);
    if (last - from > MOST_WINDOWS)
        return mm_fail(e, MM_SKIP, "%.*s: more than a million windows", MM_STRF(c->key));
    if (!isfinite(first) || !(last < MM_LIVE_MOST_INDEX))
        return mm_fail(e, MM_SKIP, "%.*s: a time of %g to %g seconds", MM_STRF(c->key), rec->time[0], rec->time[1]);
    return MM_OK;
}

static void count_late(mm_live *l, const mm_live_key *c, const mm_record *rec)
{
    if (!l->tally.late++)
        l->tally.late_example = mm_arena_printf(&l->keep, "%.*s (%.*s, %.3f to %.3f s)", MM_STRF(c->key),
                                                MM_STRF(mm_record_modality(rec)), rec->time[0], rec->time[1]);
}

static mm_status add(mm_live *l, mm_live_key *c, int s, const mm_record *rec, bool counts, double came, mm_err *e)
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
    if (rec->has_time && !mm_live_advance(l, c, s, m, rec, came))
        return mm_fail_memory(e);
    return hold(l, c, s, rec, e);
}

mm_status mm_live_add(mm_live *l, int s, const mm_record *rec, bool counts, double came, mm_err *e)
{
    mm_live_key *c = mm_live_key_of(l, s, rec->key, came);
    if (!c)
        return mm_fail_memory(e);
    if (c->given_up && counts)
        count_late(l, c, rec);
    mm_status status = c->failed ? MM_OK : add(l, c, s, rec, counts, came, e);
    if (status == MM_OK)
        mm_live_settle(l, c);
    if (status == MM_SKIP) {
        c->failed = true;
        mm_live_release_all(l, c);
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
static int64_t last_closed(const mm_live *l, const mm_live_key *c)
{
    int64_t there = (int64_t)mm_window_count(l->o.grid, c->end) - 1;
    if (mm_live_is_complete(l, c))
        return there;
    int64_t k = mm_live_last_ending(l, c->until);
    return k < there ? k : there;
}

/* The first window from c->first on that holds anything; −1: none does. */
static int64_t first_held(const mm_live *l, const mm_live_key *c)
{
    int64_t first = c->timeless ? c->first : -1;
    for (int s = 0; s < l->o.streams && !c->timeless; s++)
        for (const mm_live_held *h = c->held[s].first; h; h = h->next) {
            int64_t k = first_window(l, h->from, h->to, c->first);
            if (k >= 0 && (first < 0 || k < first))
                first = k;
        }
    return first;
}

/* The next window of the key that is closed and holds anything, which c->first is then past; −1: none is. */
static int64_t next_window(mm_live *l, mm_live_key *c)
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
    mm_live_release(l, c, (double)c->first * l->o.grid.hop);
    return -1;
}

static int count_held(const mm_live *l, const mm_live_key *c)
{
    int n = 0;
    for (int s = 0; s < l->o.streams; s++)
        for (const mm_live_held *h = c->held[s].first; h; h = h->next)
            n++;
    return n;
}

/* The key's part of a window: names of all its modalities, source, label. Strings are the arena's. */
static mm_status describe(const mm_live *l, mm_live_key *c, mm_features *w, mm_arena *a, mm_err *e)
{
    *w = (mm_features){.n = c->n_seen};
    mm_status s = copy(&w->key, c->key, a, e);
    if (s == MM_OK)
        s = copy(&w->src, c->src, a, e);
    for (int m = 0; s == MM_OK && m < c->n_seen; m++)
        s = copy_names(&w->of[m], &c->seen[m], a, e);
    if (s == MM_OK && mm_live_is_complete(l, c) && c->records == 1)
        s = copy(&w->text, c->text, a, e);
    if (s != MM_OK)
        return s;
    return mm_object_copy(&w->label, &c->label.label, MM_COPY_BYTES, a, e);
}

/* Window k, from the records that are held, in order of stream, then of arrival. */
static mm_status fill(mm_live *l, mm_live_key *c, int64_t k, mm_features *w, mm_arena *a, mm_err *e)
{
    int held_now = count_held(l, c), n = 0;
    const mm_record **rec = mm_arena_zalloc(&l->scratch, (size_t)held_now + 1, sizeof *rec);
    const float **x = mm_arena_zalloc(&l->scratch, (size_t)held_now + 1, sizeof *x);
    if (!rec || !x)
        return mm_fail_memory(e);
    for (int s = 0; s < l->o.streams; s++)
        for (const mm_live_held *h = c->held[s].first; h; h = h->next) {
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

static mm_status make_window(mm_live *l, mm_live_key *c, int64_t k, mm_sample **out, mm_features **window, mm_err *e)
{
    mm_sample *own = *out = calloc(1, sizeof *own);
    *window = own ? mm_arena_zalloc(&own->arena, 1, sizeof **window) : NULL;
    mm_status s = *window ? describe(l, c, *window, &own->arena, e) : mm_fail_memory(e);
    if (s == MM_OK)
        s = fill(l, c, k, *window, &own->arena, e);
    mm_live_release(l, c, (double)c->first * l->o.grid.hop);
    if (own && s == MM_FATAL) {
        mm_sample_free(own);
        *out = NULL;
    }
    return s;
}

mm_status mm_live_next(mm_live *l, mm_sample **out, mm_features **window, mm_err *e)
{
    for (mm_live_key **at = &l->first; *at;) {
        mm_live_key *c = *at;
        mm_live_settle(l, c);
        int64_t k = next_window(l, c);
        if (k >= 0)
            return make_window(l, c, k, out, window, e);
        if (mm_live_is_complete(l, c)) {
            if (c->given_up && !mm_live_remember_gone(l, c->key))
                return mm_fail_memory(e);
            *at = c->next;
            mm_live_key_free(l, c);
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
