/* formats.h: the table of all formats that are recognised (formats.def), asked by bytes and by names. */
#ifndef MM_FORMAT_FORMATS_H
#define MM_FORMAT_FORMATS_H

#include "base/str.h"

#include <stdint.h>

enum { MM_FORMAT_HEAD = 4096 }; /* bytes of a file worth reading before asking */

typedef enum {
    MM_FORMAT_UNKNOWN,
    MM_FORMAT_IMAGE,   /* a still picture, or an animation that begins with one (GIF, WebP, AVIF, APNG) */
    MM_FORMAT_SOUND,   /* by name; the bytes of most containers may as well hold video */
    MM_FORMAT_VIDEO,   /* … or only sound: libavformat finds out */
    MM_FORMAT_TEXT,    /* UTF-8, or text in a legacy encoding */
    MM_FORMAT_NUMBERS, /* an array or a volume */
    MM_FORMAT_ARCHIVE,
    MM_FORMAT_TAPE,   /* an archive that is read from front to back: tar, cpio */
    MM_FORMAT_PACKED, /* a compressed stream, which may hold a tar or a single file */
    MM_FORMAT_TABLE,  /* of formats that are not read */
    MM_FORMAT_DOCUMENT,
    MM_FORMAT_PROGRAM, /* which may be a self-extracting archive */
} mm_format_kind;

/* Fixed bytes of a format: n at `at` and, unless n2 is 0, n2 at `at2`. */
typedef struct {
    uint16_t at, n;
    const char *bytes;
    uint16_t at2, n2;
    const char *bytes2;
} mm_mark;

typedef struct {
    mm_format_kind kind;
    uint8_t picture;        /* MM_PICTURE_ID, which lib/media/image reads; 0: not a still picture */
    bool text, letters;     /* UNREAD_TEXT, UNREAD_LETTERS */
    const char *what;       /* "a PNG image" */
    const char *extensions; /* "png apng" */
    bool (*probe)(const uint8_t *head, size_t n, mm_str extension); /* or NULL */
    const mm_mark *marks;                                           /* up to one whose n is 0 */
    const char *advice;  /* what makes something of it that is read; NULL: it is read */
    const char *program; /* of a compressed stream: what unpacks it */
} mm_format;

enum {
    MM_PICTURE_NONE,
#define PICTURE(id, ...) MM_PICTURE_##id,
#include "format/formats.def"
    MM_PICTURES
};

enum {
    MM_FORMATS = 0
#define PICTURE(...) +1
#define FORMAT(...) +1
#define PACKED(...) +1
#define UNREAD(...) +1
#define UNREAD_TEXT(...) +1
#define UNREAD_LETTERS(...) +1
#include "format/formats.def"
};
extern const mm_format mm_formats[MM_FORMATS];

#define MM_CAMERA_RAW_ADVICE                                                                                           \
    "develop it first (darktable-cli, dcraw), or take the preview out of it (exiftool -b -JpgFromRaw)"

/* What these bytes are, the first MM_FORMAT_HEAD of a file or all of them; NULL: nothing that is known. The path only
 * breaks ties. */
const mm_format *mm_format_of(const uint8_t *head, size_t n, mm_str path);
/* … by their marks alone. */
const mm_format *mm_format_marked(const uint8_t *head, size_t n);
/* What begins inside these bytes, at *at > 0, as far as longer marks tell; NULL: nothing. */
const mm_format *mm_format_inside(const uint8_t *p, size_t n, size_t *at);
/* The kind of what is read, else MM_FORMAT_UNKNOWN; f may be NULL. */
mm_format_kind mm_format_read_as(const mm_format *f);

/* SubRip or WebVTT, by its bytes; f may be NULL. */
bool mm_format_is_subtitles(const mm_format *f);

/* Text: no NUL, hardly a control character, and UTF-8 throughout; or in another encoding, mostly printable and without
 * any control character. A name that promises a text is given more credit. */
bool mm_bytes_are_text(const uint8_t *p, size_t n, mm_str path);

/* The kind that the extension promises; ARCHIVE for all archives and compressed streams. */
mm_format_kind mm_name_promises(mm_str path);
/* The name promises a text worth encoding (.txt, .md …); with `table` also .csv, .tsv, .jsonl. */
bool mm_name_is_text(mm_str path, bool table);

#endif
