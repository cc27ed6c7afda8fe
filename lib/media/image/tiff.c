/* TIFF through libtiff: libav gives wrong pixels, without an error, for tiles, separate planes, 16-bit alpha and more.
 * Unsigned samples become 8-bit or 16-bit; deeper, signed and real ones become floats of the same value. */
#include "format/formats.h"
#include "media/image/picture.h"
#include "media/image/tiff_survey.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tiffio.h>

enum { MOST_SAMPLES = 16 };

typedef struct {
    TIFF *t;
    mm_bytes in;
    size_t at;
    size_t stack_at, stack_page; /* ImageJ: consecutive pages without directories; 0: none */
    int64_t stack_page_no;       /* which of them the first directory stands for now */
    char complaint[200];         /* libtiff's first one */
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, compression, format, orientation;
    mm_type type;              /* of the picture's samples */
    uint32_t most;             /* the unsigned sample of full intensity */
    int colours;               /* samples that are colours */
    int alpha;                 /* the sample that is alpha; −1: none */
    int used;                  /* colours and alpha */
    bool premultiplied;        /* … by which the colours are multiplied */
    const uint16_t *map[3];    /* the palette */
    uint32_t piece_w, piece_h; /* a tile, or a strip of the picture's width */
    size_t piece_size, row_size;
} file;

/* ---- the file in memory ---- */

static tmsize_t take(thandle_t h, void *out, tmsize_t n)
{
    file *f = h;
    size_t from = f->at;
    if (f->stack_page && from >= f->stack_at && from < f->stack_at + f->stack_page)
        from += f->stack_page * (size_t)f->stack_page_no;
    size_t left = from < f->in.n ? f->in.n - from : 0, k = n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;
    memcpy(out, f->in.p + from, k);
    f->at += k;
    return (tmsize_t)k;
}

static tmsize_t refuse(thandle_t h, void *bytes, tmsize_t n)
{
    (void)h, (void)bytes, (void)n;
    return -1;
}

static toff_t seek(thandle_t h, toff_t off, int whence)
{
    file *f = h;
    uint64_t from = whence == SEEK_CUR ? f->at : whence == SEEK_END ? f->in.n : 0;
    f->at = off > SIZE_MAX - from ? SIZE_MAX : (size_t)(from + off);
    return f->at;
}

static int close_nothing(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t size(thandle_t h)
{
    return ((file *)h)->in.n;
}

/* Keeps the first complaint; 1 keeps libtiff from printing it. */
static int complain(TIFF *t, void *ctx, const char *module, const char *fmt, va_list ap)
{
    file *f = ctx;
    (void)t, (void)module;
    if (!f->complaint[0])
        vsnprintf(f->complaint, sizeof f->complaint, fmt, ap);
    return 1;
}

static int ignore(TIFF *t, void *ctx, const char *module, const char *fmt, va_list ap)
{
    (void)t, (void)ctx, (void)module, (void)fmt, (void)ap;
    return 1;
}

static TIFF *open_bytes(file *f)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)1 << 30);
    TIFFOpenOptionsSetErrorHandlerExtR(o, complain, f);
    TIFFOpenOptionsSetWarningHandlerExtR(o, ignore, f);
    TIFF *t = TIFFClientOpenExt("tiff", "rm", f, take, refuse, seek, close_nothing, size, NULL, NULL, o);
    TIFFOpenOptionsFree(o);
    return t;
}

static mm_status broken(const file *t, mm_fault *f)
{
    bool cut = strstr(t->complaint, "ead error") || strstr(t->complaint, "ot enough data");
    return mm_fault_set(f, cut ? "truncated" : "corrupt", "tiff: %s",
                        t->complaint[0] ? t->complaint : "it cannot be read");
}

/* ---- what the pixels are ---- */

static void read_alpha(file *t)
{
    uint16_t n = 0, *kinds = NULL;
    t->alpha = -1;
    t->used = t->colours;
    bool stated = TIFFGetField(t->t, TIFFTAG_EXTRASAMPLES, &n, &kinds) && n;
    if (t->samples <= t->colours || t->photometric == PHOTOMETRIC_SEPARATED)
        return;
    if (!stated && t->colours == 3) /* an unspecified fourth sample is taken for alpha */
        t->alpha = t->colours;
    else if (stated && kinds[0] != EXTRASAMPLE_UNSPECIFIED)
        t->alpha = t->colours;
    t->used += t->alpha >= 0;
    t->premultiplied = stated && t->alpha >= 0 && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
}

