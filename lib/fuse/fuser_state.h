/* fuser_state.h: the inside of a fuser, for the files that implement it. */
#ifndef MM_FUSE_FUSER_STATE_H
#define MM_FUSE_FUSER_STATE_H

#include "base/name_list.h"
#include "fuse/fuser.h"
#include "fuse/head_result.h"
#include "fuse/live_windows.h"

enum { MM_FUSER_BATCH = 128, MM_FUSER_ENTRIES = 4 * MM_FUSER_BATCH };

/* One thing that leaves in its turn: the result for these features, the error of a sample, or a record that passes. */
typedef struct {
    const mm_features *features;
    const char *code; /* `features` failed: why, for programs … */
    const mm_err *why;
    const mm_record *passed;
} mm_fuser_entry;

struct mm_fuser {
    mm_fuser_opts o;
    mm_join *join;
    mm_live *live; /* in place of join, with o.live */
    mm_fusion_layout layout;
    mm_arena keep, batch; /* for the whole run; reset with each batch */
    /* the batch: what is written, in order, and the samples that own the memory (a sample in windows has several) */
    mm_fuser_entry entry[MM_FUSER_ENTRIES];
    mm_sample *sample[MM_FUSER_ENTRIES];
    int entries, n, samples, ended; /* n: entries that go through the head or the rule */
    size_t passed_bytes;            /* of records that pass */
    /* marks */
    mm_sample *mark; /* the one that the streams are at, as the first of them has it; NULL: none is at one */
    int mark_stream; /* … which that is */
    int marks, owed; /* in the batch; written and not yet delivered */
    int64_t passed_marks;
    bool marks_differ, said_late; /* that was reported */
    mm_fuser_tally tally;
    mm_seen seen; /* modalities of the input */
};

/* Whether --of lets this modality take part. */
static inline bool mm_fuser_uses(const mm_fuser *f, mm_str modality)
{
    return !f->o.of || mm_name_listed(f->o.of, modality);
}

/* Whether each record goes through the head by itself: an aligning head, without windows. */
static inline bool mm_fuser_is_unjoined(const mm_fuser *f)
{
    return f->o.mode == MM_FUSE_HEAD && f->o.head->task == MM_TASK_ALIGN && !(f->o.window > 0);
}

/* ---- fuser_batch.c ---- */

mm_window_grid mm_fuser_grid(const mm_fuser *f);

/* Takes a joined sample (and frees it later): its features wait in the batch until that is full. */
mm_status mm_fuser_add_sample(mm_fuser *f, mm_sample *sample, mm_err *e);
/* The same for a window by itself: its memory, after this status (MM_SKIP: it failed). */
mm_status mm_fuser_add_window(mm_fuser *f, mm_sample *own, mm_features *window, mm_status s, const mm_err *why,
                              mm_err *e);
/* An error record leaves, in its turn, for the whole key of this record. */
mm_status mm_fuser_fail_key(mm_fuser *f, const mm_record *rec, const mm_err *why, mm_err *e);
/* The same for one record that is not joined. */
mm_status mm_fuser_add_record(mm_fuser *f, const mm_record *rec, mm_err *e);
/* Writes a record that passes: at once, or (copied) after what waits in the batch. */
mm_status mm_fuser_pass(mm_fuser *f, const mm_record *rec, mm_err *e);
/* Fuses the batch and writes its records. */
mm_status mm_fuser_run_batch(mm_fuser *f, mm_err *e);
/* After status s: MM_SKIP writes an error record in the sample's place; anything worse is passed on. */
mm_status mm_fuser_failed(mm_fuser *f, mm_status s, const mm_features *sample, const char *code, const mm_err *why,
                          mm_err *e);

/* ---- fuser_labels.c ---- */

/* MM_SKIP: an entry of "NAME=R,…" is not a reliability; list may be NULL. */
mm_status mm_check_reliability(const char *list, mm_err *e);
/* Combines a sample's label records as evidence, field by field: the outputs of a head are independent questions. Frees
 * the sample. */
mm_status mm_fuser_combine_labels(mm_fuser *f, mm_sample *sample, mm_err *e);

#endif
