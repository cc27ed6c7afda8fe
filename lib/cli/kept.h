/* kept.h: the records of sources that --resume leaves out, read once more: for tools that have to know what they gave
 * out. */
#ifndef MM_CLI_KEPT_H
#define MM_CLI_KEPT_H

#include "cli/tool.h"

typedef struct mm_kept mm_kept;

/* After mm_resume_sources and before the first mm_out_put. NULL: nothing was kept. */
mm_kept *mm_kept_open(mm_run *r);
void mm_kept_close(mm_kept *k); /* NULL is fine */

/* The record at hand, which stays until mm_kept_step; NULL: there are no more. */
const mm_record *mm_kept_record(const mm_kept *k);
void mm_kept_step(mm_kept *k);

#endif
