#include "media/image/png.h"

#include "media/image/libav_still.h"

#include <string.h>

/* ---- chunks ---- */

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ImageMagick's text for an EXIF block, from before PNG had a chunk for it: name, length, hexadecimal digits. Only the
 * first directory is read, for the orientation. */
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

/* ---- pixels ---- */

/* A PNG made from samples of fewer than 16 bits has them scaled to 16, by a shift or by repeating their high bits. Some
 * writers state the bits without scaling: samples that all fit into those bits, and whose low bits are not such a
 * repetition, are scaled here. */
static void fill_range(mm_picture *p, int bits)
{
    uint16_t *v = (void *)p->px;
    int64_t n = p->height * p->width * p->channels, most = (1 << bits) - 1;
    bool unscaled = false;
    if (p->type != MM_U16 || bits <= 8 || bits >= 16)
        return;
    for (int64_t i = 0; i < n; i++) {
        bool alpha = p->channels == 4 && i % 4 == 3;
        if (!alpha && v[i] > most)
            return;
        unscaled = unscaled || (!alpha && (v[i] & ((1 << (16 - bits)) - 1)) > 1);
    }
    for (int64_t i = 0; unscaled && i < n; i++)
        if (v[i] < most)
            v[i] = (uint16_t)((v[i] * 65535 + most / 2) / most);
        else
            v[i] = 65535;
}

/* libav calls a PNG above its limit damaged: the size is checked before. */
static mm_status allowed(mm_bytes in, const mm_picture_limits *l, mm_fault *f)
{
    enum { WIDTH = 16, HEIGHT = 20 };
    if (in.n < HEIGHT + 4 || memcmp(in.p + 12, "IHDR", 4) != 0)
        return MM_OK; /* the decoder says what is wrong */
    return mm_picture_allowed(mm_be32(in.p + WIDTH), mm_be32(in.p + HEIGHT), l, f);
}

mm_status mm_png_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_png_notes notes;
    *p = (mm_picture){0};
    if (allowed(in, l, f) != MM_OK || mm_png_examine(&notes, in, f) != MM_OK)
        return MM_SKIP;
    p->exif = notes.exif;
    p->pages = notes.frames;
    p->moving = p->pages > 1;
    mm_status s = mm_libav_still(p, in, AV_CODEC_ID_PNG, l, a, f);
    if (s == MM_OK)
        fill_range(p, notes.significant);
    return s;
}

static bool is_animation(mm_bytes in)
{
    mm_png_notes notes;
    mm_fault why = {0};
    mm_png_examine(&notes, in, &why);
    return notes.frames > 1;
}

static mm_status ends(mm_bytes in, size_t *end, mm_fault *f)
{
    mm_png_notes notes;
    *end = in.n;
    return mm_png_examine(&notes, in, f);
}

const mm_picture_reader mm_reader_png = {.read = mm_png_read, .is_animation = is_animation, .ends = ends};
