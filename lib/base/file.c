#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static mm_status map_descriptor(mm_map *m, int fd, const char *path, mm_err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return mm_fail(e, MM_FATAL, "%s: not a regular file", path);
    if (st.st_size == 0)
        return MM_OK;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return mm_fail(e, MM_FATAL, "%s: cannot be mapped: %s", path, strerror(errno));
    *m = (mm_map){.p = p, .n = (size_t)st.st_size};
    return MM_OK;
}

mm_status mm_map_open(mm_map *m, const char *path, mm_err *e)
{
    *m = (mm_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a FIFO must not hang us */
    if (fd < 0)
        return mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    mm_status s = map_descriptor(m, fd, path, e);
    close(fd);
    return s;
}

void mm_map_close(mm_map *m)
{
    if (m->p)
        munmap((void *)(uintptr_t)m->p, m->n);
    *m = (mm_map){0};
}

/* "https://…": a scheme and "://". */
static bool is_address(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strspn(path, letters);
    return n > 1 && strncmp(path + n, "://", 3) == 0;
}

const char *mm_open_failure(const char *path, const char *tool, char *out, size_t size)
{
    if (errno != ENOENT || !is_address(path))
        snprintf(out, size, "%s", strerror(errno));
    else if (strncmp(path, "file://", 7) == 0)
        snprintf(out, size, "a URL, not a file: give the path alone, without file://");
    else if (strncmp(path, "http", 4) == 0 || strncmp(path, "ftp", 3) == 0)
        snprintf(out, size, "a URL, not a file: `curl -sL URL | %s -` reads it", tool);
    else
        snprintf(out, size, "a URL, not a file: fetch it, or pipe it into `%s -`", tool);
    return out;
}

bool mm_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool mm_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

mm_status mm_dir_make(const char *dir, mm_err *e)
{
    return mkdir(dir, 0777) == 0 || errno == EEXIST
               ? MM_OK
               : mm_fail(e, MM_FATAL, "%s: cannot be made: %s", dir, strerror(errno));
}

mm_status mm_dir_make_above(char *path, size_t from, mm_err *e)
{
    mm_status s = MM_OK;
    for (char *p = strchr(path + from, '/'); s == MM_OK && p; p = strchr(p + 1, '/')) {
        *p = 0;
        s = mm_dir_make(path, e);
        *p = '/';
    }
    return s;
}

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

mm_status mm_file_read(mm_buf *b, const char *path, size_t max, mm_err *e)
{
    mm_map m;
    mm_status s = mm_map_open(&m, path, e);
    if (s == MM_OK && m.n > max)
        s = mm_fail(e, MM_FATAL, "%s: %zu bytes, more than the %zu that such a file may have", path, m.n, max);
    if (s == MM_OK)
        s = mm_buf_append(b, m.p, m.n, e);
    mm_map_close(&m);
    return s;
}

bool mm_file_is_at(int fd, const char *name)
{
    struct stat open, there;
    return fstat(fd, &open) == 0 && lstat(name, &there) == 0 && open.st_dev == there.st_dev &&
           open.st_ino == there.st_ino;
}

/* Opens the file empty, after its current writer, if any, has finished; −1 with errno. File systems without locks do
 * not wait. A symbolic link must not decide which file is overwritten. */
static int open_alone(const char *name)
{
    int fd;
    while ((fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) >= 0) {
        if (flock(fd, LOCK_EX) != 0 || mm_file_is_at(fd, name))
            break;
        close(fd);
    }
    if (fd < 0 || ftruncate(fd, 0) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

mm_status mm_part_file_open(mm_part_file *p, const char *path, mm_err *e)
{
    p->f = NULL;
    if (strlen(path) >= sizeof p->path)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", path);
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->part, sizeof p->part, "%s.part", path);
    int fd = open_alone(p->part);
    if (fd < 0)
        return mm_fail(e, MM_FATAL, "%s: %s", p->part, errno == ELOOP ? "a symbolic link: remove it" : strerror(errno));
    p->f = fdopen(fd, "wb");
    if (!p->f)
        close(fd);
    return p->f ? MM_OK : mm_fail_memory(e);
}

/* Renames before the descriptor, and with it the lock, is closed. */
mm_status mm_part_file_commit(mm_part_file *p, mm_err *e)
{
    errno = 0;
    bool bad = ferror(p->f) != 0;
    bad |= fflush(p->f) != 0;
    bad |= !bad && fsync(fileno(p->f)) != 0 && errno != EINVAL && errno != EROFS; /* not every file system can */
    bad = bad || rename(p->part, p->path) != 0;
    int why = errno;
    if (bad)
        unlink(p->part);
    fclose(p->f);
    p->f = NULL;
    return bad ? mm_fail(e, MM_FATAL, "%s: cannot be written: %s", p->path, why ? strerror(why) : "write error")
               : MM_OK;
}

void mm_part_file_drop(mm_part_file *p)
{
    if (!p->f)
        return;
    unlink(p->part);
    fclose(p->f);
    p->f = NULL;
}

mm_status mm_file_write(const char *path, const void *bytes, size_t n, mm_err *e)
{
    mm_part_file p;
    mm_status s = mm_part_file_open(&p, path, e);
    if (s != MM_OK)
        return s;
    fwrite(bytes, 1, n, p.f);
    return mm_part_file_commit(&p, e);
}

mm_status mm_file_copy(const char *from, const char *to, mm_err *e)
{
    mm_map map;
    mm_status s = mm_map_open(&map, from, e);
    if (s != MM_OK)
        return s;
    s = mm_file_write(to, map.p ? (const void *)map.p : "", map.n, e);
    mm_map_close(&map);
    return s;
}
