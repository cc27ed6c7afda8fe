/* operands.c: operands of the command line and of lists (--files-from, --files0-from, -0): all of them before the run
 * begins, or, where a list is read as it comes (mm_tool.live), one by one. */
#include "base/buf.h"
#include "base/grow.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 65536, LONGEST = 1 << 20, STOP_MS = 200 };

/* ---- the names in one list ---- */

static mm_status open_list(mm_list_state *l, const char *name, char end, mm_err *e)
{
    bool standard = strcmp(name, "-") == 0;
    if (standard && isatty(STDIN_FILENO))
        return mm_fail(e, MM_SKIP, "a list of files is expected on standard input, not a terminal");
    *l = (mm_list_state){.name = name, .end = end, .fd = STDIN_FILENO};
    if (!standard)
        l->fd = open(name, O_RDONLY | O_CLOEXEC);
    return l->fd < 0 ? mm_fail(e, MM_SKIP, "%s: %s", name, strerror(errno)) : MM_OK;
}

static void close_list(mm_list_state *l)
{
    if (l->fd > STDIN_FILENO)
        close(l->fd);
    mm_buf_free(&l->read);
    *l = (mm_list_state){.fd = -1};
}

/* Waits until the list can be read on. False: a failure under --strict has ended the run meanwhile. */
static bool await(const mm_run *r, int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    while (poll(&p, 1, r->strict ? STOP_MS : -1) <= 0)
        if (r->state->stopped)
            return false;
    return true;
}

/* MM_EOF: there is no more, or --strict has ended the run. */
static mm_status read_more(mm_run *r, mm_list_state *l, mm_err *e)
{
    if (l->at)
        memmove(l->read.p, l->read.p + l->at, l->read.n -= l->at);
    l->at = 0;
    if (l->read.n > LONGEST)
        return mm_fail(e, MM_SKIP, "%s: not a list of files: a name of more than 1 MiB", l->name);
    if (mm_buf_reserve(&l->read, BLOCK, e) != MM_OK)
        return MM_FATAL;
    for (;;) {
        if (!await(r, l->fd)) {
            l->read.n = 0;
            return MM_EOF;
        }
        ssize_t n = read(l->fd, l->read.p + l->read.n, l->read.cap - l->read.n);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return mm_fail(e, MM_SKIP, "%s: %s", l->name, strerror(errno));
        l->read.n += (size_t)n;
        return n ? MM_OK : MM_EOF;
    }
}

/* The next entry, however it ends; the last need not. */
static mm_status next_entry(mm_run *r, mm_list_state *l, mm_str *entry, mm_err *e)
{
    size_t searched = 0;
    for (;;) {
        const char *p = (const char *)l->read.p + l->at;
        size_t n = l->read.n - l->at;
        const char *stop = n > searched ? memchr(p + searched, l->end, n - searched) : NULL;
        searched = n;
        if (stop || l->over) {
            *entry = (mm_str){p, stop ? (size_t)(stop - p) : n};
            l->at += entry->n + (stop != NULL);
            return stop || n ? MM_OK : MM_EOF;
        }
        mm_status s = read_more(r, l, e); /* which moves what was read */
        l->over = s == MM_EOF;
        if (s != MM_OK && s != MM_EOF)
            return s;
    }
}

/* Empty entries (a blank line, two NULs) name nothing and are left out. */
static mm_status next_name(mm_run *r, mm_list_state *l, mm_str *name, mm_err *e)
{
    mm_status s;
    do {
        s = next_entry(r, l, name, e);
        if (s == MM_OK && l->end == '\n' && name->n && name->p[name->n - 1] == '\r')
            name->n--;
    } while (s == MM_OK && !name->n);
    if (s == MM_OK && memchr(name->p, 0, name->n))
        return mm_fail(e, MM_SKIP, "%s: names ended by NUL bytes: read it with --files0-from", l->name);
    return s;
}

/* ---- all of them ---- */

static mm_status add_operand(mm_run *r, int64_t *room, const char *name, mm_err *e)
{
    if (!mm_grow_in(&r->state->arena, &r->operands, room, r->n_operands))
        return mm_fail_memory(e);
    r->operands[r->n_operands++] = name;
    return MM_OK;
}

static mm_status add_list(mm_run *r, int64_t *room, mm_list_state *l, mm_err *e)
{
    mm_str name;
    mm_status s;
    while ((s = next_name(r, l, &name, e)) == MM_OK) {
        const char *copy = mm_arena_strdup(&r->state->arena, name);
        s = copy ? add_operand(r, room, copy, e) : mm_fail_memory(e);
        if (s != MM_OK)
            return s;
    }
    close_list(l);
    return s == MM_EOF ? MM_OK : s;
}

static mm_status open_lists(mm_run *r, mm_err *e)
{
    mm_run_state *st = r->state;
    mm_list_state *l = st->lists;
    mm_status s = MM_OK;
    for (size_t i = 0; i < MM_LISTS; i++)
        l[i].fd = -1;
    if (st->files_from)
        s = open_list(&l[0], st->files_from, st->null ? 0 : '\n', e);
    if (s == MM_OK && st->files0_from)
        s = open_list(&l[1], st->files0_from, 0, e);
    else if (s == MM_OK && st->null && !st->files_from)
        s = open_list(&l[1], "-", 0, e);
    return s;
}

mm_status mm_operands(mm_run *r, const mm_parsed *p, mm_err *e)
{
    mm_list_state *l = r->state->lists;
    int64_t room = 0;
    mm_status s = open_lists(r, e);
    bool listed = s == MM_OK && (l[0].name || l[1].name);
    for (int i = 0; i < p->n_operands && s == MM_OK; i++)
        s = add_operand(r, &room, p->operand[i], e);
    r->lists_live = listed && r->tool->live && *r->tool->live;
    for (int i = 0; i < MM_LISTS && s == MM_OK && !r->lists_live; i++)
        if (l[i].name)
            s = add_list(r, &room, &l[i], e);
    if (s == MM_OK && listed && !r->lists_live && r->n_operands == 0)
        return mm_fail(e, MM_SKIP, "the list of files is empty");
    return s;
}

/* ---- one by one ---- */

mm_status mm_operands_next(mm_run *r, const char **path, mm_err *e)
{
    mm_run_state *st = r->state;
    mm_str name;
    mm_status s = MM_EOF;
    for (int i = 0; i < MM_LISTS && s == MM_EOF; i++)
        if (st->lists[i].name && (s = next_name(r, &st->lists[i], &name, e)) == MM_EOF)
            close_list(&st->lists[i]);
    if (s != MM_OK)
        return s == MM_SKIP ? MM_FATAL : s;
    st->listed.n = 0;
    s = mm_buf_append(&st->listed, name.p, name.n, e);
    if (s == MM_OK)
        s = mm_buf_append(&st->listed, "", 1, e);
    *path = (const char *)st->listed.p;
    return s;
}
