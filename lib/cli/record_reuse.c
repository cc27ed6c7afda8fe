/* record_reuse.c: --update: the records of an existing FILE, to be found by what they were made of. */
#include "base/grow.h"
#include "base/id_map.h"
#include "cli/previous_output.h"
#include "cli/state.h"

#include <stdlib.h>

struct mm_record_reuse {
    mm_run *r;
    const mm_filter *f;
    mm_previous previous;
    mm_id_map at; /* the number of a record in `previous` by its id */
};

static bool note(void *ctx, const mm_record *rec)
{
    struct mm_record_reuse *u = ctx;
    uint64_t id = u->f->id(u->f->ctx, rec);
    if (id && !mm_id_map_put(&u->at, id, u->previous.n))
        mm_die(u->r, "out of memory");
    return id != 0;
}

void mm_record_reuse_open(mm_run *r, const mm_filter *f)
{
    if (!r->update)
        return;
    struct mm_record_reuse *u = r->state->reuse = calloc(1, sizeof *u);
    if (!u)
        mm_die(r, "out of memory");
    u->r = r;
    u->f = f;
    mm_previous_open(r, &u->previous, note, u);
    mm_say(&r->log, MM_LOG_INFO, "%s: %lld records that may be kept", r->output, (long long)u->at.n);
}

/* Whether there is a FILE, which a bad input must not replace. */
static bool has_file(const mm_run *r)
{
    return r->state->reuse && r->state->reuse->previous.fd >= 0;
}

bool mm_record_reuse_gives_up(const mm_run *r)
{
    return has_file(r) && r->state->in.breaks;
}

void mm_record_reuse_settle(mm_run *r, const mm_filter *f, bool wanted)
{
    if (mm_record_reuse_gives_up(r) && r->done)
        mm_die(r, "%s is kept as it was, because the input broke off; with the whole input --update --resume continues",
               r->output);
    if (mm_record_reuse_gives_up(r))
        mm_die(r, "%s is kept as it was, because the input broke off", r->output);
    if (!has_file(r) || r->done)
        return;
    r->state->out.resumable = false; /* another input would not begin like this one */
    if (!r->state->in.some)
        mm_die(r, "%s is kept as it was, because the input holds no record", r->output);
    if (!wanted)
        mm_die(r, "%s is kept as it was, because the input holds no %s record", r->output, f->takes);
    mm_die(r, "%s is kept as it was, because no %s record of the input could be encoded", r->output, f->takes);
}

void mm_record_reuse_stopped(mm_run *r)
{
    if (has_file(r))
        mm_warn(r, "%s is kept as it was, because something failed (--strict)", r->output);
}

void mm_record_reuse_close(mm_run *r)
{
    struct mm_record_reuse *u = r->state->reuse;
    if (!u)
        return;
    mm_previous_close(&u->previous);
    mm_id_map_free(&u->at);
    free(u);
    r->state->reuse = NULL;
}

/* The record of that id, with its bytes in the arena. False: there is none. */
static bool fetch(const struct mm_record_reuse *u, uint64_t id, mm_arena *a, mm_record *rec)
{
    int64_t i = mm_id_map_get(&u->at, id);
    return i >= 0 && mm_previous_fetch(&u->previous, i, a, rec) && u->f->id(u->f->ctx, rec) == id;
}

/* The n-th of several, or with n = −1 the only one, as it would come of `from` now. */
static bool keep_one(mm_run *r, const mm_record *from, int n, mm_arena *a, mm_record *out)
{
    const struct mm_record_reuse *u = r->state->reuse;
    mm_err e;
    if (!fetch(u, u->f->expected_id(u->f->ctx, from, n), a, out) || !mm_str_eq(out->src, from->src))
        return false;
    mm_status s = u->f->refresh(u->f->ctx, out, from, a, &e);
    if (s == MM_FATAL)
        mm_die_of(r, &e);
    return s == MM_OK;
}

int mm_record_reuse_find(mm_run *r, const mm_record *from, mm_arena *a, mm_record **out)
{
    enum { MOST = 4096 };
    mm_record rec;
    int64_t n = 0, room = 0;
    *out = NULL;
    if (!r->state->reuse || !r->state->reuse->at.n)
        return 0;
    bool one = keep_one(r, from, -1, a, &rec);
    while (n < MOST && (one ? n == 0 : keep_one(r, from, (int)n, a, &rec))) {
        if (!mm_grow_in(a, out, &room, n))
            mm_die(r, "out of memory");
        (*out)[n++] = rec;
    }
    return n < MOST ? (int)n : 0; /* more pieces than that are computed again */
}