static bool bits_known(const file *t)
{
    bool plain = t->photometric != PHOTOMETRIC_PALETTE && t->photometric != PHOTOMETRIC_SEPARATED; /* grey, RGB */
    if (t->format == SAMPLEFORMAT_IEEEFP)
        return plain && (t->bits == 16 || t->bits == 32 || t->bits == 64);
    if (t->format == SAMPLEFORMAT_INT || t->bits == 32)
        return plain && (t->bits == 8 || t->bits == 16 || t->bits == 32);
    if (t->format > SAMPLEFORMAT_VOID)
        return false;
    if (t->bits == 8 || (t->bits == 16 && t->photometric != PHOTOMETRIC_PALETTE))
        return true;
    return t->bits < 16 && (plain || (t->photometric == PHOTOMETRIC_PALETTE && t->bits < 8 && t->samples == 1));
}

/* The greatest sample that the bits allow, or MaxSampleValue where that says fewer bits: 4095 for a camera's 12. A
 * value that is not 2^n − 1 is only the greatest sample of this picture. */
static uint32_t greatest(const file *t)
{
    uint32_t all = (1u << t->bits) - 1;
    uint16_t stated = 0;
    bool whole = TIFFGetField(t->t, TIFFTAG_MAXSAMPLEVALUE, &stated) && stated >= 255 && !(stated & (stated + 1u));
    return t->bits == 16 && whole ? stated : all;
}

/* The type of the picture's samples in memory. */
static mm_status choose_type(file *t, mm_fault *f)
{
    uint16_t ignored;
    if (t->format == SAMPLEFORMAT_IEEEFP || t->format == SAMPLEFORMAT_INT || t->bits == 32) {
        t->type = MM_F32;
        if (t->photometric == PHOTOMETRIC_MINISWHITE && TIFFGetField(t->t, TIFFTAG_PHOTOMETRIC, &ignored))
            return mm_fault_set(f, "unsupported", "a TIFF of %u bits whose 0 is white: convert it so that 0 is black",
                                t->bits);
        if (t->alpha >= 0)
            return mm_fault_set(f, "unsupported", "a TIFF with transparency and samples of %u bits: convert it to 16",
                                t->bits);
        return MM_OK;
    }
    t->type = t->bits > 8 && t->photometric != PHOTOMETRIC_SEPARATED ? MM_U16 : MM_U8;
    t->most = greatest(t);
    return MM_OK;
}

static mm_status know(file *t, mm_fault *f)
{
    switch (t->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE: t->colours = 1; break;
    case PHOTOMETRIC_RGB: t->colours = 3; break;
    case PHOTOMETRIC_SEPARATED: t->colours = 4; break;
    default: return mm_fault_set(f, "unsupported", "a TIFF in colour space %u: convert it to RGB", t->photometric);
    }
    if (t->samples < t->colours || t->samples > MOST_SAMPLES || !bits_known(t))
        return mm_fault_set(f, "unsupported", "a TIFF of %u samples of %u bits: convert it to RGB of 8 bits",
                            t->samples, t->bits);
    if (t->photometric == PHOTOMETRIC_PALETTE &&
        !TIFFGetField(t->t, TIFFTAG_COLORMAP, (void *)&t->map[0], (void *)&t->map[1], (void *)&t->map[2]))
        return mm_fault_set(f, "corrupt", "tiff: its palette is missing");
    read_alpha(t);
    return choose_type(t, f);
}

/* ---- from samples to pixels ---- */

/* Sample `at` of a decoded row: bits packed from the highest on, bytes, or words of this machine. */
static uint32_t sample(const uint8_t *row, size_t at, size_t bits)
{
    uint16_t half = 0;
    uint32_t v = 0;
    if (bits == 8)
        return row[at];
    if (bits == 16) {
        memcpy(&half, row + 2 * at, 2);
        return half;
    }
    size_t first = at * bits, end = first + bits;
    for (size_t byte = first / 8; byte * 8 < end; byte++)
        v = v << 8 | row[byte];
    return v >> (7 - (end - 1) % 8) & ((1u << bits) - 1);
}

/* … of a float, or of an integer that is signed or has 32 bits. */
static float real_sample(const uint8_t *row, size_t at, const file *t)
{
    bool whole = t->format == SAMPLEFORMAT_INT, real = t->format == SAMPLEFORMAT_IEEEFP;
    size_t size = t->bits / 8u;
    float v;
    mm_type type = t->bits == 8    ? MM_I8
                   : t->bits == 16 ? (real ? MM_F16 : MM_I16)
                   : t->bits == 64 ? MM_F64
                   : real          ? MM_F32
                   : whole         ? MM_I32
                                   : MM_U32;
    mm_to_f32(&v, row + at * size, type, 1);
    return v;
}

