/* ICO and CUR: the largest picture of the file, which is a PNG, or a bitmap without its file header and followed by a
 * transparency mask (Windows' BITMAPINFOHEADER and GRPICONDIR). */
#include "media/image/libav_still.h"
#include "media/image/png.h"

#include <string.h>

enum { DIRECTORY = 6, ENTRY = 16, BMP_HEADER = 14, DIB_HEADER = 40 };

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static unsigned side(uint8_t v)
{
    return v ? v : 256;
}

/* The bytes of the largest entry; ties: fewest colours, as Pillow picks. */
static bool largest(mm_bytes *out, mm_bytes in)
{
    size_t count = mm_le16(in.p + 4);
    unsigned most = 0, depth = 0;
    *out = (mm_bytes){0};
    for (size_t i = 0; i < count && DIRECTORY + ENTRY * (i + 1) <= in.n; i++) {
        const uint8_t *x = in.p + DIRECTORY + ENTRY * i;
        unsigned area = side(x[0]) * side(x[1]), bits = in.p[2] == 1 && mm_le16(x + 6) ? mm_le16(x + 6) : 256;
        uint32_t size = mm_le32(x + 8), at = mm_le32(x + 12);
        if (at > in.n || area < most || (area == most && bits >= depth))
            continue;
        most = area;
        depth = bits;
        *out = (mm_bytes){in.p + at, size < in.n - at ? size : in.n - at};
    }
    return out->p;
}

/* Bytes of a row of w pixels, padded to 4. */
static size_t row_bytes(size_t w, size_t depth)
{
    return (w * depth + 31) / 32 * 4;
}

/* Alpha from the mask, or from the pixels' fourth byte. */
static void put_alpha(uint8_t *rgba, size_t w, size_t h, const uint8_t *colour, const uint8_t *mask, bool four)
{
    for (size_t y = 0; y < h; y++) {
        size_t row = h - 1 - y; /* bottom up */
        for (size_t x = 0; x < w; x++) {
            uint8_t bits = four ? colour[(row * w + x) * 4 + 3] : mask[row * row_bytes(w, 1) + x / 8];
            rgba[4 * (y * w + x) + 3] = four ? bits : (bits >> (7 - x % 8) & 1) ? 0 : 255;
        }
    }
}

static mm_status widen(mm_picture *p, mm_arena *a, mm_fault *f)
{
    mm_picture wide = *p;
    wide.channels = 4;
    if (mm_picture_alloc(&wide, a, f) != MM_OK)
        return MM_SKIP;
    for (size_t i = 0, n = (size_t)p->width * (size_t)p->height; i < n; i++)
        memcpy(wide.px + 4 * i, p->px + (size_t)p->channels * i, 3);
    *p = wide;
    return MM_OK;
}

/* A bitmap: prepends a file header and halves the height, which counts the mask too. */
static mm_status read_bitmap(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    if (in.n < DIB_HEADER || mm_le32(in.p) != DIB_HEADER)
        return mm_fault_set(f, "corrupt", "icon: no bitmap header");
    size_t w = mm_le32(in.p + 4), h = mm_le32(in.p + 8) / 2, depth = mm_le16(in.p + 14), used = mm_le32(in.p + 32);
    size_t colours = depth > 8 ? 0 : used && used < 256 ? used : (size_t)1 << depth;
    if (mm_picture_allowed((int64_t)w, (int64_t)h, l, f) != MM_OK)
        return MM_SKIP;
    size_t at = DIB_HEADER + 4 * colours, body = row_bytes(w, depth) * h;
    if (depth < 1 || depth > 32 || at > in.n || body > in.n - at)
        return mm_fault_set(f, "truncated", "icon: the bitmap is cut short");
    uint8_t *bmp = mm_arena_alloc(a, BMP_HEADER + at + body);
    if (!bmp)
        return mm_fault_memory(f);
    memcpy(bmp, "BM\0\0\0\0\0\0\0\0\0\0\0\0", BMP_HEADER);
    put32(bmp + 2, (uint32_t)(BMP_HEADER + at + body));
    put32(bmp + 10, (uint32_t)(BMP_HEADER + at));
    memcpy(bmp + BMP_HEADER, in.p, at + body);
    put32(bmp + BMP_HEADER + 8, (uint32_t)h);
    mm_status s = mm_libav_still(p, (mm_bytes){bmp, BMP_HEADER + at + body}, AV_CODEC_ID_BMP, l, a, f);
    if (s == MM_OK && (p->width != (int64_t)w || p->height != (int64_t)h))
        return mm_fault_set(f, "corrupt", "icon: the size in its header is not that of its picture");
    bool masked = in.n - at - body >= row_bytes(w, 1) * h;
    if (s != MM_OK || (!masked && depth < 32)) /* without a mask the bitmap is opaque */
        return s;
    s = widen(p, a, f);
    if (s == MM_OK)
        put_alpha(p->px, w, h, in.p + at, in.p + at + body, depth == 32);
    return s;
}

static mm_status read_largest(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_bytes entry;
    *p = (mm_picture){0};
    if (!largest(&entry, in))
        return mm_fault_set(f, "truncated", "no picture in the icon");
    bool png = entry.n >= 8 && !memcmp(entry.p, "\x89PNG", 4);
    mm_status s = png ? mm_png_read(p, entry, l, a, f) : read_bitmap(p, entry, l, a, f);
    p->format = in.p[2] == 2 ? "cur" : "ico";
    return s;
}

const mm_picture_reader mm_reader_icon = {.read = read_largest};
