/* resume.c: what FILE.part of an interrupted run holds, and what of the input need not be done again.
 *
 * A filter reads FILE.part beside its input: each input record takes the records that were made of it, until one lacks
 * some; there the file is cut and work begins. mm-decode has no input records, only sources: it skips those whose
 * records are there, in order, and decodes the last one again, comparing its records with those in the file instead of
 * writing them. So both keep all but the last record, and both notice another input. */
#include "base/buf.h"
#include "base/grow.h"
#include "base/hash.h"
#include "cli/state.h"
#include "stream/looks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading FILE.part ---- */

struct mm_resume {
    mm_reader *in;
    mm_arena a;
    mm_record rec;  /* the next one, if there is one: */
    bool any;       /* … */
    int64_t at;     /* where it starts, or where the whole records end */
    int64_t n;      /* how many were taken, without marks */
    uint64_t *span; /* mm-decode: hash of the src of each span of records that share one */
    int64_t spans, cap, matched;
};

/* The first record was cut short: nothing is lost. Anything else is not our file, and is not cut. */
static bool begins_a_record(int fd)
{
    uint8_t head[64];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n >= 0 && mm_looks_record(head, (size_t)n);
}

static void look_at_next(mm_run *r, struct mm_resume *s)
{
    mm_err e = {0};
    s->at = mm_reader_offset(s->in);
    mm_arena_reset(&s->a);
    mm_status st = mm_reader_next(s->in, &s->a, &s->rec, &e);
    s->any = st == MM_OK || st == MM_SKIP;
    if (st == MM_FATAL && s->at == 0 && !begins_a_record(r->state->out.fd))
        mm_die(r, "%s; remove it to start anew", e.text);
}

static struct mm_resume *open_part(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    mm_err e;
    struct mm_resume *s = calloc(1, sizeof *s);
    if (!s)
        mm_die(r, "out of memory");
    if (lseek(out->fd, 0, SEEK_SET) < 0)
        mm_die(r, "%s: %s", out->part, strerror(errno));
    if (mm_reader_new(&s->in, out->fd, out->part, &e) != MM_OK)
        mm_die_of(r, &e);
    look_at_next(r, s);
    return s;
}

static void close_part(struct mm_resume *s)
{
    mm_reader_free(s->in);
    mm_arena_free(&s->a);
    free(s->span);
    free(s);
}

bool mm_resume_is_worth_it(int fd, const char *name)
{
    mm_reader *in;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    if (mm_reader_new(&in, fd, name, &e) != MM_OK)
        return false;
    bool whole = mm_reader_next(in, &a, &rec, &e) == MM_OK;
    mm_reader_free(in);
    mm_arena_free(&a);
    return lseek(fd, 0, SEEK_SET) == 0 && whole;
}

/* Of a filter. --update reads a FILE that ends inside a record, and one that holds a record twice. */
__attribute__((noreturn)) static void other_input(mm_run *r, const char *what, mm_str name)
{
    mm_die(r,
           "%s %s %.*s: the input or the options are not those of the interrupted run; %s it to %s and %s to keep what "
           "has not changed, or remove it to start anew",
           r->state->out.part, what, MM_STRF(name), r->update ? "append" : "rename", r->output,
           r->update ? "leave out --resume" : "give --update for --resume");
}

/* Cuts the file at `at`, where writing continues. */
static void cut_at(mm_run *r, int64_t at)
{
    mm_out_state *out = &r->state->out;
    if (ftruncate(out->fd, at) < 0 || lseek(out->fd, at, SEEK_SET) < 0)
        mm_die(r, "%s: %s", out->part, strerror(errno));
}

/* ---- filters ---- */

static void take(mm_run *r, struct mm_resume *s)
{
    s->n += s->rec.kind != MM_KIND_MARK;
    look_at_next(r, s);
}

/* Takes the record as it came in. */
static void take_same(mm_run *r, struct mm_resume *s, const mm_record *from)
{
    bool same = from->raw.p ? mm_str_eq(s->rec.raw, from->raw) : s->rec.kind == from->kind;
    if (!same || !mm_str_eq(s->rec.src, from->src))
        other_input(r, "does not hold, where it should,", from->src);
    take(r, s);
}

