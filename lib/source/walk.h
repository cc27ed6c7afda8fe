/* walk.h: the files below a directory, in the order of their keys. */
#ifndef MM_SOURCE_WALK_H
#define MM_SOURCE_WALK_H

#include "source/source_options.h"

typedef struct mm_walk mm_walk;

typedef struct {
    mm_str path;      /* to open it; terminated */
    mm_str rel;       /* below the root */
    mm_status status; /* MM_SKIP: a directory or link that could not be read, err says why */
    mm_err err;
} mm_walk_item;

/* In each directory entries are sorted by their names without extension, so that files with the same key are
 * neighbours, then by their whole names; a subdirectory comes after the files of its name. Hidden names, links to
 * directories (unless o->follow) and entries that are neither files nor directories are skipped: logged to o->log and
 * counted in *skipped. */
mm_status mm_walk_open(mm_walk **out, const char *root, const mm_source_opts *o, int64_t *skipped, mm_err *e);
void mm_walk_close(mm_walk *w); /* NULL is fine */
/* The next file; its strings live in the arena. MM_OK, MM_EOF, MM_FATAL when memory is out. */
mm_status mm_walk_next(mm_walk *w, mm_arena *a, mm_walk_item *item, mm_err *e);

#endif
