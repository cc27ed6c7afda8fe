/* input.c: the records of all operands, one stream after the other. */
#include "base/file.h"
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_standard_input(const char *name)
{
    return strcmp(name, "-") == 0;
}

void mm_in_check(mm_run *r)
{
    if (!r->state->in.checked && r->n_operands == 0 && isatty(STDIN_FILENO))
        mm_usage(r, "no input: name a stream, or pipe one in ('-' reads the terminal)");
    r->state->in.checked = true;
}

static int64_t size_of(const char *name)
{
    struct stat st;
    int bad = is_standard_input(name) ? fstat(STDIN_FILENO, &st) : stat(name, &st);
    return bad || !S_ISREG(st.st_mode) ? -1 : (int64_t)st.st_size;
}

/* The bytes of all operands, for the progress line; −1 as soon as one is not a file. */
static int64_t total_size(const mm_run *r)
{
    int64_t sum = 0;
    for (int i = 0; i < r->n_operands; i++) {
        int64_t n = size_of(r->operands[i]);
        if (n < 0)
            return -1;
        sum += n;
    }
    return r->n_operands ? sum : size_of("-");
}

static void close_current(mm_in_state *in)
{
    if (in->reader) {
        in->bytes_before += mm_reader_offset(in->reader);
        mm_reader_free(in->reader);
        in->reader = NULL;
    }
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    in->fd = -1;
}

/* MM_OK with a reader, MM_EOF after the last operand, MM_SKIP when this one cannot be read. */
static mm_status open_next(mm_run *r, mm_err *e)
{
    mm_in_state *in = &r->state->in;
    if (in->operand == 0) {
        mm_in_check(r);
        in->bytes_total = total_size(r);
    }
    if (in->operand >= (r->n_operands ? r->n_operands : 1))
        return MM_EOF;
    const char *name = r->n_operands ? r->operands[in->operand] : "-";
    in->operand++;
    if (in->waits && size_of(name) < 0) /* opening a named pipe waits for its writer */
        in->waits(in->waits_ctx);
    in->name = is_standard_input(name) ? "standard input" : name;
    in->fd = is_standard_input(name) ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    char why[128];
    if (in->fd < 0)
        return mm_fail(e, MM_SKIP, "%s: %s", name, mm_open_failure(name, r->tool->name, why, sizeof why));
    mm_status s = mm_reader_new(&in->reader, in->fd, in->name, e);
    if (s == MM_OK)
        mm_reader_on_wait(in->reader, in->waits, in->waits_ctx);
    return s;
}

/* The stream breaks off here: an error record tells the tools after this one. */
static mm_status broken(mm_run *r, mm_arena *a, mm_record *rec, const char *code, const mm_err *why)
{
    mm_in_state *in = &r->state->in;
    mm_err e = {0};
    if (!mm_item_failed(r, in->name, why) && !in->any)
        mm_run_worsen(r, 2); /* --strict: nothing could be done, and this record ends the program */
    *rec = mm_record_new(MM_KIND_ERROR);
    rec->key = rec->src = mm_str_of(in->name);
    if (mm_record_to_error(rec, a, "read", code, why, &e) != MM_OK)
        mm_die_of(r, &e);
    in->breaks++;
    close_current(in);
    return MM_OK;
}

static mm_status next_of_any(mm_run *r, mm_arena *a, mm_record *rec)
{
    mm_in_state *in = &r->state->in;
    mm_err e = {0};
    for (;;) {
        if (r->state->stopped)
            return MM_EOF;
        mm_status s = in->reader ? MM_OK : open_next(r, &e);
        if (s == MM_EOF)
            return MM_EOF;
        if (s != MM_OK)
            return broken(r, a, rec, "open", &e);
        s = mm_reader_next(in->reader, a, rec, &e);
        in->any |= s == MM_OK;
        if (s == MM_SKIP) /* rec says so itself */
            mm_item_failed(r, in->name, &e);
        if (s == MM_OK || s == MM_SKIP)
            return MM_OK;
        if (s != MM_EOF)
            return broken(r, a, rec, "stream", &e);
        close_current(in);
    }
}

static double fraction_read(const mm_in_state *in)
{
    int64_t now = in->bytes_before + (in->reader ? mm_reader_offset(in->reader) : 0);
    return in->bytes_total > 0 ? (double)now / (double)in->bytes_total : 0;
}

mm_status mm_in_next(mm_run *r, mm_arena *a, mm_record *rec)
{
    mm_in_state *in = &r->state->in;
    mm_arena_reset(a);
    mm_status s = next_of_any(r, a, rec);
    if (s == MM_EOF && in->breaks && !in->any)
        mm_run_worsen(r, 2); /* nothing could be done */
    in->some |= s == MM_OK;
    mm_bar_fraction(r, fraction_read(in));
    return s;
}

void mm_in_on_wait(mm_run *r, void (*waits)(void *ctx), void *ctx)
{
    r->state->in.waits = waits;
    r->state->in.waits_ctx = ctx;
}

void mm_in_require(mm_run *r)
{
    if (!r->state->in.some && !mm_out_is_passed_on(r))
        mm_die(r, "the input holds no record");
}

void mm_in_each(mm_run *r, mm_take take, void *ctx)
{
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    while (mm_in_next(r, &a, &rec) == MM_OK) {
        if (rec.kind == MM_KIND_MARK)
            continue;
        if (rec.kind == MM_KIND_ERROR)
            mm_run_worsen(r, 1);
        mm_must(r, take(ctx, &rec, &e), &e);
        mm_progress(r, ++r->done, 0);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    mm_in_require(r);
}

void mm_in_each_of(mm_run *r, const char *path, mm_take take, void *ctx)
{
    mm_arena a = {0};
    mm_record rec;
    mm_reader *in;
    mm_err e;
    mm_status s;
    FILE *f = fopen(path, "rb");
    if (!f)
        mm_die(r, "%s: %s", path, strerror(errno));
    mm_must(r, mm_reader_new(&in, fileno(f), path, &e), &e);
    while ((s = mm_reader_next(in, &a, &rec, &e)) == MM_OK) {
        if (rec.kind != MM_KIND_MARK)
            mm_must(r, take(ctx, &rec, &e), &e);
        mm_arena_reset(&a);
    }
    mm_must(r, s, &e);
    mm_reader_free(in);
    mm_arena_free(&a);
    fclose(f);
}

void mm_in_close(mm_run *r)
{
    close_current(&r->state->in);
}
