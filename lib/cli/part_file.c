/* part_file.c: FILE.part, the name of an output until it is complete: locked, a file of its own, and nothing that the
 * same command reads. */
#include "base/file.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- inputs must not be overwritten ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_named(const char *path, const struct stat *out)
{
    struct stat st;
    if (!path)
        return false;
    return (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st)) == 0 && is_same(&st, out);
}

/* An option whose value is a file that is read: --knn FILE, --labels FILE … */
static bool is_named_by(const mm_opt *o, const struct stat *out)
{
    if (o->complete != MM_COMPLETE_FILE && o->complete != MM_COMPLETE_MODEL)
        return false;
    if (o->type == MM_OPT_STR)
        return is_named(*(const char **)o->to, out);
    const mm_list *l = o->to;
    for (int i = 0; o->type == MM_OPT_LIST && i < l->n; i++)
        if (is_named(l->v[i], out))
            return true;
    return false;
}

void mm_part_refuse_inputs(mm_run *r, int fd, const char *name)
{
    struct stat out;
    bool read = false;
    if (fstat(fd, &out) != 0 || !S_ISREG(out.st_mode))
        return;
    if (r->n_operands == 0)
        read = is_named("-", &out);
    for (int i = 0; i < r->n_operands && !read; i++)
        read = is_named(r->operands[i], &out);
    for (int i = 0; i < r->state->opts.n && !read; i++)
        read = r->state->opts.v[i].to != &r->output && is_named_by(&r->state->opts.v[i], &out);
    if (read)
        mm_die(r, "%s is an input of this command: choose another output", name);
}

/* ---- the file ---- */

/* The descriptor, or −1 and *why, for a message. O_NOFOLLOW: others who may write to the directory must not choose what
 * is overwritten. */
static int open_locked(const char *part, const char **why)
{
    struct stat st;
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0666);
    *why = NULL;
    if (fd < 0)
        *why = errno == ELOOP ? "a symbolic link: remove it" : strerror(errno);
    else if (fstat(fd, &st) < 0)
        *why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        *why = "not a regular file: remove it";
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        *why = errno == EWOULDBLOCK ? "another program is writing it" : strerror(errno);
    if (*why && fd >= 0)
        close(fd);
    return *why ? -1 : fd;
}

int mm_part_take(mm_run *r, const char *path, char **name)
{
    char *real = realpath(path, NULL), *part; /* a symbolic link stays one: its target is replaced */
    const char *why;
    int fd, n = asprintf(&part, "%s.part", real ? real : path);
    free(real);
    if (n < 0)
        mm_die(r, "out of memory");
    while ((fd = open_locked(part, &why)) >= 0 && !mm_file_is_at(fd, part))
        close(fd);
    if (fd < 0)
        mm_die(r, "%s: %s", part, why);
    mm_part_refuse_inputs(r, fd, part);
    *name = part;
    return fd;
}
