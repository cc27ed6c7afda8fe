#include "media/av/declared_size.h"

#include "base/bytes.h"

#include <string.h>

enum { MAX_CHUNKS = 100000 }; /* before the samples, or boxes of a fragmented MP4 */

static bool read_at(const mm_av_bytes *b, int64_t at, uint8_t *out, int64_t n)
{
    return mm_av_bytes_read(b, at, out, n) == n;
}

/* An unsigned number of n bytes; −1 when an int64_t cannot hold it: it is not meant. */
static int64_t number(const uint8_t *p, int n, bool big)
{
    uint64_t v = mm_uint(p, n, big);
    return v > INT64_MAX ? -1 : (int64_t)v;
}

/* The end of n bytes from `from`; −1 when n is unknown or the sum overflows. */
static int64_t end_of(int64_t from, int64_t n)
{
    return n < 0 || n > INT64_MAX - from ? -1 : from + n;
}

/* ---- chunks: a name, a size, data ---- */

/* How a format lays out its chunks. */
typedef struct {
    char mark[9];    /* at 0 */
    char type[5];    /* at 8; "": whatever stands there */
    int first;       /* where the first chunk begins */
    int name, width; /* bytes of the name, and of the size after it */
    bool big;
    int counted; /* bytes of the chunk's head that its size includes */
    int align;
    char samples[5]; /* how the name of the chunk with the sound begins */
} layout;

static const layout LAYOUTS[] = {
    {"RIFF", "WAVE", 12, 4, 4, false, 0, 2, "data"},
    {"RIFX", "WAVE", 12, 4, 4, true, 0, 2, "data"},
    {"RF64", "WAVE", 12, 4, 4, false, 0, 2, "data"},
    {"BW64", "WAVE", 12, 4, 4, false, 0, 2, "data"},
    {"riff\x2e\x91\xcf\x11", "", 40, 16, 8, false, 24, 8, "data"}, /* W64 */
    {"FORM", "AIFF", 12, 4, 4, true, 0, 2, "SSND"},
    {"FORM", "AIFC", 12, 4, 4, true, 0, 2, "SSND"},
    {"caff", "", 8, 4, 8, true, 0, 1, "data"},
};

/* What programs write when they do not know the size yet: 0, all bits set, or about 2 GiB (sox, arecord). */
static bool unknown_size(int64_t size, int width)
{
    if (width == 4 && ((size >= 0x7fff0000 && size <= 0x80000100) || size >= 0xffff0000))
        return true;
    return size <= 0;
}

/* Where the chunk with the samples, which follows others, begins after its head; −1: not found. *end: where it ends,
 * −1: unknown. A chunk "ds64" has its size where 32 bits are not enough. */
static int64_t find_samples(const mm_av_bytes *b, const layout *l, int64_t *end)
{
    int64_t at = l->first, wide = 0;
    *end = -1;
    for (int i = 0; i < MAX_CHUNKS && at >= 0; i++) {
        uint8_t head[24], sizes[16];
        int n = l->name + l->width;
        if (!read_at(b, at, head, n))
            return -1;
        int64_t size = number(head + l->name, l->width, l->big), start = at + n;
        if (!memcmp(head, l->samples, 4)) {
            if (size == 0xffffffff && wide > 0)
                *end = end_of(start, wide);
            else
                *end = unknown_size(size, l->width) ? -1 : end_of(start, size - l->counted);
            return start;
        }
        if (size < l->counted)
            return -1;
        if (!memcmp(head, "ds64", 4) && read_at(b, start, sizes, sizeof sizes))
            wide = number(sizes + 8, 8, false); /* after the size of the file */
        at = end_of(start, size - l->counted);
        at = at < 0 ? at : end_of(at, (l->align - at % l->align) % l->align);
    }
    return -1;
}

static const layout *layout_of(const uint8_t *head)
{
    for (const layout *l = LAYOUTS; l < LAYOUTS + sizeof LAYOUTS / sizeof *LAYOUTS; l++)
        if (!memcmp(head, l->mark, strlen(l->mark)) && (!*l->type || !memcmp(head + 8, l->type, 4)))
            return l;
    return NULL;
}

int64_t mm_samples_at(const mm_av_bytes *b)
{
    uint8_t head[16];
    int64_t end;
    const layout *l = read_at(b, 0, head, sizeof head) ? layout_of(head) : NULL;
    return l ? find_samples(b, l, &end) : -1;
}

