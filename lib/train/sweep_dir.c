/* sweep_dir.c: the directory of a search, with the results of its trials. */
#include "base/buf.h"
#include "base/file.h"
#include "train/sweep.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WHAT = 1 << 16 };

/* Only "what" and files that begin with a trial's number: no other file is removed. */
static bool is_ours(const char *name)
{
    return strcmp(name, "what") == 0 || (strspn(name, "0123456789") >= 4 && strchr(name, '.'));
}

static void empty(const char *dir)
{
    char path[4096];
    DIR *d = opendir(dir);
    for (const struct dirent *one; d && (one = readdir(d));) {
        if (!is_ours(one->d_name))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, one->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
}

void mm_sweep_remove(const char *dir)
{
    empty(dir);
    rmdir(dir);
}

static mm_status check(const char *path, const char *what, mm_err *e)
{
    mm_buf b = {0};
    mm_status s = mm_file_read(&b, path, MAX_WHAT, e);
    bool same = s == MM_OK && b.n == strlen(what) && memcmp(b.p, what, b.n) == 0;
    mm_buf_free(&b);
    if (s == MM_OK && !same)
        s = mm_fail(e, MM_SKIP, "%s: of another search; remove it to start a new one", path);
    return s;
}

mm_status mm_sweep_begin(const char *dir, const char *what, bool resume, mm_err *e)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/what", dir);
    if (resume && mm_file_exists(path))
        return check(path, what, e);
    if (mm_dir_make(dir, e) != MM_OK)
        return MM_FATAL;
    empty(dir);
    return mm_file_write(path, what, strlen(what), e);
}
