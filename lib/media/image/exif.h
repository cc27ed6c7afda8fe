/* exif.h: the few fields of an EXIF block that matter here (Exif 2.32: a TIFF directory; XMP for the orientation
 * of files that carry it there alone). */
#ifndef MM_MEDIA_IMAGE_EXIF_H
#define MM_MEDIA_IMAGE_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int orientation; /* 1..8; 0: not stated */
    char taken[20];  /* "2013:07:05 18:23:11", DateTimeOriginal, else DateTime; "" when absent */
    char make[64], model[64];
    bool has_gps;
    double latitude, longitude; /* degrees, north and east positive */
} mm_exif;

/* Reads a TIFF structure ("II*\0" or "MM\0*", perhaps after "Exif\0\0"). Malformed fields are ignored: EXIF never makes
 * a picture unreadable. */
void mm_exif_parse(mm_exif *x, const uint8_t *p, size_t n);

/* The tiff:Orientation of an XMP packet, if x has none yet. */
void mm_exif_parse_xmp(mm_exif *x, const uint8_t *p, size_t n);

#endif
