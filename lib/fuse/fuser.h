/* fuser.h: records of one or more streams in, fused records out. Records are joined into samples by key, cut into time
 * windows if wanted, and combined by a head, by a rule, or (label records) as evidence. Other records pass through,
 * before the sample that they accompany.
 *
 * A mark ends the open samples and leaves after them. Of several streams the k-th marks are one, which is written once,
 * as the first stream has it; a stream that has reached its k-th mark is not asked for until the others have, or have
 * ended. Results wait for their batch to be full, or until mm_fuser_idle says that nothing more is there. */
#ifndef MM_FUSE_FUSER_H
#define MM_FUSE_FUSER_H

#include "base/log.h"
#include "fuse/combine.h"

typedef enum { MM_FUSE_HEAD, MM_FUSE_RULE, MM_FUSE_EVIDENCE } mm_fuse_mode;

/* Lists of names are comma-separated, NULL: not given. All of it must outlive the fuser. */
typedef struct {
    mm_fuse_mode mode;
    const mm_head *head;       /* HEAD */
    const char *space;         /* … of its vectors */
    bool labels;               /* … give its labels, not its vectors */
    bool attention;            /* … and attention maps after them */
    mm_combine_rule rule;      /* RULE */
    mm_evidence_rule evidence; /* EVIDENCE */
    const char *reliability;   /* … "NAME=R,…" */
    const char *of, *require;  /* use only these modalities; fail samples without these */
    double window, hop;        /* seconds; window 0: whole samples */
    bool live;                 /* a window is written as soon as it is closed (live_windows.h) … */
    double lateness;           /* … at the latest when it has been over for so many seconds */
    bool flush;                /* mm_fuser_idle writes every sample that is complete, not only those before marks */
    int streams;
    size_t memory; /* bytes that incomplete samples may take */
    mm_threads *pool;
    /* Writes a record, in order; made: the fuser made it, else it passes through. Valid during the call. */
    void (*put)(void *ctx, const mm_record *rec, bool made);
    /* Writes the error record of a sample that failed. */
    void (*fail)(void *ctx, const mm_record *error, const mm_err *why);
    /* What was written must reach its reader now: a mark was, or `flush` asks for it. NULL: nobody waits. */
    void (*deliver)(void *ctx);
    void *ctx;
    const mm_log *log; /* warns of marks with different keys, and of the first record that is late; NULL: silence */
} mm_fuser_opts;

typedef struct mm_fuser mm_fuser;

mm_status mm_fuser_new(mm_fuser **out, const mm_fuser_opts *o, mm_err *e);
void mm_fuser_free(mm_fuser *f); /* NULL is fine */

/* Takes a record of this stream (copied if it has to wait), which came at this time (mm_seconds). MM_FATAL: memory. */
mm_status mm_fuser_take(mm_fuser *f, int stream, const mm_record *rec, double came, mm_err *e);
/* This stream has ended; with the last stream all samples are written. */
mm_status mm_fuser_end(mm_fuser *f, int stream, mm_err *e);
/* Which stream to read from; −1: all have ended. With `live` none of those in `asleep` (bit s), on which it is not
 * worth waiting now; −1: all others have ended, or wait for one of these at a mark. */
int mm_fuser_next_stream(const mm_fuser *f, uint64_t asleep);
/* Call before waiting for more input: writes what is complete and stands before a mark, or (`flush`, `live`) all of
 * it. */
mm_status mm_fuser_idle(mm_fuser *f, mm_err *e);
/* With `live`, of streams as bits (live_windows.h): those that are not waited for from now on; when windows are closed
 * even if nothing comes, as far as the readable streams are past them (mm_seconds; INFINITY: none is); and closes those
 * whose time has come, if nothing has. */
void mm_fuser_sleep(mm_fuser *f, uint64_t asleep);
double mm_fuser_deadline(const mm_fuser *f, uint64_t readable);
mm_status mm_fuser_tick(mm_fuser *f, double now, uint64_t readable, mm_err *e);

bool mm_fuser_takes_labels(const mm_fuser *f); /* it combines label records; else it fuses features */

typedef struct {
    int64_t taken, passed; /* records handled, and passed through (errors aside) */
    int64_t records, samples;
    int64_t split;             /* see mm_join_split_keys */
    int64_t mixed;             /* samples with several sources of one modality */
    const char *mixed_example; /* … key of the first and two of its sources; NULL: none */
    int64_t late;              /* records that came after a window of theirs was closed */
} mm_fuser_tally;

mm_fuser_tally mm_fuser_counts(const mm_fuser *f);

/* Call after the last record. MM_SKIP: no record is of a modality in `of`, or none is of a modality that the head takes
 * where samples do not report that themselves. MM_FATAL: `reliability` names a modality that never came. */
mm_status mm_fuser_check(const mm_fuser *f, mm_err *e);

#endif
