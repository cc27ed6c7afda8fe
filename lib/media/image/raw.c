/* Camera RAW files: what the sensor saw, before it is a picture. They are known and not developed. Those that are TIFF
 * inside, tiff.c tells. */
#include "format/formats.h"
#include "media/image/picture.h"

#include <string.h>

typedef struct {
    size_t at, n;
    const char *bytes;
} magic;

#define AT(place, literal)                                                                                             \
    {                                                                                                                  \
        place, sizeof literal - 1, literal                                                                             \
    }

/* The offset after the Olympus marks is always 8, and tells them from text: "MMORPG". */
static const magic MAGICS[] = {
    AT(0, "FUJIFILMCCD-RAW "),     /* Fujifilm RAF */
    AT(0, "IIU\0"),                /* Panasonic and Leica RW2 */
    AT(0, "IIRO\x08\0\0\0"),       /* Olympus ORF */
    AT(0, "IIRS\x08\0\0\0"),       /* … */
    AT(0, "MMOR\0\0\0\x08"),       /* … */
    AT(0, "FOVb"),                 /* Sigma X3F */
    AT(0, "\0MRM"),                /* Minolta MRW */
    AT(0, "II\x1a\0\0\0HEAPCCDR"), /* Canon CRW */
    AT(4, "ftypcrx "),             /* Canon CR3 */
    AT(8, "CR\2"),                 /* Canon CR2, a TIFF */
};

bool mm_raw_is(mm_bytes in)
{
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++) {
        const magic *m = &MAGICS[i];
        if (in.n >= m->at + m->n && !memcmp(in.p + m->at, m->bytes, m->n))
            return true;
    }
    return false;
}

mm_status mm_raw_fault(mm_fault *f)
{
    return mm_fault_set(f, "unsupported", "camera RAW is not read: " MM_CAMERA_RAW_ADVICE);
}
