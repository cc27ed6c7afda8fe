#include "media/image/tiff_survey.h"

#include <stdlib.h>
#include <string.h>

/* Enough for the files of cameras, whose RAW data is in one of the first directories or below it. */
enum { MOST_SUB = 16, SUB_LEVELS_IN = 4 };

bool mm_tiff_is_page(TIFF *t)
{
    uint32_t kind = 0;
    TIFFGetFieldDefaulted(t, TIFFTAG_SUBFILETYPE, &kind);
    return !(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

/* Does this directory hold a camera's sensor data? */
static bool is_raw(TIFF *t)
{
    enum {
        LINEAR_RAW = 34892,
        SONY = 32767,
        PACKED = 32769,
        SAMSUNG = 32770,
        NIKON = 34713,
        KODAK = 65000,
        PENTAX = 65535
    };
    uint16_t photometric = 0, compression = COMPRESSION_NONE;
    uint8_t *version;
    TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetField(t, TIFFTAG_COMPRESSION, &compression);
    return photometric == PHOTOMETRIC_CFA || photometric == LINEAR_RAW || compression == SONY ||
           compression == PACKED || compression == SAMSUNG || compression == NIKON || compression == KODAK ||
           compression == PENTAX || TIFFGetField(t, TIFFTAG_DNGVERSION, &version);
}

/* Visits the directories below the current one, and returns to it. */
static void look_below(mm_tiff_survey *s, TIFF *t)
{
    uint16_t n = 0;
    uint64_t *list = NULL, at[MOST_SUB];
    tdir_t here = TIFFCurrentDirectory(t);
    if (!TIFFGetField(t, TIFFTAG_SUBIFD, &n, &list) || !n)
        return;
    n = n < MOST_SUB ? n : MOST_SUB;
    memcpy(at, list, n * sizeof *at);
    for (uint16_t i = 0; i < n; i++) {
        if (!TIFFSetSubDirectory(t, at[i]))
            continue;
        s->raw = s->raw || is_raw(t);
        if (!s->below && mm_tiff_is_page(t))
            s->below = at[i];
    }
    TIFFSetDirectory(t, here);
}

/* ImageJ's large stacks have one directory, whose description says how many uncompressed pages follow. */
static void find_stack(mm_tiff_survey *s, TIFF *t, size_t bytes)
{
    const char *text = NULL, *images;
    uint64_t *offsets = NULL;
    uint16_t compression = 0;
    uint32_t height = 0;
    TIFFGetField(t, TIFFTAG_COMPRESSION, &compression);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    if (s->pages != 1 || compression > COMPRESSION_NONE || TIFFIsTiled(t) ||
        !TIFFGetField(t, TIFFTAG_IMAGEDESCRIPTION, &text) || strncmp(text, "ImageJ=", 7) != 0 ||
        !(images = strstr(text, "\nimages=")) || !TIFFGetField(t, TIFFTAG_STRIPOFFSETS, &offsets) || !offsets)
        return;
    long n = strtol(images + 8, NULL, 10);
    uint64_t row = (uint64_t)TIFFScanlineSize(t), page = row * height;
    if (n < 2 || !row || page / row != height || page == 0 || offsets[0] >= bytes)
        return;
    uint64_t there = (bytes - offsets[0]) / page;
    if (there < 2) /* the description was copied from another file */
        return;
    s->pages = (uint64_t)n <= there ? n : (int64_t)there + 1; /* one page stands for all that are missing */
    s->stack_at = (size_t)offsets[0];
    s->stack_page = (size_t)page;
}

void mm_tiff_survey_take(mm_tiff_survey *s, TIFF *t, size_t bytes, const char *complaint)
{
    *s = (mm_tiff_survey){0};
    int64_t n = 0;
    do {
        if (mm_tiff_is_page(t) && !s->pages++)
            s->first = TIFFCurrentDirectory(t);
        s->raw = s->raw || is_raw(t);
        if (n++ < SUB_LEVELS_IN)
            look_below(s, t);
    } while (TIFFReadDirectory(t));
    s->broken = *complaint;
    if (!s->pages && s->below)
        TIFFSetSubDirectory(t, s->below);
    else
        TIFFSetDirectory(t, s->first);
    find_stack(s, t, bytes);
}
