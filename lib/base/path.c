#include "base/path.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

mm_status mm_dir_path(char out[PATH_MAX], const char *dir, const char *name, mm_err *e)
{
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return mm_fail(e, MM_FATAL, "%s/%s: the path is too long", dir, name);
    return MM_OK;
}

bool mm_dir_holds(const char *dir, const char *name)
{
    char path[PATH_MAX];
    return mm_dir_path(path, dir, name, NULL) == MM_OK && mm_file_exists(path);
}

bool mm_path_ends(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}
