#include "fuse/join.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/id_map.h"
#include "fuse/streams.h"
#include "stream/parse.h"
#include "stream/serialise.h"

#include <stdlib.h>

/* An incomplete sample, in a doubly linked list in order of first appearance and in a hash chain by key. */
typedef struct waiting {
    mm_sample sample;
    int64_t cap;
    size_t bytes;
    uint64_t closed; /* bit s: stream s is past this key, at a mark, or has ended */
    uint64_t hash;
    struct waiting *next, *before, *chain;
} waiting;

enum { BUCKETS = 1 << 14 };

struct mm_join {
    mm_streams streams;
    size_t limit, bytes;
    waiting *first, *last, *bucket[BUCKETS];
    waiting *open[MM_MAX_STREAMS]; /* the current key of each stream */
    int64_t ready;                 /* samples that all streams are past */
    mm_id_map done;                /* hashes of the keys handed out since the last mark */
    int64_t remembered, split_keys;
};

mm_status mm_join_new(mm_join **out, int streams, size_t limit, mm_err *e)
{
    if (streams > MM_MAX_STREAMS)
        return mm_fail(e, MM_FATAL, "more than %d streams", MM_MAX_STREAMS);
    mm_join *j = calloc(1, sizeof *j);
    if (!j)
        return mm_fail_memory(e);
    j->streams.n = streams;
    j->limit = limit;
    *out = j;
    return MM_OK;
}

void mm_sample_free(mm_sample *s)
{
    if (!s)
        return;
    mm_arena_free(&s->arena);
    free(s->rec);
    free(s->stream);
    free(s); /* it is the first member of its `waiting` */
}

void mm_join_free(mm_join *j)
{
    if (!j)
        return;
    for (waiting *w = j->first, *next; w; w = next) {
        next = w->next;
        mm_sample_free(&w->sample);
    }
    mm_id_map_free(&j->done);
    free(j);
}

static waiting *find(const mm_join *j, mm_str key, uint64_t h)
{
    waiting *w = j->bucket[h % BUCKETS];
    while (w && (w->hash != h || !mm_str_eq(w->sample.key, key)))
        w = w->chain;
    return w;
}

int64_t mm_join_split_keys(const mm_join *j)
{
    return j->split_keys;
}

static waiting *begin(mm_join *j, mm_str key, uint64_t h)
{
    waiting *w = calloc(1, sizeof *w);
    char *own = w ? mm_arena_strdup(&w->sample.arena, key) : NULL;
    if (!own) {
        free(w);
        return NULL;
    }
    w->sample.key = (mm_str){own, key.n};
    w->hash = h;
    w->closed = mm_streams_resting(&j->streams);
    j->split_keys += mm_id_map_get(&j->done, h) >= 0;
    w->chain = j->bucket[h % BUCKETS];
    j->bucket[h % BUCKETS] = w;
    w->before = j->last;
    *(j->last ? &j->last->next : &j->first) = w;
    return j->last = w;
}

static void unlink_waiting(mm_join *j, waiting *w)
{
    waiting **at = &j->bucket[w->hash % BUCKETS];
    while (*at != w)
        at = &(*at)->chain;
    *at = w->chain;
    *(w->before ? &w->before->next : &j->first) = w->next;
    *(w->next ? &w->next->before : &j->last) = w->before;
    j->bytes -= w->bytes;
    for (int s = 0; s < j->streams.n; s++)
        if (j->open[s] == w)
            j->open[s] = NULL;
}

static bool is_complete(const mm_join *j, const waiting *w)
{
    return w->closed == mm_streams_all(&j->streams);
}

/* Stream s is past w. */
static void close_for(mm_join *j, waiting *w, int s)
{
    bool was = is_complete(j, w);
    w->closed |= (uint64_t)1 << s;
    j->ready += !was && is_complete(j, w);
}

