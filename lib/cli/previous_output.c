#include "cli/previous_output.h"

#include "base/grow.h"
#include "stream/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A named pipe or a device is written directly, and holds no earlier output. */
static int open_if_there(mm_run *r)
{
    struct stat st;
    if (stat(r->output, &st) == 0 && !S_ISREG(st.st_mode))
        return -1;
    int fd = open(r->output, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        mm_die(r, "%s: %s", r->output, strerror(errno));
    return fd;
}

/* Records up to a broken one can be kept; that it is broken is no reason to stop. */
static void read_all(mm_run *r, mm_previous *o, bool (*note)(void *ctx, const mm_record *rec), void *ctx)
{
    mm_reader *in;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    mm_status s;
    int64_t at = 0;
    if (mm_reader_new(&in, o->fd, r->output, &e) != MM_OK)
        mm_die_of(r, &e);
    while ((s = mm_reader_next(in, &a, &rec, &e)) == MM_OK || s == MM_SKIP) {
        if (note(ctx, &rec)) {
            if (!mm_grow(&o->v, &o->room, o->n))
                mm_die(r, "out of memory");
            o->v[o->n++] = (mm_previous_place){at, (size_t)(mm_reader_offset(in) - at)};
        }
        at = mm_reader_offset(in);
        mm_arena_reset(&a);
    }
    if (s == MM_FATAL && at == 0)
        mm_die(r, "%s; --update needs a FILE that holds a stream", e.text);
    o->broken = s == MM_FATAL;
    mm_reader_free(in);
    mm_arena_free(&a);
}

void mm_previous_open(mm_run *r, mm_previous *o, bool (*note)(void *ctx, const mm_record *rec), void *ctx)
{
    o->fd = open_if_there(r);
    if (o->fd >= 0)
        read_all(r, o, note, ctx);
}

bool mm_previous_fetch(const mm_previous *o, int64_t i, mm_arena *a, mm_record *rec)
{
    const mm_previous_place *x = &o->v[i];
    size_t used;
    mm_err e;
    void *p = mm_arena_alloc(a, x->bytes);
    return p && pread(o->fd, p, x->bytes, x->at) == (ssize_t)x->bytes &&
           mm_record_parse(p, x->bytes, &used, a, rec, &e) == MM_OK;
}

void mm_previous_close(mm_previous *o)
{
    if (o->fd >= 0)
        close(o->fd);
    free(o->v);
    *o = (mm_previous){.fd = -1};
}
