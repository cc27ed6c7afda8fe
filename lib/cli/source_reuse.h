/* source_reuse.h: mm-decode --update: what FILE holds of files that are today as they were when it was made.
 *
 * Every record of a regular file, and of what an archive holds, has a stamp in its meta: a hash of the file's names,
 * size and time of change and of the options, and where labels are looked up file by file another one of what they
 * depend on. The records of one stamp are contiguous, and are the file's. A file that would get the same stamp now
 * is not opened: its records are reused, unless one of them is an error. */
#ifndef MM_CLI_SOURCE_REUSE_H
#define MM_CLI_SOURCE_REUSE_H

#include "cli/tool.h"
#include "source/source.h"

#define MM_STAMP "source" /* in meta */

enum { MM_STAMP_SIZE = 33 };

typedef struct mm_source_reuse mm_source_reuse;

typedef struct {
    uint64_t options; /* a hash of all that changes a result */
    bool by_file;     /* each file's label is looked up */
    bool beside;      /* … in a file beside it; else in a table */
    uint64_t inside;  /* by_file: a hash of what the labels of an archive's members depend on */
} mm_source_reuse_opts;

/* Records of FILE, of one source; n 0: it is to be decoded. */
typedef struct {
    int64_t first, n;
} mm_source_reuse_records;

/* Reads FILE. NULL without --update, which is fine for all that follows. After mm_out_open. */
mm_source_reuse *mm_source_reuse_open(mm_run *r, const mm_source_reuse_opts *o);
void mm_source_reuse_close(mm_source_reuse *u);
/* All input failed: dies and keeps FILE as it was, if that holds anything. */
void mm_source_reuse_spare(const mm_source_reuse *u);

/* As mm_source_opts.keep: stamps b. In the order of sources, as the next two. */
bool mm_source_reuse_keep(mm_source_reuse *u, mm_blob *b);
/* The source to reuse for b, which was kept: b itself, or the first of an archive's members, which frees b. */
mm_blob *mm_source_reuse_begin(mm_source_reuse *u, mm_blob *b, mm_source_reuse_records *p);
/* … and the next of its members; NULL: there are no more. */
mm_blob *mm_source_reuse_more(mm_source_reuse *u, mm_source_reuse_records *p);

/* Whether the records of b, which is kept, would get the same labels again. Thread safe, as the two below. */
bool mm_source_reuse_has_label(const mm_source_reuse *u, const mm_blob *b, const msgpack_object *label);
/* The stamp of records of b, whose file has that label. out: MM_STAMP_SIZE; "" where there is none. */
void mm_source_reuse_stamp(const mm_source_reuse *u, const mm_blob *b, const msgpack_object *label, char *out);
/* The i-th record of FILE. Dies when it cannot be read any more. */
void mm_source_reuse_fetch(const mm_source_reuse *u, int64_t i, mm_arena *a, mm_record *rec);

#endif