/* A copy of the record in the arena: of its bytes, or of those that one which was made here would have. */
static mm_status copy_record(mm_record *out, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_buf built = {0};
    mm_str raw = rec->raw;
    size_t used;
    mm_status s = raw.p ? MM_OK : mm_record_serialise(rec, &built, e);
    if (!raw.p)
        raw = (mm_str){(const char *)built.p, built.n};
    char *bytes = s == MM_OK ? mm_arena_alloc(a, raw.n) : NULL;
    if (bytes)
        memcpy(bytes, raw.p, raw.n);
    mm_buf_free(&built);
    if (!bytes)
        return s == MM_OK ? mm_fail_memory(e) : s;
    s = mm_record_parse(bytes, raw.n, &used, a, out, e);
    if (!rec->raw.p) { /* what is not in the stream yet */
        out->raw = (mm_str){0};
        out->error.hint = rec->error.hint;
    }
    return s;
}

static mm_status append(waiting *w, int s, const mm_record *rec, mm_err *e)
{
    mm_sample *x = &w->sample;
    int64_t cap = w->cap;
    if (!mm_grow(&x->rec, &cap, x->n) || !mm_grow(&x->stream, &w->cap, x->n))
        return mm_fail_memory(e);
    mm_status status = copy_record(&x->rec[x->n], rec, &x->arena, e);
    int at = x->n; /* sorted by stream, then by arrival */
    mm_record copy = x->rec[at];
    for (; at > 0 && x->stream[at - 1] > s; at--) {
        x->rec[at] = x->rec[at - 1];
        x->stream[at] = x->stream[at - 1];
    }
    x->rec[at] = copy;
    x->stream[at] = s;
    x->n++;
    w->bytes += rec->raw.n;
    return status;
}

mm_status mm_sample_of_record(mm_sample **out, const mm_record *rec, mm_err *e)
{
    waiting *w = calloc(1, sizeof *w);
    mm_status status = w ? append(w, 0, rec, e) : mm_fail_memory(e);
    if (status == MM_OK) {
        w->sample.key = w->sample.rec[0].key;
        *out = &w->sample;
    } else if (w) {
        mm_sample_free(&w->sample);
    }
    return status;
}

mm_status mm_join_add(mm_join *j, int s, const mm_record *rec, mm_err *e)
{
    waiting *w = j->open[s];
    if (!w || !mm_str_eq(w->sample.key, rec->key)) {
        uint64_t h = mm_hash(rec->key);
        if (w)
            close_for(j, w, s);
        w = find(j, rec->key, h);
        if (!w)
            w = begin(j, rec->key, h);
        if (!w)
            return mm_fail_memory(e);
        j->open[s] = w;
        j->streams.keys[s]++;
    }
    size_t before = w->bytes;
    mm_status status = append(w, s, rec, e);
    j->bytes += w->bytes - before;
    if (status == MM_OK && j->bytes > j->limit && j->first != j->last)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_MEMORY,
                            "incomplete samples take more memory than allowed: bring the streams into one order "
                            "(decode both from the same directory)");
    return status;
}

/* Stream s is past all that is open. */
static void close_all_for(mm_join *j, int s)
{
    j->open[s] = NULL;
    for (waiting *w = j->first; w; w = w->next)
        close_for(j, w, s);
}

void mm_join_end(mm_join *j, int s)
{
    j->streams.ended |= (uint64_t)1 << s;
    close_all_for(j, s);
}

void mm_join_mark(mm_join *j, int s)
{
    j->streams.marked |= (uint64_t)1 << s;
    close_all_for(j, s);
}

bool mm_join_at_mark(const mm_join *j)
{
    return mm_streams_at_mark(&j->streams);
}

void mm_join_pass_mark(mm_join *j)
{
    mm_streams_pass_mark(&j->streams);
    mm_id_map_free(&j->done);
}

void mm_join_remember(mm_join *j, int64_t most)
{
    j->remembered = most;
}

int mm_join_next_stream(const mm_join *j)
{
    return mm_streams_furthest_behind(&j->streams, 0);
}

mm_sample *mm_join_next(mm_join *j)
{
    for (waiting *w = j->ready ? j->first : NULL; w; w = w->next) {
        if (!is_complete(j, w))
            continue;
        unlink_waiting(j, w);
        if (j->remembered && j->done.n >= j->remembered)
            mm_id_map_free(&j->done);
        mm_id_map_put(&j->done, w->hash, 0); /* without memory, split keys go unnoticed; nothing else is lost */
        j->ready--;
        return &w->sample;
    }
    return NULL;
}
