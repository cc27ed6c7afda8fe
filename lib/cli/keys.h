/* keys.h: no two sources of mm-decode share a key in one modality (source/key_clash.h): in the order of sources
 * whatever -j is, and over the runs that --resume puts together. And what an expression for keys fits is counted. */
#ifndef MM_CLI_KEYS_H
#define MM_CLI_KEYS_H

#include "cli/kept.h"
#include "cli/ordered.h"
#include "source/key_clash.h"

#include <stdatomic.h>

typedef struct {
    mm_run *r;
    mm_clash *clash; /* NULL: keys are meant to bring sources together */
    mm_kept *kept;
    bool rows_have_keys;     /* --key-column */
    int64_t sources, unfit;  /* that gave records; that the expression does not fit */
    _Atomic(char *) example; /* the path of one of those */
    mm_arena arena;          /* of the error record that stands for a source whose key is taken */
} mm_keys;

/* After mm_resume_sources; dies when memory is out. */
void mm_keys_open(mm_run *r, mm_keys *k, const char *const *operands, const mm_source_opts *o, bool rows_have_keys);
void mm_keys_close(mm_keys *k);

/* b was decoded by the run that is resumed: what it gave counts. In the order of sources. */
void mm_keys_recall(mm_keys *k, const mm_blob *b);
/* In the source's job, before rec is put: leaves a note on its turn when rec may not go out unseen. *noted: it has. */
mm_status mm_keys_note(const mm_keys *k, mm_turn *t, bool *noted, const mm_blob *b, const mm_record *rec, mm_err *e);
/* b gave records. Thread safe. */
void mm_keys_count(mm_keys *k, const mm_blob *b);
/* At the end: dies when `expression` of --key fits none of the sources, and says how many it does not fit. */
void mm_keys_check_fit(const mm_keys *k, const char *expression);
/* mm_ordered_jobs.pass: an error record in the place of the first record of a source whose key is taken. */
bool mm_keys_pass(mm_keys *k, void *note, mm_record *rec);

#endif
