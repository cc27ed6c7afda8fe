#include "media/image/exif.h"

#include "base/bytes.h"

#include <math.h>
#include <string.h>

enum { TAG_MAKE = 0x10f, TAG_MODEL = 0x110, TAG_ORIENTATION = 0x112, TAG_DATETIME = 0x132 };
enum { TAG_EXIF_IFD = 0x8769, TAG_GPS_IFD = 0x8825, TAG_DATETIME_ORIGINAL = 0x9003 };
enum { GPS_LATITUDE_REF = 1, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE };
enum { TYPE_BYTE = 1, TYPE_ASCII = 2, TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_RATIONAL = 5 };

typedef struct {
    const uint8_t *p;
    size_t n;
    bool big;
} tiff;

/* A directory entry whose value lies inside the block. */
typedef struct {
    unsigned tag, type;
    size_t count;
    const uint8_t *value;
} entry;

static unsigned get16(const tiff *t, const uint8_t *p)
{
    return (unsigned)mm_uint(p, 2, t->big);
}

static uint32_t get32(const tiff *t, const uint8_t *p)
{
    return (uint32_t)mm_uint(p, 4, t->big);
}

/* Bytes of one element; 0 for types that are not read here. */
static size_t type_size(unsigned type)
{
    static const uint8_t size[] = {0, 1, 1, 2, 4, 8};
    return type < sizeof size ? size[type] : 0;
}

static bool read_entry(const tiff *t, const uint8_t *p, entry *out)
{
    *out = (entry){.tag = get16(t, p), .type = get16(t, p + 2), .count = get32(t, p + 4), .value = p + 8};
    size_t each = type_size(out->type);
    if (!each || !out->count || out->count > t->n / each)
        return false;
    if (each * out->count <= 4)
        return true;
    size_t off = get32(t, p + 8);
    if (off > t->n || each * out->count > t->n - off)
        return false;
    out->value = t->p + off;
    return true;
}

static uint32_t number(const tiff *t, const entry *x)
{
    return x->type == TYPE_SHORT ? get16(t, x->value) : x->type == TYPE_LONG ? get32(t, x->value) : x->value[0];
}

static void copy_text(char *out, size_t size, const entry *x)
{
    if (x->type != TYPE_ASCII)
        return;
    size_t n = 0;
    while (n < x->count && n + 1 < size && x->value[n] >= ' ' && x->value[n] < 127)
        n++;
    memcpy(out, x->value, n);
    out[n] = 0;
}

/* Degrees, minutes and seconds as three rationals; NaN when they are not. */
static double degrees(const tiff *t, const entry *x)
{
    double part[3] = {0};
    if (x->type != TYPE_RATIONAL || x->count < 3)
        return NAN;
    for (int i = 0; i < 3; i++) {
        uint32_t den = get32(t, x->value + 8 * i + 4);
        if (!den)
            return NAN;
        part[i] = get32(t, x->value + 8 * i) / (double)den;
    }
    return part[0] + part[1] / 60 + part[2] / 3600;
}

typedef struct {
    double latitude, longitude;
    bool south, west;
} position;

static void gps_entry(const tiff *t, const entry *x, position *g)
{
    if (x->tag == GPS_LATITUDE_REF)
        g->south = x->value[0] == 'S';
    else if (x->tag == GPS_LONGITUDE_REF)
        g->west = x->value[0] == 'W';
    else if (x->tag == GPS_LATITUDE)
        g->latitude = degrees(t, x);
    else if (x->tag == GPS_LONGITUDE)
        g->longitude = degrees(t, x);
}

static void gps_directory(const tiff *t, size_t off, mm_exif *out)
{
    position g = {.latitude = NAN, .longitude = NAN};
    if (off > t->n || t->n - off < 2)
        return;
    size_t count = get16(t, t->p + off);
    for (size_t i = 0; i < count && t->n - off >= 2 + 12 * (i + 1); i++) {
        entry x;
        if (read_entry(t, t->p + off + 2 + 12 * i, &x))
            gps_entry(t, &x, &g);
    }
    if (isnan(g.latitude) || isnan(g.longitude))
        return;
    out->has_gps = true;
    out->latitude = g.south ? -g.latitude : g.latitude;
    out->longitude = g.west ? -g.longitude : g.longitude;
}

/* The main directory and, one level down and never deeper, the Exif and GPS directories. */
static void directory(const tiff *t, size_t off, bool top, mm_exif *out)
{
    if (off > t->n || t->n - off < 2)
        return;
    size_t count = get16(t, t->p + off);
    for (size_t i = 0; i < count && t->n - off >= 2 + 12 * (i + 1); i++) {
        entry x;
        if (!read_entry(t, t->p + off + 2 + 12 * i, &x))
            continue;
        if (x.tag == TAG_ORIENTATION && top && number(t, &x) >= 1 && number(t, &x) <= 8)
            out->orientation = (int)number(t, &x);
        else if (x.tag == TAG_DATETIME_ORIGINAL || (x.tag == TAG_DATETIME && !out->taken[0]))
            copy_text(out->taken, sizeof out->taken, &x);
        else if (x.tag == TAG_MAKE)
            copy_text(out->make, sizeof out->make, &x);
        else if (x.tag == TAG_MODEL)
            copy_text(out->model, sizeof out->model, &x);
        else if (x.tag == TAG_EXIF_IFD && top && x.type == TYPE_LONG)
            directory(t, number(t, &x), false, out);
        else if (x.tag == TAG_GPS_IFD && top && x.type == TYPE_LONG)
            gps_directory(t, number(t, &x), out);
    }
}

void mm_exif_parse(mm_exif *x, const uint8_t *p, size_t n)
{
    if (n >= 6 && !memcmp(p, "Exif\0\0", 6)) {
        p += 6;
        n -= 6;
    }
    if (n < 8 || (memcmp(p, "II*\0", 4) && memcmp(p, "MM\0*", 4)))
        return;
    tiff t = {p, n, p[0] == 'M'};
    directory(&t, get32(&t, p + 4), true, x);
}

void mm_exif_parse_xmp(mm_exif *x, const uint8_t *p, size_t n)
{
    static const char name[] = "tiff:Orientation";
    const uint8_t *at = x->orientation ? NULL : memmem(p, n, name, sizeof name - 1);
    if (!at)
        return;
    at += sizeof name - 1;
    const uint8_t *end = p + n;
    if (end - at >= 3 && at[0] == '=' && at[1] == '"') /* an attribute … */
        at += 2;
    else if (end - at >= 2 && at[0] == '>') /* … or an element */
        at += 1;
    else
        return;
    if (*at >= '1' && *at <= '8')
        x->orientation = *at - '0';
}
