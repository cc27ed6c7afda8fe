/* HEIF, the container of AVIF, which libav reads, and of HEIC and whatever else, which libheif does. */
#include "media/image/heic.h"
#include "media/image/libav_still.h"

#include <string.h>

/* ---- boxes in boxes ---- */

typedef struct {
    const uint8_t *type; /* 4 bytes */
    mm_bytes body;
} box;

/* Takes the first box from *in; false when it is not whole. */
static bool next_box(mm_bytes *in, box *b)
{
    if (in->n < 8)
        return false;
    size_t size = mm_be32(in->p), head = 8;
    if (size == 1 && in->n >= 16) { /* a 64-bit size */
        if (mm_be32(in->p + 8))
            return false;
        size = mm_be32(in->p + 12);
        head = 16;
    } else if (size == 0) {
        size = in->n;
    }
    if (size < head || size > in->n)
        return false;
    *b = (box){in->p + 4, {in->p + head, size - head}};
    in->p += size;
    in->n -= size;
    return true;
}

static bool find_box(mm_bytes in, const char *type, mm_bytes *body)
{
    for (box b; next_box(&in, &b);)
        if (!memcmp(b.type, type, 4)) {
            *body = b.body;
            return true;
        }
    return false;
}

/* Anticlockwise quarter turns first, then a mirror: 0 top to bottom, 1 left to right, 2 none. */
static int orientation_of(unsigned turns, unsigned mirror)
{
    static const uint8_t number[4][3] = {{4, 2, 1}, {5, 7, 8}, {2, 4, 3}, {7, 5, 6}};
    return number[turns & 3][mirror];
}

/* Does the file hold a sequence? */
static bool is_sequence(mm_bytes in)
{
    mm_bytes body;
    return find_box(in, "moov", &body);
}

/* Is it AVIF, by the brands that the first box names, or a sequence without a still picture? libav reads those. */
static bool is_avif(mm_bytes in)
{
    mm_bytes brands, meta;
    if (!find_box(in, "ftyp", &brands))
        return false;
    if (is_sequence(in) && !find_box(in, "meta", &meta))
        return true;
    for (size_t at = 0; at + 4 <= brands.n; at += 4)
        if (!memcmp(brands.p + at, "avif", 4) || !memcmp(brands.p + at, "avis", 4))
            return true;
    return false;
}

/* The irot and imir properties (ISO/IEC 23008-12, 6.5) as an EXIF orientation. */
static void read_turns(mm_exif *x, mm_bytes in)
{
    mm_bytes meta, properties, container;
    if (!find_box(in, "meta", &meta) || meta.n < 4)
        return;
    meta.p += 4; /* version and flags */
    meta.n -= 4;
    if (!find_box(meta, "iprp", &properties) || !find_box(properties, "ipco", &container))
        return;
    unsigned turns = 0, mirror = 2;
    for (box b; next_box(&container, &b);) {
        if (b.body.n && !memcmp(b.type, "irot", 4))
            turns = b.body.p[0];
        if (b.body.n && !memcmp(b.type, "imir", 4))
            mirror = b.body.p[0] & 1;
    }
    x->orientation = orientation_of(turns, mirror);
    if (x->orientation == 1) { /* neither box: XMP may have it */
        x->orientation = 0;
        mm_exif_parse_xmp(x, in.p, in.n);
    }
}

/* ---- pictures ---- */

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    if (!is_avif(in))
        return mm_heic_read(p, in, l, a, f);
    *p = (mm_picture){.format = "avif"};
    read_turns(&p->exif, in);
    return mm_libav_contained(p, in, l, a, f);
}

static mm_status read_pages(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx,
                            mm_fault *f)
{
    if (!is_avif(in))
        return mm_heic_pages(in, l, a, put, ctx, f);
    mm_picture p;
    mm_status s = read_first(&p, in, l, a, f);
    return s == MM_OK ? put(ctx, &p, f) : s;
}

static bool is_animation(mm_bytes in)
{
    return is_avif(in) && is_sequence(in);
}

const mm_picture_reader mm_reader_heif = {.read = read_first, .pages = read_pages, .is_animation = is_animation};
