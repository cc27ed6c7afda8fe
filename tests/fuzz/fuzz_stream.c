/* Any bytes are parsed without harm; what parses is packed, parsed and packed again to the same bytes; and the
 * reader finds the same records through a descriptor as the parser in memory. */
#include "base/buf.h"
#include "stream/parse.h"
#include "stream/reader.h"
#include "stream/serialise.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void pack_again(mm_record *rec, mm_arena *a)
{
    mm_buf once = {0}, twice = {0};
    mm_record again;
    mm_err e;
    size_t used;
    rec->raw = (mm_str){0};
    must(mm_record_serialise(rec, &once, &e) == MM_OK);
    must(mm_record_parse(once.p, once.n, &used, a, &again, &e) == MM_OK && used == once.n);
    again.raw = (mm_str){0};
    must(mm_record_serialise(&again, &twice, &e) == MM_OK);
    must(once.n == twice.n && !memcmp(once.p, twice.p, once.n));
    mm_buf_free(&once);
    mm_buf_free(&twice);
}

static int parse_all(const uint8_t *data, size_t n)
{
    int records = 0;
    size_t used;
    for (size_t at = 0; at < n; at += used, records++) {
        mm_arena a = {0};
        mm_record rec;
        mm_err e;
        mm_status s = mm_record_parse(data + at, n - at, &used, &a, &rec, &e);
        if (s == MM_OK || s == MM_SKIP) /* a skipped record is an error record: that can be written, too */
            pack_again(&rec, &a);
        mm_arena_free(&a);
        if (s != MM_OK && s != MM_SKIP)
            break;
    }
    return records;
}

static int read_all(const uint8_t *data, size_t n)
{
    int fd = memfd_create("fuzz", 0);
    mm_reader *r;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    mm_status s;
    int records = 0;
    must(fd >= 0 && write(fd, data, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    must(mm_reader_new(&r, fd, "fuzz", &e) == MM_OK);
    for (; (s = mm_reader_next(r, &a, &rec, &e)) == MM_OK || s == MM_SKIP; records++)
        mm_arena_reset(&a);
    must(mm_reader_offset(r) <= (int64_t)n);
    mm_reader_free(r);
    mm_arena_free(&a);
    close(fd);
    return records;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int parsed = parse_all(data, n);
    int read = read_all(data, n);
    must(read <= parsed); /* the reader insists on the short form of the magic */
    return 0;
}
