/* unchanged.h: mm-decode --update: what FILE holds of files that are today as they were when it was made.
 *
 * Every record of a regular file, and of what an archive holds, has a stamp in its meta: a hash of the file's names,
 * size and time of change and of the options, and where labels are looked up file by file another one of what they
 * depend on. The records of one stamp, which lie together, are what the file gave. A file that would get the same stamp
 * now is not opened: its records are taken as they are, unless one of them is an error. */
#ifndef MM_CLI_UNCHANGED_H
#define MM_CLI_UNCHANGED_H

#include "cli/tool.h"
#include "source/source.h"

#define MM_STAMP "source" /* in meta */

enum { MM_STAMP_SIZE = 33 };

typedef struct mm_unchanged mm_unchanged;

typedef struct {
    uint64_t options; /* a hash of all that changes a result */
    bool by_file;     /* each file's label is looked up */
    bool beside;      /* … in a file beside it; else in a table */
    uint64_t inside;  /* by_file: a hash of what the labels of an archive's members depend on */
} mm_unchanged_opts;

/* Records of FILE, of one source; n 0: it is to be decoded. */
typedef struct {
    int64_t first, n;
} mm_unchanged_piece;

/* Reads FILE. NULL without --update, which is fine for all that follows. After mm_out_open. */
mm_unchanged *mm_unchanged_open(mm_run *r, const mm_unchanged_opts *o);
void mm_unchanged_close(mm_unchanged *u);
/* Nothing but errors came: dies, with FILE as it was, if that holds anything. */
void mm_unchanged_spare(const mm_unchanged *u);

/* As mm_source_opts.keep: stamps b. In the order of sources, as the next two. */
bool mm_unchanged_keep(mm_unchanged *u, mm_blob *b);
/* What to do in place of b, which was kept: b itself, or when it is an archive the first of what it holds; frees b
 * then. */
mm_blob *mm_unchanged_begin(mm_unchanged *u, mm_blob *b, mm_unchanged_piece *p);
/* … and the next of what it holds; NULL: there is no more. */
mm_blob *mm_unchanged_more(mm_unchanged *u, mm_unchanged_piece *p);

/* Whether the records of b, which is kept, would get the same labels again. Thread safe, as the two below. */
bool mm_unchanged_has_label(const mm_unchanged *u, const mm_blob *b, const msgpack_object *label);
/* The stamp of records of b, whose file has that label. out: MM_STAMP_SIZE; "" where there is none. */
void mm_unchanged_stamp(const mm_unchanged *u, const mm_blob *b, const msgpack_object *label, char *out);
/* The i-th record of FILE. Dies when it cannot be read any more. */
void mm_unchanged_fetch(const mm_unchanged *u, int64_t i, mm_arena *a, mm_record *rec);

#endif
