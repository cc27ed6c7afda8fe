#include "model/snapshot.h"

#include "base/file.h"
#include "base/str.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

static const char PREFIX[] = "models--", SNAPSHOTS[] = "/snapshots/";

static bool is_entry(const char *path)
{
    char inside[PATH_MAX];
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    size_t at = n;
    while (at && path[at - 1] != '/')
        at--;
    return n - at > strlen(PREFIX) && strncmp(path + at, PREFIX, strlen(PREFIX)) == 0 &&
           snprintf(inside, sizeof inside, "%s%s", path, SNAPSHOTS) < (int)sizeof inside && mm_dir_exists(inside);
}

/* The commit that refs/main names, if its snapshot is there. */
static bool main_commit(const char *path, char commit[NAME_MAX + 1])
{
    char file[PATH_MAX];
    mm_buf b = {0};
    if (snprintf(file, sizeof file, "%s/refs/main", path) >= (int)sizeof file ||
        mm_file_read(&b, file, NAME_MAX, NULL) != MM_OK) {
        mm_buf_free(&b);
        return false;
    }
    size_t n = 0;
    while (n < b.n && b.p[n] > ' ' && b.p[n] != '/' && b.p[n] != '.')
        n++;
    memcpy(commit, b.p ? b.p : (const void *)"", n);
    commit[n] = 0;
    mm_buf_free(&b);
    return n > 0 && snprintf(file, sizeof file, "%s%s%s", path, SNAPSHOTS, commit) < (int)sizeof file &&
           mm_dir_exists(file);
}

/* How many snapshots there are; the name of one of them. */
static int count(const char *path, char commit[NAME_MAX + 1])
{
    char inside[PATH_MAX];
    snprintf(inside, sizeof inside, "%.*s%s", PATH_MAX - 32, path, SNAPSHOTS);
    DIR *d = opendir(inside);
    int n = 0;
    for (struct dirent *f; d && (f = readdir(d));)
        if (f->d_name[0] != '.') {
            snprintf(commit, NAME_MAX + 1, "%.*s", NAME_MAX, f->d_name);
            n++;
        }
    if (d)
        closedir(d);
    return n;
}

mm_status mm_snapshot_find(char *path, size_t size, mm_err *e)
{
    char commit[NAME_MAX + 1] = "";
    if (!is_entry(path))
        return MM_OK;
    if (!main_commit(path, commit)) {
        int n = count(path, commit);
        if (n != 1)
            return mm_fail(e, MM_FATAL, "%s: no snapshot for refs/main; name one of the %d in %s%s", path, n, path,
                           SNAPSHOTS);
    }
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    if ((size_t)snprintf(path + n, size - n, "%s%s", SNAPSHOTS, commit) >= size - n)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", commit);
    return MM_OK;
}

size_t mm_snapshot_entry(const char *real)
{
    for (const char *at = strstr(real, SNAPSHOTS); at; at = strstr(at + 1, SNAPSHOTS)) {
        const char *base = at;
        while (base > real && base[-1] != '/')
            base--;
        if ((size_t)(at - base) > strlen(PREFIX) && strncmp(base, PREFIX, strlen(PREFIX)) == 0)
            return (size_t)(at - real);
    }
    return 0;
}

const char *mm_snapshot_name(const char *real, size_t *n)
{
    const char *end = real + mm_snapshot_entry(real), *name = end;
    while (name > real && name[-1] != '/' && !(name[-1] == '-' && name - 1 > real && name[-2] == '-'))
        name--;
    *n = (size_t)(end - name);
    return *n ? name : NULL;
}
