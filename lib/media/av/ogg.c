#include "media/av/ogg.h"

#include "base/bytes.h"

#include <string.h>

enum { HEAD = 27, LARGEST_PAGE = HEAD + 255 + 255 * 255 };
enum { FLAGS = 5, POSITION = 6, SERIAL = 14, SEGMENTS = 26 }; /* places in a page's head */
enum { LAST = 4 };                                            /* a flag */

static bool read_at(const mm_av_bytes *b, int64_t at, uint8_t *out, int64_t n)
{
    return mm_av_bytes_read(b, at, out, n) == n;
}

bool mm_ogg_ends(const mm_av_bytes *b)
{
    uint8_t tail[LARGEST_PAGE];
    int64_t from = b->size > LARGEST_PAGE ? b->size - LARGEST_PAGE : 0, n = b->size - from;
    if (!read_at(b, from, tail, n))
        return false;
    for (int64_t at = n - HEAD; at >= 0; at--) {
        if (memcmp(tail + at, "OggS", 5)) /* with the version, 0 */
            continue;
        int64_t end = at + HEAD + tail[at + SEGMENTS];
        for (int64_t i = at + HEAD; i < at + HEAD + tail[at + SEGMENTS] && i < n; i++)
            end += tail[i];
        return end <= n && (tail[at + FLAGS] & LAST);
    }
    return false;
}

/* The header of the page at `at`, with its segment table; *next: where the next page begins. */
static bool read_page(const mm_av_bytes *b, int64_t at, uint8_t page[HEAD + 255], int64_t *next)
{
    if (!read_at(b, at, page, HEAD) || memcmp(page, "OggS", 5) || !read_at(b, at + HEAD, page + HEAD, page[SEGMENTS]))
        return false;
    *next = at + HEAD + page[SEGMENTS];
    for (int i = 0; i < page[SEGMENTS]; i++)
        *next += page[HEAD + i];
    return true;
}

int64_t mm_ogg_short_vorbis(const mm_av_bytes *b)
{
    enum { HEADER_PAGES = 16 }; /* comments may be long, but a file with a picture in them is not short */
    uint8_t first[HEAD + 255 + 7], page[HEAD + 255];
    int64_t next = 0;
    if (!read_page(b, 0, first, &next) || !read_at(b, HEAD + first[SEGMENTS], first + HEAD + first[SEGMENTS], 7) ||
        memcmp(first + HEAD + first[SEGMENTS], "\1vorbis", 7))
        return -1;
    for (int i = 0; i < HEADER_PAGES && read_page(b, next, page, &next); i++) {
        if (memcmp(page + SERIAL, first + SERIAL, 4)) /* more than one stream */
            return -1;
        int64_t position = (int64_t)mm_le64(page + POSITION);
        if (position > 0) /* headers have none, a page on which no packet ends has −1 */
            return (page[FLAGS] & LAST) && next == b->size ? position : -1;
    }
    return -1;
}
