/* fusing.h: the operands of a tool as the streams of a fuser. */
#ifndef MM_CLI_FUSING_H
#define MM_CLI_FUSING_H

#include "cli/tool.h"
#include "fuse/fuser.h"

/* How many streams a fuser gets: one an operand. */
int mm_fusing_streams(mm_run *r);
/* Feeds it everything, each stream read ahead by a thread: one stream as mm_in_next reads it, several in step, always
 * from the one that is furthest behind. `memory`: bytes of records that are read ahead. `lateness`: seconds that a
 * record waits for a stream that is behind and brings nothing, where the fuser can do without (live windows); INFINITY
 * elsewhere. Warns of samples that were not put together, of mixed sources, and of late records, which make the exit
 * status 1. Ends the program when an option names what did not come (mm_fuser_check). */
void mm_fusing_run(mm_run *r, mm_fuser *f, size_t memory, double lateness);
/* Reports what a fuser's `fail` gets: of samples that fail for the same reason the first is named, the others are
 * counted. `with` is what they were given to: a head, a method. */
void mm_fusing_failed(mm_run *r, const char *with, const mm_record *error, const mm_err *why);
/* Warns that several sources of one modality went into so many samples (0: says nothing), with the first of them: one
 * key for several things would be joined all the same. */
void mm_fusing_say_mixed(mm_run *r, int64_t samples, const char *first);

#endif
