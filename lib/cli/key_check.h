/* key_check.h: mm-decode's checks of keys: no two sources share one in a modality (source/key_clash.h), checked in the
 * order of sources whatever -j is, and across the runs that --resume joins; and an expression of --key fits. */
#ifndef MM_CLI_KEY_CHECK_H
#define MM_CLI_KEY_CHECK_H

#include "cli/ordered.h"
#include "cli/replay.h"
#include "source/key_clash.h"

#include <stdatomic.h>

typedef struct {
    mm_run *r;
    mm_clash *clash; /* NULL: keys are meant to bring sources together */
    mm_replay *replay;
    bool rows_have_keys;     /* --key-column */
    int64_t sources, unfit;  /* that gave records; that the expression does not fit */
    _Atomic(char *) example; /* the path of one of those */
    mm_arena arena;          /* of the error record that stands for a source whose key is taken */
} mm_key_check;

/* operands: NULL where they are not known beforehand. o: NULL where keys may be given again. After mm_resume_sources;
 * dies when memory is out. */
void mm_key_check_open(mm_run *r, mm_key_check *k, const char *const *operands, const mm_source_opts *o,
                       bool rows_have_keys);
void mm_key_check_close(mm_key_check *k);

/* b was decoded by the run that is resumed: its records count, too. In the order of sources. */
void mm_key_check_recall(mm_key_check *k, const mm_blob *b);
/* In the source's job, before rec is put: attaches a note to its slot when rec may not go out unchecked; *noted: it has
 * one. */
mm_status mm_key_check_note(const mm_key_check *k, mm_ordered_slot *t, bool *noted, const mm_blob *b,
                            const mm_record *rec, mm_err *e);
/* b gave records. Thread safe. */
void mm_key_check_count(mm_key_check *k, const mm_blob *b);
/* At the end: dies when `expression` of --key fits none of the sources, and says how many it does not fit. */
void mm_key_check_fit(const mm_key_check *k, const char *expression);
/* mm_ordered_jobs.pass: an error record in the place of the first record of a source whose key is taken. */
bool mm_key_check_pass(mm_key_check *k, void *note, mm_record *rec);

#endif