/* Scales an unsigned sample to 0 … most (255 or 65535); up to 8 bits as Pillow does. */
static uint32_t level(uint32_t v, const file *t, uint32_t most)
{
    if (v >= t->most)
        return most;
    return t->most < 255 ? v * most / t->most : t->most == most ? v : (v * most + t->most / 2) / t->most;
}

static uint32_t divided(uint32_t colour, uint32_t alpha, uint32_t most)
{
    uint64_t v = alpha ? (uint64_t)most * colour / alpha : 0;
    return (uint32_t)(v > most ? most : v);
}

static void cmyk(uint32_t *out, const uint32_t *v, const file *t)
{
    uint8_t kept[4], rgb[3]; /* the file stores ink */
    for (int c = 0; c < 4; c++)
        kept[c] = (uint8_t)(255 - (v[c] >> (t->bits - 8)));
    mm_picture_cmyk(rgb, kept, 1);
    for (int c = 0; c < 3; c++)
        out[c] = rgb[c];
}

/* One pixel, out[3] or with alpha out[4], from its samples v[]. */
static void pixel(uint32_t *out, const uint32_t *v, const file *t)
{
    uint32_t most = t->type == MM_U16 ? 65535 : 255;
    if (t->photometric == PHOTOMETRIC_SEPARATED) {
        cmyk(out, v, t);
        return;
    }
    for (int c = 0; c < 3; c++)
        out[c] =
            t->photometric == PHOTOMETRIC_PALETTE ? t->map[c][v[0]] >> 8u : level(v[t->colours == 1 ? 0 : c], t, most);
    for (int c = 0; c < 3 && t->photometric == PHOTOMETRIC_MINISWHITE; c++)
        out[c] = most - out[c];
    if (t->alpha < 0)
        return;
    out[3] = level(v[t->alpha], t, most);
    for (int c = 0; c < 3 && t->premultiplied; c++)
        out[c] = divided(out[c], out[3], most);
}

/* Pixel x of a piece's row into out. plane: bytes from one colour's plane to the next; 0: interleaved. */
static void place_pixel(uint8_t *out, const file *t, const uint8_t *row, size_t plane, uint32_t x, int channels)
{
    uint32_t v[MOST_SAMPLES], made[4];
    size_t size = mm_type_size(t->type), step = plane ? 1 : t->samples;
    if (t->type == MM_F32) {
        for (int c = 0; c < 3; c++) {
            size_t from = t->colours == 1 ? 0 : (size_t)c;
            float real = real_sample(row + from * plane, plane ? x : x * step + from, t);
            memcpy(out + (size_t)c * size, &real, size);
        }
        return;
    }
    for (size_t c = 0; c < (size_t)t->used; c++)
        v[c] = sample(row + c * plane, plane ? x : x * step + c, t->bits);
    pixel(made, v, t);
    for (size_t c = 0; c < (size_t)channels; c++)
        memcpy(out + c * size, &made[c], size); /* little-endian */
}

/* Can the piece's bytes be copied as they are? */
static bool as_stored(const mm_picture *p, const file *t)
{
    return t->type != MM_F32 && t->photometric == PHOTOMETRIC_RGB && t->planar != PLANARCONFIG_SEPARATE &&
           t->samples == p->channels && !t->premultiplied && t->most == (t->type == MM_U8 ? 255 : 65535);
}

/* Writes the part of a piece that lies in the picture; planes: one, interleaved, or one for each sample. */
static void place(mm_picture *p, const file *t, const uint8_t *planes, uint32_t x0, uint32_t y0)
{
    size_t plane = t->planar == PLANARCONFIG_SEPARATE ? t->piece_size : 0;
    size_t size = (size_t)p->channels * mm_type_size(p->type);
    bool plain = as_stored(p, t);
    uint32_t w = t->width - x0 < t->piece_w ? t->width - x0 : t->piece_w;
    uint32_t h = t->height - y0 < t->piece_h ? t->height - y0 : t->piece_h;
    for (uint32_t y = 0; y < h; y++) {
        uint8_t *out = p->px + ((size_t)(y0 + y) * t->width + x0) * size;
        const uint8_t *row = planes + y * t->row_size;
        if (plain)
            memcpy(out, row, w * size);
        for (uint32_t x = 0; x < w && !plain; x++, out += size)
            place_pixel(out, t, row, plane, x, p->channels);
    }
}

/* ---- reading ---- */

