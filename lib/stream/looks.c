#include "stream/looks.h"

#include <string.h>

bool mm_looks_record(const uint8_t *p, size_t n)
{
    static const uint8_t key[] = {0xa2, 'm', 'm'};
    if (!n)
        return true;
    bool fixmap = p[0] > 0x80 && p[0] < 0x90;
    if (!fixmap && p[0] != 0xde && p[0] != 0xdf)
        return false;
    size_t head = fixmap ? 1 : p[0] == 0xde ? 3 : 5;
    size_t have = n > head ? n - head : 0;
    return !memcmp(p + head, key, have < sizeof key ? have : sizeof key);
}

#define MEDIA ": mm-decode reads media"
#define PACKED(program) ": `" program " -dc FILE |` in front reads a compressed stream, mm-decode reads media in it"

static const struct {
    uint16_t at;
    uint16_t n;
    const char *magic, *says;
} MAGIC[] = {
    {0, 3, "\xff\xd8\xff", "a JPEG image" MEDIA},
    {0, 4, "\x89PNG", "a PNG image" MEDIA},
    {0, 4, "GIF8", "a GIF image" MEDIA},
    {8, 4, "WEBP", "a WebP image" MEDIA},
    {0, 4, "II*\0", "a TIFF image" MEDIA},
    {0, 4, "MM\0*", "a TIFF image" MEDIA},
    {8, 4, "WAVE", "a WAV file" MEDIA},
    {8, 4, "AVI ", "an AVI video" MEDIA},
    {0, 4, "fLaC", "a FLAC file" MEDIA},
    {0, 4, "OggS", "an Ogg file" MEDIA},
    {0, 3, "ID3", "an MP3 file" MEDIA},
    {4, 4, "ftyp", "an MP4 file" MEDIA},
    {0, 4, "\x1a\x45\xdf\xa3", "a Matroska or WebM file" MEDIA},
    {0, 5, "%PDF-", "a PDF document"},
    {0, 4, "PK\3\4", "a zip archive" MEDIA " in archives"},
    {257, 5, "ustar", "a tar archive" MEDIA " in archives"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive" MEDIA " in archives"},
    {0, 2, "\x1f\x8b", "gzip data" PACKED("gzip")},
    {0, 4, "\x28\xb5\x2f\xfd", "zstd data" PACKED("zstd")},
    {0, 6,
     "\xfd"
     "7zXZ",
     "xz data" PACKED("xz")},
    {0, 3, "BZh", "bzip2 data" PACKED("bzip2")},
    {0, 6, "\x93NUMPY", "a NumPy array: mm-decode --as feature reads those"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program"},
};

/* Printable ASCII and what may be UTF-8, with the white space that text files hold. */
static bool is_text(const uint8_t *p, size_t n)
{
    if (n && p[0] >= 0x80 && p[0] < 0xc2) /* goes on with a character that never began */
        return false;
    for (size_t i = 0; i < n; i++)
        if ((p[i] < ' ' && !strchr("\t\n\r\f", p[i])) || p[i] == 127 || p[i] == 0 || p[i] >= 0xf8)
            return false;
    return n > 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return n > 0;
}

const char *mm_looks_like(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < sizeof MAGIC / sizeof *MAGIC; i++)
        if (n >= (size_t)MAGIC[i].at + MAGIC[i].n && !memcmp(p + MAGIC[i].at, MAGIC[i].magic, MAGIC[i].n))
            return MAGIC[i].says;
    if (all_zero(p, n))
        return "zero bytes";
    if (!is_text(p, n < 512 ? n : 512))
        return NULL;
    return p[0] == '{' || p[0] == '[' ? "JSON: mm-decode reads media and text" : "text: mm-decode reads media and text";
}
