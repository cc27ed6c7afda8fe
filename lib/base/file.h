/* file.h: whole files: found, mapped, read up to a limit, and written atomically. */
#ifndef MM_BASE_FILE_H
#define MM_BASE_FILE_H

#include "base/buf.h"
#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct {
    const uint8_t *p; /* NULL for an empty file */
    size_t n;
} mm_map;

/* Maps a regular file read-only; bytes are read from disk when they are touched. Truncating a mapped file kills the
 * process with SIGBUS, which is why model files are replaced by rename, never in place. */
mm_status mm_map_open(mm_map *m, const char *path, mm_err *e);
void mm_map_close(mm_map *m);

/* Writes to out why path could not be opened (errno); for an address such as https://…, what to do instead (`tool`
 * reads standard input). Returns out. */
const char *mm_open_failure(const char *path, const char *tool, char *out, size_t size);

bool mm_file_exists(const char *path);
bool mm_dir_exists(const char *path);
/* DIR/NAME; MM_FATAL when it is too long. */
mm_status mm_dir_path(char out[PATH_MAX], const char *dir, const char *name, mm_err *e);
bool mm_dir_holds(const char *dir, const char *name); /* such a file */
mm_status mm_dir_make(const char *dir, mm_err *e);    /* one that exists is fine */
/* Makes the directories above the last component of path from its byte `from` on. path is as before afterwards. */
mm_status mm_dir_make_above(char *path, size_t from, mm_err *e);
bool mm_path_ends(const char *path, const char *suffix);
/* Whether the name still means the open file: between open and flock its writer may have renamed it. */
bool mm_file_is_at(int fd, const char *name);

/* Appends the file's bytes to b. MM_FATAL when it has more than max. */
mm_status mm_file_read(mm_buf *b, const char *path, size_t max, mm_err *e);

/* A file being written, by one writer at a time (others wait): PATH.part until mm_part_file_commit renames it.
 * mm_part_file_drop removes it unless it was committed. */
typedef struct {
    FILE *f;
    char path[4096], part[4096 + 8];
} mm_part_file;

mm_status mm_part_file_open(mm_part_file *p, const char *path, mm_err *e);
mm_status mm_part_file_commit(mm_part_file *p, mm_err *e); /* reports every write error since open */
void mm_part_file_drop(mm_part_file *p);

/* Writes a whole file in this way. */
mm_status mm_file_write(const char *path, const void *bytes, size_t n, mm_err *e);
mm_status mm_file_copy(const char *from, const char *to, mm_err *e);

#endif
