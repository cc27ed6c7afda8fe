#include "media/image/chunks.h"

#include <string.h>

/* ---- PNG ---- */

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ImageMagick's text for an EXIF block before PNG had a chunk for it: its name, its length, then hexadecimal digits. It
 * is read as far as the orientation needs, the first directory. */
static void raw_profile(mm_exif *x, const uint8_t *p, size_t n)
{
    static const char name[] = "Raw profile type exif\0\nexif\n";
    uint8_t block[1024];
    size_t have = 0, at = sizeof name - 1;
    if (n < at || memcmp(p, name, at))
        return;
    while (at < n && p[at] != '\n' && p[at] != 0)
        at++;
    for (int high = -1; at < n && have < sizeof block; at++) {
        int digit = hex(p[at]);
        if (digit >= 0 && high >= 0)
            block[have++] = (uint8_t)(high << 4 | digit);
        if (digit >= 0)
            high = high >= 0 ? -1 : digit;
    }
    mm_exif_parse(x, block, have);
}

mm_status mm_png_examine(mm_png_notes *x, mm_bytes in, mm_fault *f)
{
    static const char xmp[] = "XML:com.adobe.xmp";
    size_t at = 8;
    *x = (mm_png_notes){0};
    while (in.n >= at + 12) {
        const uint8_t *chunk = in.p + at;
        size_t n = mm_be32(chunk);
        if (n > in.n - at - 12)
            break;
        if (!memcmp(chunk + 4, "IEND", 4))
            return MM_OK;
        x->frames += !memcmp(chunk + 4, "fcTL", 4);
        if (n > 0 && !memcmp(chunk + 4, "sBIT", 4))
            x->significant = chunk[8];
        if (!memcmp(chunk + 4, "eXIf", 4))
            mm_exif_parse(&x->exif, chunk + 8, n);
        if (!memcmp(chunk + 4, "tEXt", 4) && !x->exif.orientation)
            raw_profile(&x->exif, chunk + 8, n);
        if (!memcmp(chunk + 4, "iTXt", 4) && n > sizeof xmp && !memcmp(chunk + 8, xmp, sizeof xmp))
            mm_exif_parse_xmp(&x->exif, chunk + 8, n);
        at += 12 + n;
    }
    return mm_fault_set(f, "truncated", "the PNG ends before its end chunk");
}

/* ---- HEIF: boxes in boxes ---- */

typedef struct {
    const uint8_t *type; /* 4 bytes */
    mm_bytes body;
} box;

/* Takes the first box off the front of *in; false when none is whole. */
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

bool mm_heif_moves(mm_bytes in)
{
    mm_bytes body;
    return find_box(in, "moov", &body);
}

bool mm_heif_is_avif(mm_bytes in)
{
    mm_bytes brands, meta;
    if (!find_box(in, "ftyp", &brands))
        return false;
    if (mm_heif_moves(in) && !find_box(in, "meta", &meta))
        return true;
    for (size_t at = 0; at + 4 <= brands.n; at += 4)
        if (!memcmp(brands.p + at, "avif", 4) || !memcmp(brands.p + at, "avis", 4))
            return true;
    return false;
}

void mm_heif_examine(mm_exif *x, mm_bytes in)
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
    if (x->orientation == 1) { /* neither box: it may stand in XMP */
        x->orientation = 0;
        mm_exif_parse_xmp(x, in.p, in.n);
    }
}

/* ---- GIF ---- */

/* Steps over data sub-blocks; 0 when they do not end. */
static size_t after_blocks(mm_bytes in, size_t at)
{
    while (at < in.n && in.p[at])
        at += 1 + (size_t)in.p[at];
    return at < in.n ? at + 1 : 0;
}

/* at: an image descriptor. */
static bool gif_picture(mm_gif_first *g, mm_bytes in, size_t at, const uint8_t *colours, size_t count, int transparent)
{
    size_t data = at + 10;
    if (in.n - at < 10)
        return false;
    const uint8_t *d = in.p + at;
    *g = (mm_gif_first){
        .left = mm_le16(d + 1), .top = mm_le16(d + 3), .width = mm_le16(d + 5), .height = mm_le16(d + 7)};
    if (d[9] & 0x80) {
        colours = d + 10;
        count = (size_t)2 << (d[9] & 7);
        if (in.n - at < 10 + 3 * count)
            return false;
        data += 3 * count;
    }
    size_t i = transparent >= 0 ? (size_t)transparent : 0;
    if (i < count)
        memcpy(g->open, colours + 3 * i, 3);
    g->whole = after_blocks(in, data + 1) != 0; /* after the byte that says how wide the codes are */
    return true;
}

/* Steps over extensions, from one of which comes the index that is *transparent; 0 when one does not end. */
static size_t after_extensions(mm_bytes in, size_t at, int *transparent)
{
    while (at && at < in.n && in.p[at] == '!') {
        if (in.n - at >= 8 && in.p[at + 1] == 0xf9 && (in.p[at + 3] & 1))
            *transparent = in.p[at + 6];
        at = after_blocks(in, at + 2);
    }
    return at;
}

/* at: where something begins. Is it an image descriptor? */
static bool is_descriptor(mm_bytes in, size_t at)
{
    return at && at < in.n && in.p[at] == ',';
}

bool mm_gif_examine(mm_gif_first *g, mm_bytes in)
{
    if (in.n < 13)
        return false;
    size_t count = (in.p[10] & 0x80) ? (size_t)2 << (in.p[10] & 7) : 0;
    int transparent = -1;
    size_t at = after_extensions(in, 13 + 3 * count, &transparent);
    return is_descriptor(in, at) && gif_picture(g, in, at, in.p + 13, count, transparent);
}

int64_t mm_gif_frames(mm_bytes in, bool *whole, size_t *end)
{
    int64_t n = 0;
    int transparent;
    *end = 0;
    size_t at = in.n >= 13 ? 13 + ((in.p[10] & 0x80) ? (size_t)6 << (in.p[10] & 7) : 0) : in.n;
    while (is_descriptor(in, at = after_extensions(in, at, &transparent)) && in.n - at >= 11) {
        size_t colours = (in.p[at + 9] & 0x80) ? (size_t)6 << (in.p[at + 9] & 7) : 0;
        n++;
        at = in.n - at > 11 + colours ? after_blocks(in, at + 11 + colours) : 0;
        *end = at ? at : *end;
    }
    *whole = at && !is_descriptor(in, at);
    return n;
}
