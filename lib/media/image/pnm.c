/* PBM, PGM and PPM (P1 … P6), plain and raw, as netpbm's pbm(5), pgm(5) and ppm(5) describe them. The samples are
 * scaled from the file's own maximum to 255, by Pillow's rules, or to 65535 where it is above 255. */
#include "media/image/picture.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

typedef struct {
    mm_bytes in;
    size_t at;
} cursor;

typedef struct {
    bool plain, bits;  /* numbers as text; black and white (1 is black) */
    int samples;       /* per pixel: 1 or 3 */
    int64_t maxval;    /* 1 for bits */
    double widest;     /* what maxval becomes: 255 or 65535 */
    int64_t per_row;   /* samples */
    size_t row_length; /* bytes of a raw row */
} layout;

enum { NO_BYTE = -1, LONGEST_NUMBER = 10 };

static bool space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next byte of a text; comments are skipped with the end of their line, wherever they stand. */
static int next(cursor *c)
{
    while (c->at < c->in.n && c->in.p[c->at] == '#') {
        while (c->at < c->in.n && c->in.p[c->at] != '\n' && c->in.p[c->at] != '\r')
            c->at++;
        c->at += c->at < c->in.n;
    }
    return c->at < c->in.n ? c->in.p[c->at++] : NO_BYTE;
}

/* A decimal number and the one white space after it. */
static mm_status number(int64_t *out, cursor *c, mm_fault *f)
{
    int digits = 0, b = next(c);
    while (space(b))
        b = next(c);
    if (b == NO_BYTE)
        return mm_fault_set(f, "truncated", "pnm: the data end where a number is expected");
    for (*out = 0; b != NO_BYTE && !space(b); b = next(c)) {
        if (!isdigit(b) || ++digits > LONGEST_NUMBER)
            return mm_fault_set(f, "corrupt", "pnm: not a number at byte %zu", c->at - 1);
        *out = *out * 10 + (b - '0');
    }
    return MM_OK;
}

static mm_status read_header(layout *l, mm_picture *p, cursor *c, const mm_picture_limits *limits, mm_fault *f)
{
    int kind = c->in.p[c->at + 1] - '0'; /* 1 … 6 */
    c->at += 2;
    *l = (layout){.plain = kind <= 3, .bits = kind % 3 == 1, .samples = kind % 3 == 0 ? 3 : 1, .maxval = 1};
    static const char *const NAMES[] = {"ppm", "pbm", "pgm"};
    p->format = NAMES[kind % 3];
    if (number(&p->width, c, f) != MM_OK || number(&p->height, c, f) != MM_OK ||
        (!l->bits && number(&l->maxval, c, f) != MM_OK))
        return MM_SKIP;
    if (l->maxval < 1 || l->maxval > 65535)
        return mm_fault_set(f, "corrupt", "pnm: a largest value of %lld", (long long)l->maxval);
    p->channels = 3;
    p->depth = l->maxval > 255 ? 16 : 8;
    p->type = l->maxval > 255 ? MM_U16 : MM_U8;
    l->widest = l->maxval > 255 ? 65535 : 255;
    if (mm_picture_allowed(p->width, p->height, limits, f) != MM_OK)
        return MM_SKIP;
    l->per_row = p->width * l->samples;
    l->row_length = l->bits ? (size_t)(p->width + 7) / 8 : (size_t)l->per_row * (l->maxval > 255 ? 2 : 1);
    return MM_OK;
}

/* Are there enough bytes for all pixels? Asked before memory is allocated. */
static bool enough(const layout *l, const mm_picture *p, const cursor *c)
{
    size_t left = c->in.n - c->at, samples = (size_t)(l->per_row * p->height);
    if (l->plain) /* a digit for each, and a space between two numbers */
        return left >= (l->bits ? samples : 2 * samples - 1);
    return left >= l->row_length * (size_t)p->height;
}

/* Raw samples above the largest value are clamped. */
static uint16_t scaled(int64_t v, const layout *l)
{
    double wide = rint((double)v / (double)l->maxval * l->widest); /* in this order, ties to even: as Pillow rounds */
    return (uint16_t)(wide > l->widest ? l->widest : wide);
}

