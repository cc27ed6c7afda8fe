/* source.h: every input, one after the other: files, directories, archives, archives in archives, standard input.
 *
 * Directories are walked in the order of keys, so that files with the same key come out side by side. Archives are read
 * with libarchive. An input that fails is reported, and the next one comes. */
#ifndef MM_SOURCE_SOURCE_H
#define MM_SOURCE_SOURCE_H

#include "source/source_options.h"

typedef struct mm_source mm_source;

/* operands: paths; "-" is standard input; they must outlive the source. A key depends on the path as given, never on
 * the other operands, so that a list can be cut into shards anywhere. */
mm_status mm_source_open(mm_source **out, const char *const *operands, int n, const mm_source_opts *o, mm_err *e);
void mm_source_close(mm_source *s);

/* The next input. MM_OK: b->status says whether it can be read; MM_EOF; MM_FATAL. */
mm_status mm_source_next(mm_source *s, mm_blob **b, mm_err *e);
/* Hands in an input from elsewhere, which the source then owns: it comes next, or its members if it is an archive. At
 * the end of the operands only (MM_EOF). */
void mm_source_give(mm_source *s, mm_blob *b);
/* How many entries were skipped so far because they hold no media (hidden names, sockets, links that are not followed,
 * empty archives); each was logged at MM_LOG_INFO. */
int64_t mm_source_skipped(const mm_source *s);

#endif
