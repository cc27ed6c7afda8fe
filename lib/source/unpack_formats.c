#include "source/unpack_formats.h"

#include <string.h>

typedef struct {
    const char *magic;
    size_t n;
    int code; /* ARCHIVE_FILTER_… */
    int (*support)(struct archive *);
} filter;

#define FILTER(magic, name, low)                                                                                       \
    {                                                                                                                  \
        magic, sizeof(magic) - 1, ARCHIVE_FILTER_##name, archive_read_support_filter_##low                             \
    }
static const filter FILTERS[] = {
    FILTER("BZh", BZIP2, bzip2),          FILTER("\x28\xb5\x2f\xfd", ZSTD, zstd), FILTER("\x04\x22\x4d\x18", LZ4, lz4),
    FILTER("\x02\x21\x4c\x18", LZ4, lz4), FILTER("\x1f\x9d", COMPRESS, compress), FILTER("LZIP", LZIP, lzip),
    FILTER("\x89LZO", LZOP, lzop),        FILTER("\xed\xab\xee\xdb", RPM, rpm),
};
#undef FILTER
enum { N_FILTERS = sizeof FILTERS / sizeof *FILTERS };

/* When a decompressor is not compiled in, libarchive warns and would start a program instead. A scratch object is asked
 * first, so that the real one never knows of it. */
static bool in_process(int (*support)(struct archive *))
{
    struct archive *scratch = archive_read_new();
    bool yes = scratch && support(scratch) == ARCHIVE_OK;
    archive_read_free(scratch);
    return yes;
}

/* Left to itself libarchive stacks up to 25 decompressors, each with a buffer that doubles: a gzip file that expands to
 * itself takes gigabytes. Here a stream in a stream is an archive in an archive and counts against the depth. Only an
 * rpm needs two: its payload is compressed as well. */
bool mm_unpack_enable_decompressor(struct archive *ar, const uint8_t *head, size_t n)
{
    for (int i = 0; i < N_FILTERS; i++) {
        const filter *f = &FILTERS[i];
        if (n < f->n || memcmp(head, f->magic, f->n) != 0)
            continue;
        if (!in_process(f->support))
            return false;
        if (f->code == ARCHIVE_FILTER_COMPRESS) /* libarchive 3.6 crashes when that one is appended by its code */
            return f->support(ar) == ARCHIVE_OK;
        if (f->code != ARCHIVE_FILTER_RPM)
            return archive_read_append_filter(ar, f->code) == ARCHIVE_OK;
        archive_read_support_filter_gzip(ar);
        archive_read_support_filter_xz(ar);
        archive_read_support_filter_lzma(ar);
        for (int k = 0; k < N_FILTERS; k++)
            if (in_process(FILTERS[k].support))
                FILTERS[k].support(ar);
        return true;
    }
    return false;
}

/* `cat a.tar b.tar` is an archive of everything in both. */
static void enable_tar(struct archive *ar)
{
    archive_read_support_format_tar(ar);
    archive_read_set_format_option(ar, "tar", "read_concatenated_archives", "1");
}

void mm_unpack_enable_tapes(struct archive *ar)
{
    enable_tar(ar);
    archive_read_support_format_cpio(ar);
}

void mm_unpack_enable_streams(struct archive *ar)
{
    mm_unpack_enable_tapes(ar);
    archive_read_support_format_iso9660(ar);
    archive_read_support_format_empty(ar);
    archive_read_support_format_raw(ar); /* last: anything else is a compressed single file */
}

void mm_unpack_enable_archives(struct archive *ar)
{
    mm_unpack_enable_tapes(ar);
    archive_read_support_format_ar(ar);
    archive_read_support_format_zip(ar);
    archive_read_support_format_7zip(ar);
    archive_read_support_format_rar(ar);
    archive_read_support_format_rar5(ar);
    archive_read_support_format_cab(ar);
    archive_read_support_format_lha(ar);
    archive_read_support_format_xar(ar);
    archive_read_support_format_iso9660(ar);
}