static int64_t au(const uint8_t *head)
{
    int64_t size = number(head + 8, 4, true);
    return unknown_size(size, 4) ? -1 : number(head + 4, 4, true) + size;
}

/* ---- Matroska ---- */

/* A length in EBML (RFC 8794): the first set bit gives its number of bytes, which is returned; 0: malformed. All value
 * bits set: unknown. */
static int length(const uint8_t *p, int64_t *value)
{
    int n = 1;
    while (n <= 8 && !(p[0] & 0x80 >> (n - 1)))
        n++;
    if (n > 8)
        return 0;
    int64_t all = ((int64_t)1 << 7 * n) - 1;
    *value = number(p, n, true) & all;
    if (*value == all)
        *value = -1;
    return n;
}

static int64_t matroska(const mm_av_bytes *b)
{
    uint8_t p[12];
    int64_t size;
    int n = read_at(b, 4, p, 8) ? length(p, &size) : 0;
    int64_t at = n ? end_of(4 + n, size) : -1;
    if (at < 0 || !read_at(b, at, p, 12) || memcmp(p, "\x18\x53\x80\x67", 4) || !(n = length(p + 4, &size)))
        return -1;
    return end_of(at + 4 + n, size);
}

/* ---- MP4 ---- */

static int64_t mp4(const mm_av_bytes *b)
{
    int64_t at = 0;
    uint8_t p[16];
    for (int i = 0; i < MAX_CHUNKS && read_at(b, at, p, 8); i++) {
        int64_t size = number(p, 4, true);
        if (size == 1)
            size = read_at(b, at + 8, p + 8, 8) ? number(p + 8, 8, true) : -1;
        if (size < 8) /* 0: up to the end of the file */
            return -1;
        at = end_of(at, size);
        if (at < 0 || at > b->size)
            return at;
    }
    return -1;
}

int64_t mm_declared_size(const mm_av_bytes *b)
{
    uint8_t head[16];
    if (!read_at(b, 0, head, sizeof head))
        return -1;
    const layout *l = layout_of(head);
    if (l) {
        int64_t end;
        find_samples(b, l, &end);
        return end;
    }
    if (!memcmp(head, ".snd", 4))
        return au(head);
    if (!memcmp(head, "\x1a\x45\xdf\xa3", 4))
        return matroska(b);
    return memcmp(head + 4, "ftyp", 4) ? -1 : mp4(b);
}

/* ---- appended files ---- */

/* The signatures of files: four bytes, and four more beside them. */
static const struct {
    int at;
    char mark[5];
    int with_at;
    char with[5];
} beginnings[] = {
    {0, "RIFF", 8, "WAVE"},
    {0, "RF64", 8, "WAVE"},
    {0, "riff", 4, "\x2e\x91\xcf\x11"}, /* W64 */
    {0, "FORM", 8, "AIFF"},
    {0, "FORM", 8, "AIFC"},
    {0, "caff", 4, {0, 1, 0, 0}},
    {0, "\x1a\x45\xdf\xa3", 0, "\x1a\x45\xdf\xa3"},
    {4, "ftyp", 4, "ftyp"},
    {0, "FLV\1", 5, {0, 0, 0, 9}},
};

int64_t mm_appended_at(const mm_av_bytes *b, int64_t from)
{
    enum { NEAR = 1 << 16, HEAD = 16 }; /* an index or tags may lie between */
    uint8_t head[HEAD], tail[NEAR];
    if (from <= 0 || !read_at(b, 0, head, HEAD))
        return -1;
    if (!memcmp(head, ".snd", 4)) { /* libav takes all bytes after an AU's header for samples */
        int64_t end = au(head);
        return end > 0 && read_at(b, end, tail, 4) && !memcmp(tail, ".snd", 4) ? end : -1;
    }
    int64_t n = mm_av_bytes_read(b, from, tail, NEAR);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (memcmp(head + beginnings[i].at, beginnings[i].mark, 4))
            continue;
        for (int64_t at = 0; at + HEAD <= n; at++)
            if (!memcmp(tail + at + beginnings[i].at, beginnings[i].mark, 4) &&
                !memcmp(tail + at + beginnings[i].with_at, beginnings[i].with, 4))
                return from + at;
    }
    return -1;
}
