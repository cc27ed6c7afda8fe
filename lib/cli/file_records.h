/* file_records.h: the records of kind file in streams, as files to decode: parts are joined, everything else passes.
 *
 * The parts of a file follow one another: part 0, 1, 2 …, the last with meta.last. Records of other kinds may stand
 * between them, and pass before the file. A file that is not complete when another begins, when a mark comes or the
 * input ends is a failure, and so is one of which a part is missing; what is left of it is not read. */
#ifndef MM_CLI_FILE_RECORDS_H
#define MM_CLI_FILE_RECORDS_H

#include "cli/tool.h"
#include "source/blob.h"

typedef struct mm_file_records mm_file_records;

/* max_bytes: of one file; 0: 4 GiB. Dies when memory is out, as the others do. */
mm_file_records *mm_file_records_open(mm_run *r, int64_t max_bytes);
void mm_file_records_close(mm_file_records *x); /* NULL is fine */

/* The next file, named as its record says, or with its failure noted; or, with *passes, something else: *rec, in the
 * arena of the blob. NULL: there is no more. */
mm_blob *mm_file_records_next(mm_file_records *x, bool *passes, mm_record *rec);

#endif