static bool read_piece(file *t, uint8_t *planes, uint32_t x, uint32_t y)
{
    bool tiled = TIFFIsTiled(t->t);
    int n = t->planar == PLANARCONFIG_SEPARATE ? t->used : 1;
    for (int c = 0; c < n; c++) {
        uint8_t *to = planes + (size_t)c * t->piece_size;
        uint32_t number = tiled ? TIFFComputeTile(t->t, x, y, 0, (uint16_t)c) : TIFFComputeStrip(t->t, y, (uint16_t)c);
        tmsize_t got = tiled ? TIFFReadEncodedTile(t->t, number, to, (tmsize_t)t->piece_size)
                             : TIFFReadEncodedStrip(t->t, number, to, (tmsize_t)t->piece_size);
        if (got < 0)
            return false;
    }
    return true;
}

static mm_status measure(file *t, const mm_picture_limits *l, mm_fault *f)
{
    bool tiled = TIFFIsTiled(t->t);
    t->piece_w = t->width;
    TIFFGetFieldDefaulted(t->t, TIFFTAG_ROWSPERSTRIP, &t->piece_h);
    if (tiled &&
        (!TIFFGetField(t->t, TIFFTAG_TILEWIDTH, &t->piece_w) || !TIFFGetField(t->t, TIFFTAG_TILELENGTH, &t->piece_h)))
        return broken(t, f);
    if (!tiled && t->piece_h > t->height)
        t->piece_h = t->height;
    if (mm_picture_allowed(t->piece_w, t->piece_h, l, f) != MM_OK) /* a tile may be larger than the picture */
        return MM_SKIP;
    tmsize_t size = tiled ? TIFFTileSize(t->t) : TIFFStripSize(t->t);
    tmsize_t row = tiled ? TIFFTileRowSize(t->t) : TIFFScanlineSize(t->t);
    size_t per_row = (size_t)t->piece_w * (t->planar == PLANARCONFIG_SEPARATE ? 1 : t->samples);
    if (size <= 0 || row <= 0 || (size_t)row < (per_row * t->bits + 7) / 8 || size / row < t->piece_h)
        return broken(t, f);
    int planes = t->planar == PLANARCONFIG_SEPARATE ? t->used : 1;
    if (size / (t->bits > 16 ? 24 : 8) > l->max_pixels / planes) /* 16-bit RGB and alpha are 8 bytes, doubles 24 */
        return mm_fault_hint(f, MM_HINT_MAX_PIXELS, "too-large", "pieces of %lld bytes", (long long)size);
    t->piece_size = (size_t)size;
    t->row_size = (size_t)row;
    return MM_OK;
}

static mm_status read_pieces(mm_picture *p, file *t, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_status s = know(t, f);
    if (s == MM_OK)
        s = measure(t, l, f);
    if (s != MM_OK)
        return s;
    p->channels = t->alpha >= 0 ? 4 : 3;
    p->type = t->type;
    uint8_t *planes = calloc(t->planar == PLANARCONFIG_SEPARATE ? (size_t)t->used : 1, t->piece_size);
    if (!planes || mm_picture_alloc(p, a, f) != MM_OK) {
        free(planes);
        return mm_fault_memory(f);
    }
    for (uint32_t y = 0; s == MM_OK && y < t->height; y += t->piece_h)
        for (uint32_t x = 0; s == MM_OK && x < t->width; x += t->piece_w) {
            if (read_piece(t, planes, x, y))
                place(p, t, planes, x, y);
            else
                s = broken(t, f);
        }
    free(planes);
    return s;
}