/* The digits of a plain bitmap need no space between them. */
static mm_status plain_bit(uint16_t *out, cursor *c, mm_fault *f)
{
    int b = next(c);
    while (space(b))
        b = next(c);
    if (b == NO_BYTE)
        return mm_fault_set(f, "truncated", "pnm: fewer pixels than the header says");
    if (b != '0' && b != '1')
        return mm_fault_set(f, "corrupt", "pnm: neither 0 nor 1 at byte %zu", c->at - 1);
    *out = b == '1' ? 0 : 255;
    return MM_OK;
}

static mm_status plain_sample(uint16_t *out, const layout *l, cursor *c, mm_fault *f)
{
    int64_t v;
    if (l->bits)
        return plain_bit(out, c, f);
    if (number(&v, c, f) != MM_OK)
        return MM_SKIP;
    if (v > l->maxval)
        return mm_fault_set(f, "corrupt", "pnm: %lld where %lld is the largest value", (long long)v,
                            (long long)l->maxval);
    *out = scaled(v, l);
    return MM_OK;
}

static uint16_t raw_sample(const uint8_t *row, int64_t i, const layout *l)
{
    if (l->bits)
        return (row[i / 8] >> (7 - i % 8) & 1) ? 0 : 255;
    return scaled(l->maxval > 255 ? mm_be16(row + 2 * i) : row[i], l);
}

/* One row out[width, 3] of u8 or u16; grey is written three times. */
static mm_status read_row(uint8_t *out, const layout *l, cursor *c, mm_fault *f)
{
    size_t size = l->widest > 255 ? 2 : 1;
    for (int64_t i = 0; i < l->per_row; i++) {
        uint16_t v = 0;
        if (!l->plain)
            v = raw_sample(c->in.p + c->at, i, l);
        else if (plain_sample(&v, l, c, f) != MM_OK)
            return MM_SKIP;
        for (int copies = 3 / l->samples; copies > 0; copies--, out += size)
            memcpy(out, &v, size); /* little-endian */
    }
    c->at += l->plain ? 0 : l->row_length;
    return MM_OK;
}

/* Does another image follow? Only after a raw one, with nothing in between. */
static bool another(const cursor *c)
{
    const uint8_t *p = c->in.p + c->at;
    return c->in.n - c->at >= 7 && p[0] == 'P' && p[1] >= '4' && p[1] <= '6' && space(p[2]);
}

static mm_status read_image(mm_picture *p, cursor *c, const mm_picture_limits *limits, mm_arena *a, mm_fault *f)
{
    layout l;
    *p = (mm_picture){0};
    if (read_header(&l, p, c, limits, f) != MM_OK)
        return MM_SKIP;
    if (!enough(&l, p, c))
        return mm_fault_set(f, "truncated", "pnm: fewer pixels than the header says");
    if (mm_picture_alloc(p, a, f) != MM_OK)
        return MM_SKIP;
    for (int64_t y = 0; y < p->height; y++)
        if (read_row(p->px + (size_t)(y * p->width * 3) * mm_type_size(p->type), &l, c, f) != MM_OK)
            return MM_SKIP;
    return MM_OK;
}

/* How many images follow, whole or not. */
static int64_t count(cursor c, const mm_picture_limits *limits)
{
    int64_t n = 0;
    while (another(&c)) {
        mm_picture p = {0};
        mm_fault why = {0};
        layout l;
        n++;
        if (read_header(&l, &p, &c, limits, &why) != MM_OK || !enough(&l, &p, &c))
            break;
        c.at += l.row_length * (size_t)p.height;
    }
    return n;
}

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *limits, mm_arena *a, mm_fault *f)
{
    cursor c = {in, 0};
    mm_status s = read_image(p, &c, limits, a, f);
    p->pages = 1 + (s == MM_OK && in.p[1] >= '4' ? count(c, limits) : 0);
    return s;
}

static mm_status read_pages(mm_bytes in, const mm_picture_limits *limits, mm_arena *a, mm_page_put put, void *ctx,
                            mm_fault *f)
{
    cursor c = {in, 0};
    int64_t pages = in.p[1] >= '4' ? count(c, limits) : 1;
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < (pages > 0 ? pages : 1); i++) {
        mm_picture p;
        s = read_image(&p, &c, limits, a, f);
        p.pages = pages;
        p.page = i;
        if (s == MM_OK)
            s = put(ctx, &p, f);
    }
    return s;
}

const mm_picture_reader mm_reader_pnm = {.read = read_first, .pages = read_pages};
