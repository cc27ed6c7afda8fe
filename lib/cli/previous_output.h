/* previous_output.h: the FILE that --update begins with: its records are read once, and fetched again by their
 * positions. */
#ifndef MM_CLI_PREVIOUS_OUTPUT_H
#define MM_CLI_PREVIOUS_OUTPUT_H

#include "cli/tool.h"

typedef struct {
    int64_t at;
    size_t bytes;
} mm_previous_place;

typedef struct {
    int fd;      /* −1: there is no FILE yet */
    bool broken; /* it ends within a record */
    mm_previous_place *v;
    int64_t n, room;
} mm_previous;

/* Reads r->output and calls note for each record: true: its place is kept, as the last of v. A record with
 * invalid fields comes as the error record that replaces it. Dies when FILE is not a stream. */
void mm_previous_open(mm_run *r, mm_previous *o, bool (*note)(void *ctx, const mm_record *rec), void *ctx);
/* The i-th record that was kept, in the arena; false: it cannot be read any more. Thread safe. */
bool mm_previous_fetch(const mm_previous *o, int64_t i, mm_arena *a, mm_record *rec);
void mm_previous_close(mm_previous *o);

#endif
