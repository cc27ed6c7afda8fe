/* operands.c: operands of the command line and of lists (--files-from, --files0-from, -0). */
#include "base/buf.h"
#include "base/grow.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static mm_status read_whole(int fd, const char *name, mm_buf *b, mm_err *e)
{
    for (;;) {
        if (mm_buf_reserve(b, 65536, e) != MM_OK)
            return MM_FATAL;
        ssize_t n = read(fd, b->p + b->n, b->cap - b->n);
        if (n == 0)
            return MM_OK;
        if (n < 0 && errno != EINTR)
            return mm_fail(e, MM_SKIP, "%s: %s", name, strerror(errno));
        b->n += n > 0 ? (size_t)n : 0;
    }
}

static mm_status read_list(const char *name, mm_buf *b, mm_err *e)
{
    bool standard = strcmp(name, "-") == 0;
    if (standard && isatty(STDIN_FILENO))
        return mm_fail(e, MM_SKIP, "a list of files is expected on standard input, not a terminal");
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mm_fail(e, MM_SKIP, "%s: %s", name, strerror(errno));
    mm_status s = read_whole(fd, name, b, e);
    if (!standard)
        close(fd);
    return s;
}

static mm_status add_operand(mm_run *r, int64_t *room, const char *name, mm_err *e)
{
    if (!mm_grow_in(&r->state->arena, &r->operands, room, r->n_operands))
        return mm_fail_memory(e);
    r->operands[r->n_operands++] = name;
    return MM_OK;
}

/* Empty entries (a blank line, two NULs) name nothing and are left out. */
static mm_status add_list(mm_run *r, int64_t *room, const char *list, char end, mm_err *e)
{
    mm_buf b = {0};
    mm_status s = read_list(list, &b, e);
    for (size_t at = 0; s == MM_OK && at < b.n;) {
        const char *p = (const char *)b.p + at, *stop = memchr(p, end, b.n - at);
        size_t n = stop ? (size_t)(stop - p) : b.n - at;
        at += n + 1;
        if (end == '\n' && n && p[n - 1] == '\r')
            n--;
        if (n && memchr(p, 0, n))
            s = mm_fail(e, MM_SKIP, "%s: names ended by NUL bytes: read it with --files0-from", list);
        else if (n) {
            const char *copy = mm_arena_strdup(&r->state->arena, (mm_str){p, n});
            s = copy ? add_operand(r, room, copy, e) : mm_fail_memory(e);
        }
    }
    mm_buf_free(&b);
    return s;
}

mm_status mm_operands(mm_run *r, const mm_parsed *p, mm_err *e)
{
    mm_run_state *st = r->state;
    mm_status s = MM_OK;
    int64_t room = 0;
    int before;
    for (int i = 0; i < p->n_operands && s == MM_OK; i++)
        s = add_operand(r, &room, p->operand[i], e);
    before = r->n_operands;
    if (s == MM_OK && st->files_from)
        s = add_list(r, &room, st->files_from, st->null ? 0 : '\n', e);
    if (s == MM_OK && st->files0_from)
        s = add_list(r, &room, st->files0_from, 0, e);
    else if (s == MM_OK && st->null && !st->files_from)
        s = add_list(r, &room, "-", 0, e);
    bool listed = st->files_from || st->files0_from || st->null;
    if (s == MM_OK && listed && r->n_operands == before && before == 0)
        return mm_fail(e, MM_SKIP, "the list of files is empty");
    return s;
}
