/* output.c: where a tool's result goes: standard output, or FILE by way of FILE.part. */
#include "cli/state.h"
#include "stream/serialise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -o names something that a rename would destroy (/dev/null, a named pipe): it is written to directly. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static void note_kind_of_file(mm_out_state *out)
{
    struct stat st;
    bool known = fstat(out->fd, &st) == 0;
    out->regular = known && S_ISREG(st.st_mode);
    out->pipe = known && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static void open_special(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (r->resume || r->update)
        mm_die(r, "%s: not a regular file: --%s cannot go on from it", r->output, r->resume ? "resume" : "update");
    out->fd = open(r->output, O_WRONLY | O_CLOEXEC);
    if (out->fd < 0)
        mm_die(r, "%s: %s", r->output, strerror(errno));
}

static void open_file(mm_run *r)
{
    if (!r->output)
        r->state->out.fd = STDOUT_FILENO;
    else if (is_special(r->output))
        open_special(r);
    else
        r->state->out.fd = mm_part_take(r, r->output, &r->state->out.part);
    if (!r->output)
        mm_part_refuse_inputs(r, STDOUT_FILENO, "standard output");
    note_kind_of_file(&r->state->out);
}

/* Without --resume FILE.part is overwritten; a warning says so if it holds records, which may be hours of work. */
static void overwrite_part(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    struct stat st;
    if (out->resumable && fstat(out->fd, &st) == 0 && mm_resume_is_worth_it(out->fd, out->part))
        mm_warn(r, "%s: %lld bytes of an interrupted run are discarded; --resume would have kept them", out->part,
                (long long)st.st_size);
    if (ftruncate(out->fd, 0) < 0)
        mm_die(r, "%s: %s", out->part, strerror(errno));
}

void mm_out_open(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    mm_err e = {0};
    if (!r->output && isatty(STDOUT_FILENO))
        mm_die(r, "the output is a binary stream, not for a terminal: '%s ... | mm-cat' shows it, -o FILE keeps it",
               r->tool->name);
    pthread_mutex_lock(&out->lock); /* a signal finds all of it or nothing */
    open_file(r);
    out->resumable = out->part && r->tool->takes & MM_TAKES_RESUME;
    if (out->part && !r->resume)
        overwrite_part(r);
    if (mm_writer_new(&out->writer, out->fd, &e) != MM_OK)
        mm_die_of(r, &e);
    pthread_mutex_unlock(&out->lock);
    mm_bar_begin(r, r->state->progress);
}

bool mm_out_is_passed_on(const mm_run *r)
{
    return r->state->out.writer && r->state->out.pipe;
}

FILE *mm_out_text(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (!r->output) {
        out->fd = STDOUT_FILENO;
        out->text = stdout;
    } else {
        open_file(r);
        if (out->part && ftruncate(out->fd, 0) < 0)
            mm_die(r, "%s: %s", out->part, strerror(errno));
        out->text = fdopen(out->fd, "w");
        if (!out->text)
            mm_die(r, "out of memory");
    }
    note_kind_of_file(out);
    mm_bar_begin(r, r->state->progress);
    return out->text;
}

FILE *mm_out_beside(mm_run *r, const char *suffix, const char *other)
{
    mm_out_state *out = &r->state->out;
    size_t n = strlen(r->output), end = strlen(suffix);
    if (n > end && strcmp(r->output + n - end, suffix) == 0)
        n -= end;
    char *path = mm_arena_printf(&r->state->arena, "%.*s%s", (int)n, r->output, other);
    if (!path)
        mm_die(r, "out of memory");
    int fd = mm_part_take(r, path, &out->beside_part);
    if (ftruncate(fd, 0) < 0)
        mm_die(r, "%s: %s", out->beside_part, strerror(errno));
    out->beside = fdopen(fd, "w");
    if (!out->beside)
        mm_die(r, "out of memory");
    return out->beside;
}

/* The reader has gone: end as any program does that did not ask for SIGPIPE to be held back. */
static void end_by_pipe(mm_run *r)
{
    mm_out_abandon(r);
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

/* Closes the writer; a failure ends the program. The lock is held, and then kept: nothing more is written. */
static void close_writer(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    mm_err e = {0};
    bool pipe = false;
    mm_writer *w = out->writer;
    out->writer = NULL;
    mm_status s = mm_writer_close(w, &pipe, &e);
    if (pipe)
        end_by_pipe(r);
    if (s != MM_OK)
        mm_die_in(r, r->output ? r->output : "standard output", &e);
}

/* Bytes that --resume found there are compared instead of written. */
static void put_after_replay(mm_run *r, const mm_record *rec)
{
    mm_out_state *out = &r->state->out;
    mm_buf b = {0};
    mm_err e;
    if (mm_record_serialise(rec, &b, &e) != MM_OK)
        mm_die_of(r, &e);
    size_t there = (size_t)(out->whole - out->replay);
    there = there < b.n ? there : b.n;
    mm_resume_compare(r, b.p, there);
    mm_writer_put_raw(out->writer, b.p + there, b.n - there);
    mm_buf_free(&b);
}

void mm_out_put(mm_run *r, const mm_record *rec)
{
    mm_out_state *out = &r->state->out;
    char text[MM_HINTED];
    mm_record worded = *rec;
    mm_hint_record(&worded, text);
    pthread_mutex_lock(&out->lock);
    if (out->replay < out->whole)
        put_after_replay(r, &worded);
    else
        mm_writer_put(out->writer, &worded);
    if (mm_writer_failed(out->writer))
        close_writer(r);
    pthread_mutex_unlock(&out->lock);
}

static void flush_text(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    FILE *f = out->text;
    errno = 0;
    bool bad = fflush(f) || ferror(f);
    if (bad && errno == EPIPE)
        end_by_pipe(r);
    if (bad) /* what an earlier write met is not known any more */
        mm_die(r, "%s: %s", r->output ? r->output : "standard output", errno ? strerror(errno) : "write error");
}

void mm_out_flush(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    pthread_mutex_lock(&out->lock);
    if (out->text)
        flush_text(r);
    else
        mm_writer_flush(out->writer);
    if (out->writer && mm_writer_failed(out->writer))
        close_writer(r);
    pthread_mutex_unlock(&out->lock);
}

/* A name appears when its bytes are on the disk, not before. */
static void rename_part(mm_run *r, int fd, char **part)
{
    char *final = strndup(*part, strlen(*part) - strlen(".part"));
    if (!final)
        mm_die(r, "out of memory");
    if (fsync(fd) < 0 || rename(*part, final) < 0)
        mm_die(r, "%s: %s", final, strerror(errno));
    free(final);
    free(*part);
    *part = NULL;
}

static void complete_beside(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (fflush(out->beside) || ferror(out->beside))
        mm_die(r, "%s: %s", out->beside_part, strerror(errno));
    rename_part(r, fileno(out->beside), &out->beside_part);
    fclose(out->beside);
    out->beside = NULL;
}

void mm_out_close(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (!out->writer && !out->text)
        return;
    mm_bar_end(r);
    pthread_mutex_lock(&out->lock); /* a signal comes before this or after it */
    if (out->writer)
        close_writer(r);
    else
        flush_text(r);
    if (r->state->stopped)
        mm_out_abandon(r);
    if (out->beside && !out->closed)
        complete_beside(r);
    if (out->part && !out->closed)
        rename_part(r, out->fd, &out->part);
    out->closed = true;
    if (out->text && out->text != stdout)
        fclose(out->text);
    else if (out->writer == NULL && out->fd > STDOUT_FILENO)
        close(out->fd);
    out->text = NULL;
    out->fd = -1;
    pthread_mutex_unlock(&out->lock);
}

static bool holds_bytes(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size > 0;
}

void mm_out_abandon(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (out->part && !out->closed && !(out->resumable && holds_bytes(out->fd)))
        unlink(out->part);
    if (out->beside_part && !out->closed)
        unlink(out->beside_part);
    out->closed = true;
}

bool mm_out_stop(mm_run *r)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2;
    return pthread_mutex_timedlock(&r->state->out.lock, &limit) == 0;
}

void mm_out_keep(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (pthread_mutex_trylock(&out->lock) != 0)
        return;
    if (out->writer && out->regular) /* a failure sticks, and is reported by who comes next */
        mm_writer_flush(out->writer);
    pthread_mutex_unlock(&out->lock);
}

/* Records that are complete are of use to the reader of a pipe, and to --resume. */
void mm_out_salvage(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (mm_out_stop(r) && out->writer && (!out->part || out->resumable))
        mm_writer_flush(out->writer);
    mm_out_abandon(r);
}
