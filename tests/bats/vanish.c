/* A library to preload: whatever is called "vanishing" is gone when its kind is asked for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int fstatat(int dir, const char *restrict path, struct stat *restrict out, int flags)
{
    int (*real)(int, const char *, struct stat *, int) =
        (int (*)(int, const char *, struct stat *, int))dlsym(RTLD_NEXT, "fstatat");
    if (strcmp(path, "vanishing") != 0)
        return real(dir, path, out, flags);
    memset(out, 0, sizeof *out);
    errno = ENOENT;
    return -1;
}
