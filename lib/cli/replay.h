/* replay.h: the records of sources that --resume skips, read from FILE.part for checks that span both runs. */
#ifndef MM_CLI_REPLAY_H
#define MM_CLI_REPLAY_H

#include "cli/tool.h"

typedef struct mm_replay mm_replay;

/* After mm_resume_sources and before the first mm_out_put. NULL: there are none. */
mm_replay *mm_replay_open(mm_run *r);
void mm_replay_close(mm_replay *k); /* NULL is fine */

/* The record at hand, which stays until mm_replay_step; NULL: there are no more. */
const mm_record *mm_replay_record(const mm_replay *k);
void mm_replay_step(mm_replay *k);

#endif