/* Takes the records that were made of `from`; false: some may be missing. */
static bool take_made(mm_run *r, struct mm_resume *s, const mm_filter *f, const mm_record *from)
{
    int n = 0;
    if (f->keep && s->any)
        take_same(r, s, from);
    if (s->any && s->rec.kind == MM_KIND_ERROR && mm_str_eq(s->rec.src, from->src)) {
        take(r, s);
        mm_run_worsen(r, 1); /* a failure in the interrupted run counts, too */
        return true;
    }
    for (; s->any && mm_str_eq(s->rec.src, from->src) && f->matches(f->ctx, &s->rec, from, n); n++)
        take(r, s);
    if (s->any && !n)
        other_input(r, "holds nothing of", from->src);
    return s->any;
}

void mm_resume_open(mm_run *r)
{
    if (r->resume)
        r->state->resume = open_part(r);
}

bool mm_resume_has(mm_run *r, const mm_filter *f, bool wanted, const mm_record *from)
{
    struct mm_resume *s = r->state->resume;
    if (!s)
        return false;
    int64_t start = s->at;
    bool whole = s->any;
    if (whole && wanted)
        whole = take_made(r, s, f, from);
    else if (whole)
        take_same(r, s, from);
    if (whole) {
        r->done += wanted;
        return true;
    }
    mm_say(&r->log, MM_LOG_INFO, "%s: going on after %lld records", r->state->out.part, (long long)s->n);
    cut_at(r, start);
    close_part(s);
    r->state->resume = NULL;
    return false;
}

void mm_resume_end(mm_run *r)
{
    struct mm_resume *s = r->state->resume;
    if (!s)
        return;
    if (s->any)
        other_input(r, "holds more than the input:", s->rec.src);
    cut_at(r, s->at);
    close_part(s);
    r->state->resume = NULL;
}

/* ---- sources ---- */

static void note_span(mm_run *r, struct mm_resume *s)
{
    if (!mm_grow(&s->span, &s->cap, s->spans))
        mm_die(r, "out of memory");
    s->span[s->spans++] = mm_hash(s->rec.src);
}

void mm_resume_sources(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (!r->resume)
        return;
    struct mm_resume *s = open_part(r);
    mm_buf src = {0};
    mm_err e;
    bool failed = false;
    for (; s->any; take(r, s)) {
        if (!s->spans || !mm_str_eq(s->rec.src, (mm_str){(char *)src.p, src.n})) {
            note_span(r, s);
            out->replay = s->at;
            src.n = 0;
            if (failed) /* of a source that is not done again */
                mm_run_worsen(r, 1);
            failed = false;
            if (mm_buf_append(&src, s->rec.src.p, s->rec.src.n, &e) != MM_OK)
                mm_die_of(r, &e);
        }
        failed |= s->rec.kind == MM_KIND_ERROR;
    }
    out->whole = s->at;
    mm_buf_free(&src);
    mm_say(&r->log, MM_LOG_INFO, "%s: going on after %lld records", out->part, (long long)s->n);
    if (s->spans) {
        r->state->resume = s;
        return;
    }
    cut_at(r, s->at);
    close_part(s);
}

bool mm_resume_has_source(mm_run *r, mm_str src)
{
    struct mm_resume *s = r->state->resume;
    if (!s)
        return false;
    uint64_t h = mm_hash(src);
    /* Another one belongs to the span before this one, or gave no records, and then gives none now. */
    if (h != s->span[s->matched])
        return s->matched > 0 && h == s->span[s->matched - 1];
    if (++s->matched < s->spans)
        return true;
    close_part(s); /* the last one: it may lack records */
    r->state->resume = NULL;
    return false;
}

void mm_resume_sources_end(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (!r->state->stopped && (r->state->resume || out->replay < out->whole))
        mm_die(r,
               "%s holds records that the input does not give any more: the input or the options are not those of the "
               "interrupted run; remove it to start anew",
               out->part);
}

void mm_resume_compare(mm_run *r, const void *bytes, size_t n)
{
    mm_out_state *out = &r->state->out;
    uint8_t there[65536];
    const uint8_t *p = bytes;
    while (n) {
        ssize_t k = pread(out->fd, there, n < sizeof there ? n : sizeof there, out->replay);
        if (k <= 0)
            mm_die(r, "%s: %s", out->part, k < 0 ? strerror(errno) : "it became shorter");
        if (memcmp(there, p, (size_t)k) != 0)
            mm_die(r,
                   "%s: what comes now is not what the interrupted run wrote at byte %lld: the input or the options "
                   "have changed; remove it to start anew",
                   out->part, (long long)out->replay);
        out->replay += k;
        p += k;
        n -= (size_t)k;
    }
    if (out->replay == out->whole) /* the same input: a broken record at the end may be cut off */
        cut_at(r, out->whole);
}
