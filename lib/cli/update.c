/* update.c: --update: the records of an existing FILE, to be found by what they were made of. */
#include "base/grow.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    uint64_t id; /* 0: free */
    int64_t at;
    size_t bytes;
} entry;

struct mm_update {
    int fd;
    const mm_filter *f;
    entry *slot;
    int64_t slots, n; /* slots is a power of two, at most half of them taken */
};

static entry *slot_of(entry *slot, int64_t slots, uint64_t id)
{
    int64_t i = (int64_t)(id & (uint64_t)(slots - 1));
    while (slot[i].id && slot[i].id != id)
        i = (i + 1) & (slots - 1);
    return &slot[i];
}

static void grow(mm_run *r, struct mm_update *u)
{
    int64_t slots = u->slots ? u->slots * 2 : 1024;
    entry *slot = calloc((size_t)slots, sizeof *slot);
    if (!slot)
        mm_die(r, "out of memory");
    for (int64_t i = 0; i < u->slots; i++)
        if (u->slot[i].id)
            *slot_of(slot, slots, u->slot[i].id) = u->slot[i];
    free(u->slot);
    u->slot = slot;
    u->slots = slots;
}

static void note(mm_run *r, struct mm_update *u, uint64_t id, int64_t at, int64_t end)
{
    if (u->n * 2 >= u->slots)
        grow(r, u);
    entry *x = slot_of(u->slot, u->slots, id);
    u->n += !x->id;
    *x = (entry){id, at, (size_t)(end - at)};
}

/* A record that is broken ends what can be kept, and is no reason to stop. */
static void read_all(mm_run *r, struct mm_update *u)
{
    mm_reader *in;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    mm_status s;
    int64_t at = 0;
    if (mm_reader_new(&in, u->fd, r->output, &e) != MM_OK)
        mm_die(r, "%s", e.text);
    while ((s = mm_reader_next(in, &a, &rec, &e)) == MM_OK || s == MM_SKIP) {
        uint64_t id = s == MM_OK ? u->f->made_id(u->f->ctx, &rec) : 0;
        if (id)
            note(r, u, id, at, mm_reader_offset(in));
        at = mm_reader_offset(in);
        mm_arena_reset(&a);
    }
    if (s == MM_FATAL && at == 0)
        mm_die(r, "%s; --update goes on from a stream", e.text);
    mm_reader_free(in);
    mm_arena_free(&a);
}

void mm_update_open(mm_run *r, const mm_filter *f)
{
    if (!r->update)
        return;
    struct mm_update *u = r->state->update = calloc(1, sizeof *u);
    if (!u)
        mm_die(r, "out of memory");
    u->f = f;
    u->fd = open(r->output, O_RDONLY | O_CLOEXEC);
    if (u->fd < 0 && errno != ENOENT)
        mm_die(r, "%s: %s", r->output, strerror(errno));
    if (u->fd >= 0)
        read_all(r, u);
    mm_say(&r->log, MM_LOG_INFO, "%s: %lld records that may be kept", r->output, (long long)u->n);
}

void mm_update_close(mm_run *r)
{
    struct mm_update *u = r->state->update;
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    free(u->slot);
    free(u);
    r->state->update = NULL;
}

/* The record of that id, with its bytes in the arena. False: there is none. */
static bool fetch(const struct mm_update *u, uint64_t id, mm_arena *a, mm_record *rec)
{
    const entry *x = u->n ? slot_of(u->slot, u->slots, id) : NULL;
    size_t used;
    mm_err e;
    if (!x || !x->id)
        return false;
    void *p = mm_arena_alloc(a, x->bytes);
    return p && pread(u->fd, p, x->bytes, x->at) == (ssize_t)x->bytes &&
           mm_record_parse(p, x->bytes, &used, a, rec, &e) == MM_OK && u->f->made_id(u->f->ctx, rec) == id;
}

/* The n-th of several, or with n = −1 the only one, as it would come of `from` now. */
static bool keep_one(mm_run *r, const mm_record *from, int n, mm_arena *a, mm_record *out)
{
    const struct mm_update *u = r->state->update;
    mm_err e;
    if (!fetch(u, u->f->id_of(u->f->ctx, from, n), a, out) || !mm_str_eq(out->src, from->src))
        return false;
    mm_status s = u->f->renew(u->f->ctx, out, from, a, &e);
    if (s == MM_FATAL)
        mm_die(r, "%s", e.text);
    return s == MM_OK;
}

int mm_update_find(mm_run *r, const mm_record *from, mm_arena *a, mm_record **out)
{
    enum { MOST = 4096 };
    mm_record rec;
    int64_t n = 0, room = 0;
    *out = NULL;
    if (!r->state->update || !r->state->update->n)
        return 0;
    bool one = keep_one(r, from, -1, a, &rec);
    while (n < MOST && (one ? n == 0 : keep_one(r, from, (int)n, a, &rec))) {
        if (!mm_grow_in(a, out, &room, n))
            mm_die(r, "out of memory");
        (*out)[n++] = rec;
    }
    return n < MOST ? (int)n : 0; /* more pieces than that are computed again */
}
