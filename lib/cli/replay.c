#include "cli/replay.h"

#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mm_replay {
    mm_run *r;
    int fd;
    int64_t size; /* where the records end that are not decoded again */
    mm_reader *in;
    mm_arena arena;
    mm_record rec;
    bool over;
};

mm_replay *mm_replay_open(mm_run *r)
{
    const char *part = r->state->out.part;
    mm_err e;
    if (!r->state->out.replay)
        return NULL;
    mm_replay *k = calloc(1, sizeof *k);
    if (!k)
        mm_die(r, "out of memory");
    k->r = r;
    k->fd = open(part, O_RDONLY | O_CLOEXEC);
    if (k->fd < 0)
        mm_die(r, "%s: %s", part, strerror(errno));
    k->size = r->state->out.replay;
    if (mm_reader_new(&k->in, k->fd, part, &e) != MM_OK)
        mm_die_of(r, &e);
    mm_replay_step(k);
    return k;
}

void mm_replay_close(mm_replay *k)
{
    if (!k)
        return;
    mm_reader_free(k->in);
    mm_arena_free(&k->arena);
    close(k->fd);
    free(k);
}

const mm_record *mm_replay_record(const mm_replay *k)
{
    return k->over ? NULL : &k->rec;
}

void mm_replay_step(mm_replay *k)
{
    mm_err e;
    mm_arena_reset(&k->arena);
    mm_status s = mm_reader_offset(k->in) < k->size ? mm_reader_next(k->in, &k->arena, &k->rec, &e) : MM_EOF;
    if (s == MM_FATAL)
        mm_die_of(k->r, &e);
    k->over = s == MM_EOF;
}
