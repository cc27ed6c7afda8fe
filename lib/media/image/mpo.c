#include "media/image/mpo.h"

#include <string.h>

enum { ENTRY = 16 };

/* The index: a TIFF structure; offsets count from its beginning. */
typedef struct {
    const uint8_t *p;
    size_t n;
    bool big;
    size_t entries, count; /* where they are */
} mpf;

static uint32_t get(const mpf *m, size_t at, int bytes)
{
    return (uint32_t)mm_uint(m->p + at, bytes, m->big);
}

/* The segment's body after "MPF\0". */
static bool find_segment(mpf *m, mm_bytes in)
{
    size_t at = 2;
    while (at + 4 <= in.n && in.p[at] == 0xff && in.p[at + 1] != 0xda) {
        size_t n = mm_be16(in.p + at + 2);
        if (n < 2 || n > in.n - at - 2)
            return false;
        if (in.p[at + 1] == 0xe2 && n >= 2 + 4 + 10 && !memcmp(in.p + at + 4, "MPF", 4)) {
            *m = (mpf){.p = in.p + at + 8, .n = n - 6};
            m->big = m->p[0] == 'M';
            return !memcmp(m->p, "II*\0", 4) || !memcmp(m->p, "MM\0*", 4);
        }
        at += 2 + n;
    }
    return false;
}

/* Finds the list of images in the index's one directory. */
static bool find_entries(mpf *m)
{
    enum { TAG_ENTRIES = 0xb002 };
    size_t at = get(m, 4, 4);
    if (at > m->n || m->n - at < 2)
        return false;
    size_t fields = get(m, at, 2);
    for (at += 2; fields-- && at + 12 <= m->n; at += 12) {
        if (get(m, at, 2) != TAG_ENTRIES)
            continue;
        size_t bytes = get(m, at + 4, 4);
        m->entries = get(m, at + 8, 4);
        m->count = bytes / ENTRY;
        return m->entries <= m->n && bytes <= m->n - m->entries && m->count <= MM_MPO_MOST;
    }
    return false;
}

/* The 4 bytes of height and width in a JPEG's frame header; NULL: no header. */
static const uint8_t *size_of(mm_bytes in)
{
    if (in.n < 3 || memcmp(in.p, "\xff\xd8\xff", 3) != 0)
        return NULL;
    for (size_t at = 2; at + 9 <= in.n && in.p[at] == 0xff && in.p[at + 1] != 0xda;) {
        uint8_t code = in.p[at + 1];
        if (code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc)
            return in.p + at + 5;
        at += 2 + (size_t)mm_be16(in.p + at + 2);
    }
    return NULL;
}

/* The bytes of image i; false: a smaller copy, or not there. */
static bool get_view(mm_bytes *out, const mpf *m, mm_bytes in, size_t i)
{
    enum { KIND = 0xffffff, SMALLER = 1 };
    size_t at = m->entries + ENTRY * i, start = (size_t)(m->p - in.p);
    uint32_t kind = get(m, at, 4) & KIND, size = get(m, at + 4, 4), offset = get(m, at + 8, 4);
    *out = in;
    if (i == 0)
        return true;
    if (kind >> 16 == SMALLER || offset > in.n - start)
        return false;
    *out = (mm_bytes){in.p + start + offset, in.n - start - offset};
    out->n = size < out->n ? size : out->n;
    const uint8_t *own = size_of(*out), *first = size_of(in);
    return own && first && !memcmp(own, first, 4);
}

size_t mm_mpo_views(mm_bytes view[MM_MPO_MOST], mm_bytes in)
{
    mpf m;
    size_t n = 0;
    if (find_segment(&m, in) && find_entries(&m))
        for (size_t i = 0; i < m.count; i++)
            n += get_view(&view[n], &m, in, i);
    if (n == 0)
        view[n++] = in;
    return n;
}
