/* each.c: a function for every record, of all operands or of a stream that an option names. */
#include "cli/tool.h"

#include <errno.h>
#include <string.h>

void mm_in_each(mm_run *r, mm_take take, void *ctx)
{
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    while (mm_in_next(r, &a, &rec) == MM_OK) {
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
        mm_must(r, take(ctx, &rec, &e), &e);
        mm_arena_reset(&a);
    }
    mm_must(r, s, &e);
    mm_reader_free(in);
    mm_arena_free(&a);
    fclose(f);
}
