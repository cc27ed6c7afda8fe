#include "media/image/gif.h"

#include "media/image/libav_still.h"

#include <string.h>

/* ---- blocks ---- */

/* Skips data sub-blocks; 0 when they do not end. */
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
    g->whole = after_blocks(in, data + 1) != 0; /* after the byte of the code size */
    return true;
}

/* Skips extensions, one of which may set the *transparent index; 0 when one does not end. */
static size_t after_extensions(mm_bytes in, size_t at, int *transparent)
{
    while (at && at < in.n && in.p[at] == '!') {
        if (in.n - at >= 8 && in.p[at + 1] == 0xf9 && (in.p[at + 3] & 1))
            *transparent = in.p[at + 6];
        at = after_blocks(in, at + 2);
    }
    return at;
}

/* Does an image descriptor begin at `at`? */
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

/* How many pictures there are; *whole: the last of them ends, and no other begins; *end: where the last one that is
 * whole ends, 0 when none is. */
static int64_t count_frames(mm_bytes in, bool *whole, size_t *end)
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

/* ---- pictures ---- */

void mm_gif_fill(mm_picture *p, const mm_gif_first *g, bool first)
{
    for (int64_t y = 0; p->channels == 4 && y < p->height; y++) {
        uint8_t *px = p->px + (size_t)(y * p->width * 4);
        for (int64_t x = 0; x < p->width; x++, px += 4) {
            bool inside = x >= g->left && x < g->left + g->width && y >= g->top && y < g->top + g->height;
            if (px[3] && (inside || !first))
                continue;
            memcpy(px, g->open, 3);
            px[3] = 0;
        }
    }
}

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_gif_first g;
    bool whole;
    size_t end;
    *p = (mm_picture){.format = "gif"};
    if (!mm_gif_examine(&g, in))
        return mm_fault_set(f, "truncated", "no picture in the GIF");
    if (!g.whole)
        return mm_fault_set(f, "truncated", "the GIF ends within its first picture");
    mm_status s = mm_libav_contained(p, in, l, a, f);
    if (s == MM_OK)
        mm_gif_fill(p, &g, true);
    p->pages = count_frames(in, &whole, &end);
    p->moving = p->pages > 1;
    return s;
}

static bool is_animation(mm_bytes in)
{
    bool whole;
    size_t end;
    return count_frames(in, &whole, &end) > 1;
}

/* A cut frame is left out: some decoders make a picture of it, others do not. */
static mm_status ends(mm_bytes in, size_t *end, mm_fault *f)
{
    bool whole;
    size_t last;
    int64_t frames = count_frames(in, &whole, &last);
    *end = whole ? in.n : last;
    return whole ? MM_OK : mm_fault_set(f, "truncated", "the GIF ends within or after frame %lld", (long long)frames);
}

const mm_picture_reader mm_reader_gif = {.read = read_first, .is_animation = is_animation, .ends = ends};