/* YCbCr, with any subsampling or JPEG in it: libtiff converts it to RGB. */
static mm_status read_ycbcr(mm_picture *p, file *t, mm_arena *a, mm_fault *f)
{
    TIFFRGBAImage image;
    char why[1024] = "";
    size_t n = (size_t)t->width * t->height;
    uint32_t *raster = mm_arena_alloc(a, n * sizeof *raster);
    if (!raster || mm_picture_alloc(p, a, f) != MM_OK)
        return mm_fault_memory(f);
    if (!TIFFRGBAImageBegin(&image, t->t, 1, why))
        return mm_fault_set(f, "unsupported", "tiff: %s", why);
    image.req_orientation = image.orientation; /* as stored: it is turned later */
    int ok = TIFFRGBAImageGet(&image, raster, t->width, t->height);
    TIFFRGBAImageEnd(&image);
    if (!ok)
        return broken(t, f);
    for (size_t i = 0; i < n; i++) {
        p->px[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        p->px[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        p->px[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    return MM_OK;
}

static mm_status read_directory(mm_picture *p, file *t, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    if (!TIFFGetField(t->t, TIFFTAG_IMAGEWIDTH, &t->width) || !TIFFGetField(t->t, TIFFTAG_IMAGELENGTH, &t->height))
        return mm_fault_set(f, "corrupt", "tiff: its size is missing");
    TIFFGetField(t->t, TIFFTAG_PHOTOMETRIC, &t->photometric); /* missing: 0, white is zero */
    TIFFGetFieldDefaulted(t->t, TIFFTAG_BITSPERSAMPLE, &t->bits);
    TIFFGetFieldDefaulted(t->t, TIFFTAG_SAMPLESPERPIXEL, &t->samples);
    TIFFGetFieldDefaulted(t->t, TIFFTAG_PLANARCONFIG, &t->planar);
    TIFFGetFieldDefaulted(t->t, TIFFTAG_COMPRESSION, &t->compression);
    TIFFGetFieldDefaulted(t->t, TIFFTAG_SAMPLEFORMAT, &t->format);
    TIFFGetFieldDefaulted(t->t, TIFFTAG_ORIENTATION, &t->orientation);
    if (!TIFFIsCODECConfigured(t->compression))
        return mm_fault_set(f, "unsupported", "a TIFF of compression number %u: convert it to LZW", t->compression);
    mm_exif_parse(&p->exif, t->in.p, t->in.n); /* not of a BigTIFF */
    if (!p->exif.orientation && t->orientation >= 1 && t->orientation <= 8)
        p->exif.orientation = t->orientation;
    p->width = t->width;
    p->height = t->height;
    p->channels = 3;
    p->depth = t->bits > 16 ? t->bits : t->bits > 8 ? 16 : 8;
    if (mm_picture_allowed(t->width, t->height, l, f) != MM_OK)
        return MM_SKIP;
    if (t->photometric == PHOTOMETRIC_YCBCR && t->samples == 3)
        return read_ycbcr(p, t, a, f);
    return read_pieces(p, t, l, a, f);
}

/* Opens the file at its first page. MM_SKIP also for camera RAW. */
static mm_status begin(file *t, mm_tiff_survey *s, mm_bytes in, mm_fault *f)
{
    *t = (file){.in = in};
    t->t = open_bytes(t);
    if (!t->t)
        return broken(t, f);
    mm_tiff_survey_take(s, t->t, in.n, t->complaint);
    bool canon = in.n >= 11 && !memcmp(in.p + 8, "CR\2", 3); /* CR2 */
    if (!s->raw && !canon)
        return MM_OK;
    TIFFClose(t->t);
    return mm_fault_set(f, "unsupported", "camera RAW is not read: " MM_CAMERA_RAW_ADVICE);
}

/* The page of the current directory, or page `page` of the stack that follows it. */
static mm_status read_page(mm_picture *p, file *t, const mm_tiff_survey *s, int64_t page, const mm_picture_limits *l,
                           mm_arena *a, mm_fault *f)
{
    *p = (mm_picture){.format = "tiff", .pages = s->pages};
    *t = (file){.t = t->t, .in = t->in, .at = t->at, .stack_at = s->stack_at, .stack_page = s->stack_page};
    t->stack_page_no = page;
    p->page = page;
    if (page && s->stack_page && (t->in.n - s->stack_at) / s->stack_page <= (uint64_t)page)
        return mm_fault_set(f, "truncated", "tiff: page %lld begins after the end of the file", (long long)page);
    return read_directory(p, t, l, a, f);
}

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    file t;
    mm_tiff_survey seen;
    mm_status s = begin(&t, &seen, in, f);
    if (s != MM_OK)
        return s;
    s = read_page(p, &t, &seen, 0, l, a, f);
    TIFFClose(t.t);
    return s;
}

static mm_status read_pages(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx,
                            mm_fault *f)
{
    file t;
    mm_tiff_survey seen;
    mm_picture p;
    mm_status s = begin(&t, &seen, in, f), worst = MM_OK;
    if (s != MM_OK)
        return s;
    int64_t page = 0;
    do {
        if (seen.pages && !mm_tiff_is_page(t.t))
            continue;
        mm_fault why = {0};
        s = read_page(&p, &t, &seen, page++, l, a, &why);
        if (s == MM_OK)
            s = put(ctx, &p, &why);
        worst = mm_pages_worst(worst, s, f, &why);
    } while (s != MM_FATAL && page < seen.pages && (seen.stack_page || TIFFReadDirectory(t.t)));
    if (worst == MM_OK && seen.broken)
        worst = mm_fault_set(f, "truncated", "tiff: further pages cannot be read");
    TIFFClose(t.t);
    return worst;
}

const mm_picture_reader mm_reader_tiff = {.read = read_first, .pages = read_pages};
