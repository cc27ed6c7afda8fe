#include "stream/writer.h"

#include "stream/fdio.h"
#include "stream/serialise.h"

#include <errno.h>
#include <stdlib.h>

/* Small pieces gather in the buffer; a large one is written from its place, together with them in one writev(2). */
enum { BUFFER = 256 * 1024, LARGE = 32 * 1024 };

struct mm_writer {
    int fd;
    bool was_pipe; /* the reader at the other end has gone */
    mm_err failed; /* the first failure; status MM_OK: none */
    size_t n;
    uint8_t buffer[BUFFER];
};

mm_status mm_writer_new(mm_writer **out, int fd, mm_err *e)
{
    mm_writer *w = malloc(sizeof *w);
    if (!w)
        return mm_fail_memory(e);
    w->fd = fd;
    w->was_pipe = false;
    w->failed = (mm_err){0};
    w->n = 0;
    mm_fd_widen(fd);
    *out = w;
    return MM_OK;
}

bool mm_writer_failed(const mm_writer *w)
{
    return w->failed.status != MM_OK;
}

static void send_out(mm_writer *w, const void *large, size_t n)
{
    if (mm_writer_failed(w) || !(w->n + n))
        return;
    if (!mm_fd_write2(w->fd, w->buffer, w->n, large, n)) {
        w->was_pipe = errno == EPIPE;
        mm_fail(&w->failed, MM_FATAL, "cannot write: %s", strerror(errno));
    }
    w->n = 0;
}

void mm_writer_flush(mm_writer *w)
{
    send_out(w, NULL, 0);
}

void mm_writer_put_raw(mm_writer *w, const void *bytes, size_t n)
{
    if (n >= LARGE) {
        send_out(w, bytes, n);
        return;
    }
    if (n > BUFFER - w->n)
        mm_writer_flush(w);
    if (n && !mm_writer_failed(w)) {
        memcpy(w->buffer + w->n, bytes, n);
        w->n += n;
    }
}

static int put_piece(void *ctx, const char *p, size_t n)
{
    mm_writer_put_raw(ctx, p, n);
    return mm_writer_failed(ctx) ? -1 : 0;
}

void mm_writer_put(mm_writer *w, const mm_record *rec)
{
    if (mm_writer_failed(w))
        return;
    if (rec->raw.p)
        mm_writer_put_raw(w, rec->raw.p, rec->raw.n);
    else if (mm_serialise_check(rec, &w->failed) == MM_OK)
        mm_serialise_fields(rec, put_piece, w);
}

mm_status mm_writer_close(mm_writer *w, bool *was_pipe, mm_err *e)
{
    mm_writer_flush(w);
    mm_status s = w->failed.status;
    if (was_pipe)
        *was_pipe = w->was_pipe;
    if (s != MM_OK)
        mm_fail(e, s, "%s", w->failed.text);
    free(w);
    return s;
}
