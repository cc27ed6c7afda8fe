/* resume.c: how far an interrupted output had come.
 *
 * A source is a run of records of equal src. The last run of FILE.part may lack records, so it goes, and whatever
 * broken record stands behind it. */
#include "cli/state.h"
#include "stream/looks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    mm_buf src;    /* of the current run */
    mm_buf before; /* of the run in front of it: the last one that stays */
    int64_t runs, run_start;
    int64_t errors, run_errors; /* error records before the current run; within it */
} scan;

static mm_status scan_record(scan *s, const mm_record *rec, int64_t start, mm_err *e)
{
    bool same = s->runs && mm_str_eq(rec->src, (mm_str){(char *)s->src.p, s->src.n});
    if (!same) {
        s->runs++;
        s->run_start = start;
        s->errors += s->run_errors;
        s->run_errors = 0;
        mm_buf swap = s->before;
        s->before = s->src;
        s->src = swap;
        s->src.n = 0;
        if (mm_buf_append(&s->src, rec->src.p, rec->src.n, e) != MM_OK)
            return MM_FATAL;
    }
    s->run_errors += rec->kind == MM_KIND_ERROR;
    return MM_OK;
}

/* The first record was cut short: nothing is lost. Anything else is a file that is not ours to cut. */
static bool begins_a_record(int fd)
{
    uint8_t head[64];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n >= 0 && mm_looks_record(head, (size_t)n);
}

/* MM_OK also when the file ends in a broken record; MM_SKIP when it is no stream at all. */
static mm_status scan_file(scan *s, int fd, const char *name, mm_err *e)
{
    mm_reader *in;
    mm_arena a = {0};
    mm_record rec;
    mm_status st = mm_reader_new(&in, fd, name, e);
    if (st != MM_OK)
        return st;
    int64_t start = 0;
    mm_err why = {0};
    while ((st = mm_reader_next(in, &a, &rec, &why)) == MM_OK || st == MM_SKIP) {
        st = scan_record(s, &rec, start, e);
        if (st != MM_OK)
            break;
        start = mm_reader_offset(in);
        mm_arena_reset(&a);
    }
    if (st == MM_EOF || (why.status == MM_FATAL && begins_a_record(fd)))
        st = MM_OK;
    else if (why.status == MM_FATAL)
        st = mm_fail(e, MM_SKIP, "%s", why.text);
    mm_reader_free(in);
    mm_arena_free(&a);
    return st;
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

mm_status mm_resume_cut(int fd, const char *name, int64_t *runs, int64_t *errors, mm_buf *last, mm_err *e)
{
    scan s = {0};
    mm_status st = scan_file(&s, fd, name, e);
    if (st == MM_OK && (ftruncate(fd, s.run_start) < 0 || lseek(fd, 0, SEEK_END) < 0))
        st = mm_fail(e, MM_FATAL, "%s: %s", name, strerror(errno));
    mm_buf_free(&s.src);
    *runs = s.runs ? s.runs - 1 : 0;
    *errors = s.errors;
    *last = s.before;
    return st;
}
