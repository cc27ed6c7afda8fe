#include "stream/reader.h"

#include "stream/fdio.h"
#include "stream/looks.h"
#include "stream/msgpack_scan.h"
#include "stream/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Small records are scanned in the window and copied out of it. A record that outgrows the window moves to the arena,
 * and the rest of it is read directly there. */
enum { WINDOW = 256 * 1024, CHUNK = 64 * 1024 };

struct mm_reader {
    int fd;
    int64_t records, at; /* good records and their bytes */
    size_t largest;      /* bytes of the largest record so far, which may be reserved at once */
    size_t from, to;     /* window[from..to): read, not yet delivered */
    void (*waits)(void *ctx);
    void *waits_ctx;
    mm_err failed; /* status MM_FATAL once nothing more can come */
    char *name;
    uint8_t window[WINDOW];
};

/* A record under assembly. */
typedef struct {
    mm_msgpack_scan scan;
    uint8_t *p; /* the window, later the arena */
    size_t n;   /* bytes there */
    size_t cap; /* capacity of p in the arena; 0: p is in the window */
} assembly;

mm_status mm_reader_new(mm_reader **out, int fd, const char *name, mm_err *e)
{
    mm_reader *r = malloc(sizeof *r);
    char *copy = strdup(name);
    if (!r || !copy) {
        free(r);
        free(copy);
        return mm_fail_memory(e);
    }
    r->fd = fd;
    r->records = r->at = 0;
    r->largest = r->from = r->to = 0;
    r->waits = NULL;
    r->failed = (mm_err){0};
    r->name = copy;
    mm_fd_widen(fd);
    *out = r;
    return MM_OK;
}

void mm_reader_free(mm_reader *r)
{
    if (!r)
        return;
    free(r->name);
    free(r);
}

void mm_reader_on_wait(mm_reader *r, void (*waits)(void *ctx), void *ctx)
{
    r->waits = waits;
    r->waits_ctx = ctx;
}

int64_t mm_reader_offset(const mm_reader *r)
{
    return r->at;
}

/* ---- messages ---- */

static mm_status fail(mm_reader *r, const char *what)
{
    if (r->records)
        return mm_fail(&r->failed, MM_FATAL, "%s: %s, at byte %lld after %lld whole records", r->name, what,
                       (long long)r->at, (long long)r->records);
    return mm_fail(&r->failed, MM_FATAL, "%s: %s", r->name, what);
}

static mm_status fail_foreign(mm_reader *r, const assembly *x)
{
    char like[120], text[160];
    mm_looks_like(like, sizeof like, x->p, x->n);
    snprintf(text, sizeof text, "%s but %s", r->records ? "not a record" : "not a feature stream", like);
    return fail(r, text);
}

static mm_status fail_read(mm_reader *r)
{
    if (errno == EISDIR)
        return fail(r, "is a directory: mm-decode reads those");
    return fail(r, strerror(errno));
}

/* ---- bytes ---- */

/* Makes space after the bytes that are there, in an arena allocation that grows with what has really come: to twice
 * that, or to the size of an earlier record of this stream. */
static mm_status make_room(mm_reader *r, assembly *x, mm_arena *a, size_t want)
{
    if (x->cap > x->n)
        return MM_OK;
    size_t cap = 2 * x->n > r->largest ? 2 * x->n : r->largest;
    if (cap > x->n + want)
        cap = x->n + want;
    cap += CHUNK; /* so that fields after a large payload still fit */
    uint8_t *p = mm_arena_grow(a, x->cap ? x->p : NULL, x->cap, cap);
    if (!p)
        return mm_fail_memory(&r->failed);
    if (!x->cap)
        memcpy(p, x->p, x->n);
    x->p = p;
    x->cap = cap;
    r->from = r->to = 0;
    return MM_OK;
}

/* Appends at least one of the `want` bytes that the assembly lacks; MM_EOF at the end of the input. */
static mm_status read_more(mm_reader *r, assembly *x, mm_arena *a, size_t want)
{
    bool in_window = !x->cap && x->n + want <= WINDOW;
    size_t room = WINDOW - x->n;
    if (in_window) {
        memmove(r->window, x->p, x->n);
        x->p = r->window;
        r->from = 0;
    } else {
        mm_status s = make_room(r, x, a, want);
        if (s != MM_OK)
            return s;
        size_t most = want > CHUNK ? want : CHUNK; /* a surplus fits the window */
        room = x->cap - x->n < most ? x->cap - x->n : most;
    }
    if (r->waits && mm_fd_waits(r->fd))
        r->waits(r->waits_ctx);
    ssize_t got = mm_fd_read(r->fd, x->p + x->n, room);
    if (got < 0)
        return fail_read(r);
    x->n += (size_t)got;
    if (in_window)
        r->to = x->n;
    return got ? MM_OK : MM_EOF;
}

/* Assembles one value; MM_EOF when there is not a byte of it. */
static mm_status assemble(mm_reader *r, assembly *x, mm_arena *a)
{
    for (;;) {
        size_t want = 0;
        const char *why = NULL;
        if (!mm_looks_record(x->p, x->n))
            return fail_foreign(r, x);
        mm_msgpack_scan_result found = mm_msgpack_scan_run(&x->scan, x->p, x->n, &want, &why);
        if (found == MM_SCAN_DONE)
            return MM_OK;
        if (found == MM_SCAN_BAD)
            return fail(r, why);
        mm_status s = read_more(r, x, a, want);
        if (s == MM_EOF && x->n)
            return fail(r, "ends inside a record");
        if (s != MM_OK)
            return s;
    }
}

/* Moves the record's bytes to the arena, and the bytes after them to the window. */
static mm_status finish(mm_reader *r, assembly *x, mm_arena *a)
{
    size_t n = x->scan.at, surplus = x->n - n;
    if (x->cap) {
        memcpy(r->window, x->p + n, surplus);
        r->from = 0;
        r->to = surplus;
        return MM_OK;
    }
    uint8_t *p = mm_arena_alloc(a, n);
    if (!p)
        return mm_fail_memory(&r->failed);
    memcpy(p, x->p, n);
    x->p = p;
    r->from += n;
    return MM_OK;
}

mm_status mm_reader_next(mm_reader *r, mm_arena *a, mm_record *rec, mm_err *e)
{
    mm_err why = {0};
    size_t used;
    assembly x = {.p = r->window + r->from, .n = r->to - r->from};
    mm_status s = r->failed.status == MM_FATAL ? MM_FATAL : assemble(r, &x, a);
    if (s == MM_OK)
        s = finish(r, &x, a);
    if (s == MM_OK) {
        s = mm_record_parse(x.p, x.scan.at, &used, a, rec, &why);
        if (s == MM_FATAL)
            fail(r, why.text);
    }
    if (s == MM_EOF)
        return s;
    if (s == MM_FATAL)
        return mm_fail(e, s, "%s", r->failed.text);
    r->records++;
    r->at += (int64_t)x.scan.at;
    r->largest = x.scan.at > r->largest ? x.scan.at : r->largest;
    return s == MM_OK ? s : mm_fail(e, s, "%s: record %lld: %s", r->name, (long long)r->records, why.text);
}
