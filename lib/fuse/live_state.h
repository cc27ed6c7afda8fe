/* live_state.h: the inside of live windows, for the files that implement them: live_keys.c (what there is of each key),
 * live_clock.c (which windows are closed) and live_windows.c (records in, windows out). */
#ifndef MM_FUSE_LIVE_STATE_H
#define MM_FUSE_LIVE_STATE_H

#include "base/id_map.h"
#include "fuse/label_conflict.h"
#include "fuse/live_windows.h"
#include "fuse/streams.h"

#define MM_LIVE_MOST_INDEX 1e15 /* of a window */

/* A modality as one stream brings it. */
typedef struct {
    int stream, modality;
    double start, end; /* of the record that began last */
    double overlap;    /* most that a record ran into the next: ≤ 0 */
    bool twice;        /* so that is known */
    double last;       /* where all its records end */
    double left;       /* when its stream left the key; INFINITY: it has not, or when is not known yet */
} mm_live_source;

/* A record that windows to come may overlap. */
typedef struct mm_live_held {
    struct mm_live_held *next;
    mm_arena arena;
    mm_record rec;
    const float *x;  /* [rows, width] */
    double from, to; /* of its rows */
} mm_live_held;

typedef struct {
    mm_live_held *first, **end;
} mm_live_held_list;

/* The most advanced source had reached this point at this time. */
typedef struct {
    double came, reached;
} mm_live_step;

/* The windows of one key. */
typedef struct mm_live_key {
    struct mm_live_key *next;
    mm_arena arena; /* of all that follows */
    mm_str key, src, text;
    int src_stream, label_stream;
    mm_sourced_label label;
    uint64_t closed; /* bit s: stream s is past this key */
    double left;     /* when the last of them left it; INFINITY: is not known yet */
    bool unstamped;  /* a stream has left it since the last tick, which says when */
    bool given_up;   /* complete without the streams that are silent */
    mm_live_source *source;
    int64_t sources, sources_cap;
    mm_modality_rows seen[MM_MAX_MODALITIES]; /* names, spaces, widths of its modalities */
    int n_seen;
    mm_str mixed; /* a second source within a modality, not handed out yet */
    bool was_mixed;
    mm_live_held_list *held; /* [streams] */
    int64_t timeless, records;
    double until;       /* windows that end by then are closed */
    double end;         /* of all records with a time */
    int64_t first;      /* the first window that is not closed */
    mm_live_step *step; /* where the machine's clock matters: the latest ones */
    int64_t steps, steps_cap;
    bool failed; /* gives no more windows */
} mm_live_key;

struct mm_live {
    mm_live_opts o;
    mm_live_key *first, **last;
    mm_live_key *open[MM_MAX_STREAMS];
    mm_streams streams; /* at: the latest start of a record */
    uint64_t asleep;
    mm_id_map gone; /* hashes of the keys that were given up since the last mark */
    size_t bytes;   /* of records and of keys */
    mm_arena keep, scratch;
    mm_live_tally tally;
};

/* Whether all streams are past the key. */
static inline bool mm_live_is_complete(const mm_live *l, const mm_live_key *c)
{
    return c->closed == mm_streams_all(&l->streams);
}

/* ---- live_keys.c ---- */

/* The key of a record of stream s, which is at it from now on. NULL: memory is out. */
mm_live_key *mm_live_key_of(mm_live *l, int s, mm_str key, double came);
void mm_live_key_free(mm_live *l, mm_live_key *c);
/* Streams that are past the key left it at this time, as far as that is not known. */
void mm_live_stamp(mm_live_key *c, double now);
/* Remembers that the key was given up; of a run without marks the latest million: all are forgotten then. False: memory
 * is out. */
bool mm_live_remember_gone(mm_live *l, mm_str key);
/* Frees records that end by `time`: windows from then on do not see them. Or all of the key's. */
void mm_live_release(mm_live *l, mm_live_key *c, double time);
void mm_live_release_all(mm_live *l, mm_live_key *c);

/* ---- live_clock.c ---- */

/* Modality m of stream s has come as far as this record of the key, at the time `came`. False: memory is out. */
bool mm_live_advance(mm_live *l, mm_live_key *c, int s, int m, const mm_record *rec, double came);
/* Moves c->until to what the records allow. */
void mm_live_settle(const mm_live *l, mm_live_key *c);
/* The last window that ends by this time; −1: none does. */
int64_t mm_live_last_ending(const mm_live *l, double time);

#endif
