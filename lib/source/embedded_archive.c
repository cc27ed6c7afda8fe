#include "source/embedded_archive.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

bool mm_blob_is_iso(const mm_blob *b)
{
    char mark[5];
    return b->size > 34 * 1024 && mm_blob_read(b, 32769, mark, 5) == 5 && memcmp(mark, "CD001", 5) == 0;
}

bool mm_blob_is_self_extracting(const mm_blob *b)
{
    enum { TAIL = 66 * 1024, FRONT = 1 << 20 };
    char *p = malloc(FRONT);
    bool found = false;
    if (p) {
        int64_t from = b->size > TAIL ? b->size - TAIL : 0, n = mm_blob_read(b, from, p, TAIL);
        found = n > 0 && memmem(p, (size_t)n, "PK\5\6", 4);
        n = found ? 0 : mm_blob_read(b, 0, p, FRONT);
        if (n > 0)
            found = memmem(p, (size_t)n, "7z\xbc\xaf\x27\x1c", 6) || memmem(p, (size_t)n, "Rar!\x1a\7", 6);
    }
    free(p);
    return found;
}

/* Whether p, at offset `at` with n bytes left, is a zip's end record: what it says of the directory is true. */
static bool is_zip_end(const mm_blob *b, const uint8_t *p, int64_t n, int64_t at, int64_t *front)
{
    enum { RECORD = 22 };
    uint8_t mark[4];
    if (n < RECORD || RECORD + mm_le16(p + 20) > n || mm_le16(p + 4) != mm_le16(p + 6))
        return false;
    int64_t size = mm_le32(p + 12), offset = mm_le32(p + 16);
    *front = 0;
    if (offset == 0xffffffff || size == 0xffffffff ||
        mm_le16(p + 10) == 0xffff) /* zip64 has another record before it */
        return at >= 20 && mm_blob_read(b, at - 20, mark, 4) == 4 && memcmp(mark, "PK\6\7", 4) == 0;
    *front = at - size - offset;
    return *front >= 0 && size > 0 && mm_blob_read(b, at - size, mark, 4) == 4 && memcmp(mark, "PK\1\2", 4) == 0;
}

/* The offset of the last end record that `is` accepts, or −1. */
static int64_t find_zip_end(const mm_blob *b, bool (*is)(const mm_blob *, const uint8_t *, int64_t, int64_t, int64_t *),
                            int64_t *front)
{
    enum { TAIL = 66 * 1024 };
    int64_t from = b->size > TAIL ? b->size - TAIL : 0, at = -1;
    uint8_t *p = malloc(TAIL);
    int64_t n = p ? mm_blob_read(b, from, p, TAIL) : 0;
    for (int64_t i = n - 4; i >= 0 && at < 0; i--)
        if (memcmp(p + i, "PK\5\6", 4) == 0 && is(b, p + i, n - i, from + i, front))
            at = from + i;
    free(p);
    return at;
}

bool mm_blob_ends_as_zip(const mm_blob *b, int64_t *front)
{
    return find_zip_end(b, is_zip_end, front) >= 0;
}

static bool is_end_of_volumes(const mm_blob *b, const uint8_t *p, int64_t n, int64_t at, int64_t *front)
{
    (void)b, (void)at, (void)front;
    return n >= 22 && mm_le16(p + 4) > 0 && mm_le16(p + 4) < 0xffff && 22 + mm_le16(p + 20) == n;
}

bool mm_blob_is_last_zip_volume(const mm_blob *b)
{
    return find_zip_end(b, is_end_of_volumes, NULL) >= 0;
}
