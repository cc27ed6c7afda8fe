/* fuser.h: records of one or more streams in, fused records out: joined into samples by key, cut into windows of time
 * where asked for, and combined by a head, by a rule, or (label records) as evidence. Records that it does not handle
 * pass through, in front of the sample that they stand beside. */
#ifndef MM_FUSE_FUSER_H
#define MM_FUSE_FUSER_H

#include "fuse/combine.h"

typedef enum { MM_FUSE_HEAD, MM_FUSE_RULE, MM_FUSE_EVIDENCE } mm_fuse_mode;

/* Names separated by commas, NULL: none given. All of it must live as long as the fuser. */
typedef struct {
    mm_fuse_mode how;
    const mm_head *head;       /* HEAD */
    const char *space;         /* … of its vectors */
    bool labels;               /* … give its labels, not its vectors */
    bool attention;            /* … and attention maps after them */
    mm_combine_rule rule;      /* RULE */
    mm_evidence_rule evidence; /* EVIDENCE */
    const char *reliability;   /* … "NAME=R,…" */
    const char *of, *require;  /* only these modalities; none of these may be missing */
    double window, hop;        /* seconds; window 0: whole samples */
    bool flush;                /* a sample leaves as soon as it is complete, and not in a batch */
    int streams;
    size_t memory; /* what waiting samples may take */
    mm_threads *pool;
    /* What goes out, in order; made: the fuser made it, else it passes through. Valid during the call. */
    void (*put)(void *ctx, const mm_record *rec, bool made);
    /* A sample failed: the error record that goes out in its place. */
    void (*fail)(void *ctx, const mm_record *error, const mm_err *why);
    void *ctx;
} mm_fuser_opts;

typedef struct mm_fuser mm_fuser;

mm_status mm_fuser_new(mm_fuser **out, const mm_fuser_opts *o, mm_err *e);
void mm_fuser_free(mm_fuser *f); /* NULL is fine */

/* A record of this stream (copied where it has to wait). MM_FATAL: memory. */
mm_status mm_fuser_take(mm_fuser *f, int stream, const mm_record *rec, mm_err *e);
/* This stream has ended; with the last one everything goes out. */
mm_status mm_fuser_end(mm_fuser *f, int stream, mm_err *e);
int mm_fuser_next_stream(const mm_fuser *f); /* the stream to read from next; −1: all have ended */

/* What it makes samples of and what makes those, for a message: "a feature: mm-encode-image … make them". */
const char *mm_fuser_input_hint(const mm_fuser *f);

/* What samples came of. */
typedef struct {
    int64_t taken, passed; /* records that it handles, and others, but for errors */
    int64_t records, samples;
    int64_t torn;     /* see mm_join_split_keys */
    int64_t mixed;    /* samples that several sources of one modality went into */
    const char *such; /* … the key of the first, and two of its sources; NULL: none */
} mm_fuser_tally;

mm_fuser_tally mm_fuser_counts(const mm_fuser *f);

/* After the last record. MM_SKIP when `of` holds a name that nothing which came is of, or when a head that joins
 * nothing or leaves windows out found nothing that it takes; MM_FATAL when `reliability` holds such a name: what was
 * made is not what was asked for. */
mm_status mm_fuser_check(const mm_fuser *f, mm_err *e);

/* The space of a head's joint vectors: the file's name and a digest of its parameters. */
const char *mm_head_space(const mm_head *h, const char *path, mm_arena *a);

#endif
