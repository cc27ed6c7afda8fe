/* old.h: the FILE that --update begins with: its records are looked at once, and fetched again by where they stand. */
#ifndef MM_CLI_OLD_H
#define MM_CLI_OLD_H

#include "cli/tool.h"

typedef struct {
    int64_t at;
    size_t bytes;
} mm_old_place;

typedef struct {
    int fd;      /* −1: there is no FILE yet */
    bool broken; /* it ends within a record */
    mm_old_place *v;
    int64_t n, room;
} mm_old;

/* Reads r->output and calls note for each record: true: its place is kept, as the last of v. A record whose fields
 * make no sense comes as the error record that stands for it. Dies when FILE is no stream. */
void mm_old_open(mm_run *r, mm_old *o, bool (*note)(void *ctx, const mm_record *rec), void *ctx);
/* The i-th record that was kept, in the arena; false: it cannot be read any more. Thread safe. */
bool mm_old_fetch(const mm_old *o, int64_t i, mm_arena *a, mm_record *rec);
void mm_old_close(mm_old *o);

#endif
