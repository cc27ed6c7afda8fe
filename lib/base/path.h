/* path.h: DIR/NAME in a buffer of PATH_MAX bytes. */
#ifndef MM_BASE_PATH_H
#define MM_BASE_PATH_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>

/* MM_FATAL when the path is too long. */
mm_status mm_dir_path(char out[PATH_MAX], const char *dir, const char *name, mm_err *e);
/* Whether the directory has a file of this name (a link to one counts). */
bool mm_dir_holds(const char *dir, const char *name);
bool mm_path_ends(const char *path, const char *suffix);

#endif
