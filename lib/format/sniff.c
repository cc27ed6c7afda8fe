/* Signatures are those of the formats' own specifications; the order of the table matters only where one signature
 * is a prefix of another. */
#include "format/sniff.h"

#include "base/bytes.h"
#include "base/utf8.h"
#include "media/image/picture.h"

#include <ctype.h>
#include <strings.h>

typedef struct {
    uint16_t at, n;
    const char *bytes;
    mm_sniff is;
} magic;

#define AT(off, literal, what)                                                                                         \
    {                                                                                                                  \
        off, sizeof(literal) - 1, literal, what                                                                        \
    }

static const magic MAGICS[] = {
    /* images */
    AT(0, "\xff\xd8\xff", MM_SNIFF_IMAGE),
    AT(0, "\x89PNG\r\n\x1a\n", MM_SNIFF_IMAGE),
    AT(0, "\x8aMNG\r\n\x1a\n", MM_SNIFF_IMAGE),
    AT(0, "GIF87a", MM_SNIFF_IMAGE),
    AT(0, "GIF89a", MM_SNIFF_IMAGE),
    AT(0, "II*\0", MM_SNIFF_IMAGE),
    AT(0, "MM\0*", MM_SNIFF_IMAGE),
    AT(0, "II+\0", MM_SNIFF_IMAGE),
    AT(0, "MM\0+", MM_SNIFF_IMAGE),
    AT(0, "\xff\x0a", MM_SNIFF_IMAGE), /* JPEG XL codestream */
    AT(0, "\0\0\0\x0cJXL ", MM_SNIFF_IMAGE),
    AT(0, "\0\0\0\x0cjP  \r\n", MM_SNIFF_IMAGE), /* JPEG 2000 */
    AT(0, "\xff\x4f\xff\x51", MM_SNIFF_IMAGE),
    AT(0, "8BPS\0\1", MM_SNIFF_IMAGE),
    AT(0, "qoif", MM_SNIFF_IMAGE),
    AT(0, "DDS \x7c\0\0\0", MM_SNIFF_IMAGE),
    AT(0, "\x76\x2f\x31\x01", MM_SNIFF_IMAGE), /* OpenEXR */
    AT(0, "#?RADIANCE", MM_SNIFF_IMAGE),
    AT(0, "#?RGBE", MM_SNIFF_IMAGE),
    AT(0, "\x01\xda\x00\x01", MM_SNIFF_IMAGE), /* SGI */
    AT(0, "\x01\xda\x01\x01", MM_SNIFF_IMAGE),
    AT(0, "\x01\xda\x00\x02", MM_SNIFF_IMAGE),
    AT(0, "\x01\xda\x01\x02", MM_SNIFF_IMAGE),
    AT(0, "\x59\xa6\x6a\x95", MM_SNIFF_IMAGE), /* Sun raster */
    AT(0, "SDPX", MM_SNIFF_IMAGE),
    AT(0, "XPDS", MM_SNIFF_IMAGE),
    AT(0, "SIMPLE  =", MM_SNIFF_IMAGE), /* FITS */
    /* audio and video */
    AT(0, "fLaC", MM_SNIFF_AV),
    AT(0, "OggS", MM_SNIFF_AV),
    AT(0, "ID3", MM_SNIFF_AV),
    AT(0, ".snd", MM_SNIFF_AV),
    AT(0, "#!AMR", MM_SNIFF_AV),
    AT(0, "caff\0\1", MM_SNIFF_AV),
    AT(0, "MAC \x96\x0f", MM_SNIFF_AV),
    AT(0, "MAC \x8c\x0f", MM_SNIFF_AV),
    AT(0, "wvpk", MM_SNIFF_AV),
    AT(0, "TTA1", MM_SNIFF_AV),
    AT(0, "MPCK", MM_SNIFF_AV),
    AT(0, "NIST_1A", MM_SNIFF_AV),
    AT(0, "Creative Voice File", MM_SNIFF_AV),
    AT(0, "DSD \x1c\0\0\0", MM_SNIFF_AV),
    AT(0, "riff\x2e\x91\xcf\x11", MM_SNIFF_AV), /* Wave64 */
    AT(0, "\x1a\x45\xdf\xa3", MM_SNIFF_AV),     /* Matroska, WebM */
    AT(0, "FLV\1", MM_SNIFF_AV),
    AT(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", MM_SNIFF_AV), /* ASF */
    AT(0, ".RMF", MM_SNIFF_AV),
    AT(0, "\0\0\1\xba", MM_SNIFF_AV),
    AT(0, "\0\0\1\xb3", MM_SNIFF_AV),
    AT(0, "\0\0\0\1\x67", MM_SNIFF_AV), /* H.264 */
    AT(0, "\0\0\0\1\x09", MM_SNIFF_AV),
    AT(0, "\0\0\0\1\x40\1", MM_SNIFF_AV), /* H.265 */
    AT(0, "DKIF\0\0", MM_SNIFF_AV),
    AT(0, "YUV4MPEG2 ", MM_SNIFF_AV),
    AT(0, "\x06\x0e\x2b\x34\x02\x05\x01\x01", MM_SNIFF_AV), /* MXF */
    AT(0, "\x0b\x77", MM_SNIFF_AV),                         /* AC-3 */
    AT(0, "\x7f\xfe\x80\x01", MM_SNIFF_AV),                 /* DTS */
    AT(4, "moov", MM_SNIFF_AV),
    AT(4, "mdat", MM_SNIFF_AV),
    AT(4, "wide", MM_SNIFF_AV),
    AT(4, "pnot", MM_SNIFF_AV),
    AT(4, "free\0\0", MM_SNIFF_AV),
    AT(4, "skip\0\0", MM_SNIFF_AV),
    AT(0, "\x93NUMPY", MM_SNIFF_NUMBERS),
    AT(128, "DICM", MM_SNIFF_DICOM),
    /* archives */
    AT(0, "PK\3\4", MM_SNIFF_ARCHIVE),
    AT(0, "PK\5\6", MM_SNIFF_ARCHIVE),
    AT(0, "PK\7\x08PK", MM_SNIFF_ARCHIVE),
    AT(0, "PK00PK", MM_SNIFF_ARCHIVE),
    AT(0, "7z\xbc\xaf\x27\x1c", MM_SNIFF_ARCHIVE),
    AT(0, "Rar!\x1a\7", MM_SNIFF_ARCHIVE),
    AT(0, "RE\x7e\x5e", MM_SNIFF_ARCHIVE), /* RAR 1.4: known, not readable */
    AT(0, "MSCF\0\0\0\0", MM_SNIFF_ARCHIVE),
    AT(0, "xar!\0", MM_SNIFF_ARCHIVE),
    AT(0, "!<arch>\n", MM_SNIFF_ARCHIVE),
    AT(0, "070701", MM_SNIFF_ARCHIVE), /* cpio */
    AT(0, "070702", MM_SNIFF_ARCHIVE),
    AT(0, "070707", MM_SNIFF_ARCHIVE),
    AT(0, "\xc7\x71", MM_SNIFF_ARCHIVE),
    AT(0, "\x71\xc7", MM_SNIFF_ARCHIVE),
    AT(257, "ustar", MM_SNIFF_ARCHIVE),
};

static const magic PACKED[] = {
    AT(0, "\x1f\x8b\x08", MM_SNIFF_ARCHIVE),        /* gzip */
    AT(0, "\x1f\x9d", MM_SNIFF_ARCHIVE),            /* compress */
    AT(0, "\xfd\x37zXZ\0", MM_SNIFF_ARCHIVE),       /* xz */
    AT(0, "\x28\xb5\x2f\xfd", MM_SNIFF_ARCHIVE),    /* zstd */
    AT(0, "\x04\x22\x4d\x18", MM_SNIFF_ARCHIVE),    /* lz4 */
    AT(0, "\x02\x21\x4c\x18", MM_SNIFF_ARCHIVE),    /* lz4, legacy frames */
    AT(0, "LZIP\1", MM_SNIFF_ARCHIVE),              /* lzip */
    AT(0, "\x89LZO\0\r\n\x1a\n", MM_SNIFF_ARCHIVE), /* lzop */
    AT(0, "LRZI\0", MM_SNIFF_ARCHIVE),              /* lrzip */
    AT(0, "GRZipII\0", MM_SNIFF_ARCHIVE),           /* grzip */
    AT(0, "\xed\xab\xee\xdb", MM_SNIFF_ARCHIVE),    /* rpm */
    AT(0, "BZh", MM_SNIFF_ARCHIVE),                 /* bzip2: checked further below */
};

static bool magic_matches(const magic *m, const uint8_t *p, size_t n)
{
    return n >= (size_t)m->at + m->n && memcmp(p + m->at, m->bytes, m->n) == 0;
}

static bool starts(const uint8_t *p, size_t n, size_t at, const char *z)
{
    size_t k = strlen(z);
    return n >= at + k && memcmp(p + at, z, k) == 0;
}

/* A dictionary of 2^k or 3·2^k bytes up to 1 GiB, a size that is unknown or below 1 TiB, and a first byte of data that
 * is 0. */
bool mm_sniff_is_lzma(const uint8_t *p, size_t n)
{
    if (n < 14 || p[0] >= 9 * 5 * 5 || p[13] != 0)
        return false;
    uint32_t dict = mm_le32(p + 1), top = dict;
    while (top && !(top & 1))
        top >>= 1;
    bool unknown = memcmp(p + 5, "\xff\xff\xff\xff\xff\xff\xff\xff", 8) == 0;
    bool usual = p[0] == 0x5d && memcmp(p + 10, "\0\0\0", 3) == 0; /* the properties that all encoders choose */
    return (top == 1 || top == 3) && dict >= 4096 && dict <= 1u << 30 && (unknown || usual);
}

/* A frame to be skipped, which zstd and lz4 put in front of, or between, those with data. */
static bool is_skippable(const uint8_t *p, size_t n)
{
    return n >= 8 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0;
}

bool mm_sniff_is_packed(const uint8_t *p, size_t n)
{
    if (is_skippable(p, n))
        return true;
    for (size_t i = 0; i < sizeof PACKED / sizeof *PACKED; i++) {
        if (!magic_matches(&PACKED[i], p, n))
            continue;
        if (p[0] == 'B') /* block size 1..9, then pi or the square root of pi */
            return n >= 10 && p[3] >= '1' && p[3] <= '9' &&
                   (memcmp(p + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
                    memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
        return true;
    }
    return mm_sniff_is_lzma(p, n);
}

bool mm_sniff_is_program(const uint8_t *p, size_t n)
{
    return starts(p, n, 0,
                  "\x7f"
                  "ELF") ||
           (n >= 64 && starts(p, n, 0, "MZ"));
}

/* A tar header's checksum: the sum of its 512 bytes, the field itself counted as spaces. Some old writers summed
 * signed bytes. A v7 tar has no other mark. */
static bool is_tar(const uint8_t *p, size_t n)
{
    if (n < 512 || p[0] == 0)
        return false;
    long sum = 0, signed_sum = 0, stored = 0;
    for (int i = 0; i < 512; i++) {
        int v = i >= 148 && i < 156 ? ' ' : p[i];
        sum += v;
        signed_sum += (signed char)v;
    }
    int i = 148;
    while (i < 156 && p[i] == ' ')
        i++;
    int first = i;
    for (; i < 156 && p[i] >= '0' && p[i] <= '7'; i++)
        stored = stored * 8 + (p[i] - '0');
    return i > first && (stored == sum || stored == signed_sum);
}

bool mm_sniff_is_tape(const uint8_t *p, size_t n)
{
    return starts(p, n, 257, "ustar") || starts(p, n, 0, "07070") || starts(p, n, 0, "\xc7\x71") ||
           starts(p, n, 0, "\x71\xc7") || is_tar(p, n);
}

/* LHA: "-lh5-" and its relatives after header size and checksum. */
static bool is_lha(const uint8_t *p, size_t n)
{
    return n >= 22 && p[2] == '-' && p[3] == 'l' && (p[4] == 'h' || p[4] == 'z') && p[6] == '-' && isalnum(p[5]);
}

static bool is_bmp(const uint8_t *p, size_t n)
{
    if (n < 26 || !starts(p, n, 0, "BM"))
        return false;
    uint32_t header = mm_le32(p + 14);
    return header == 12 || header == 16 || header == 40 || header == 52 || header == 56 || header == 64 ||
           header == 108 || header == 124;
}

/* ICO and CUR: 0, type 1 or 2, a count, and a first entry whose reserved byte is 0 and whose offset lies after
 * the directory. */
static bool is_ico(const uint8_t *p, size_t n)
{
    if (n < 22 || p[0] || p[1] || (p[2] != 1 && p[2] != 2) || p[3])
        return false;
    unsigned count = mm_le16(p + 4);
    return count > 0 && count < 256 && p[9] == 0 && mm_le32(p + 18) >= 6 + 16 * count;
}

/* PNM: P1 … P7 or, of floats, PF and Pf, then white space, then a number or a comment. */
static bool is_pnm(const uint8_t *p, size_t n)
{
    if (n < 7 || p[0] != 'P' || !memchr("1234567Ff", p[1], 9) || !isspace(p[2]))
        return false;
    if (p[1] == '7')
        return starts(p, n, 3, "WIDTH") || p[3] == '#';
    size_t i = 3;
    while (i < n && isspace(p[i]))
        i++;
    if (i < n && p[i] == '#')
        return true;
    size_t digits = 0;
    while (i + digits < n && isdigit(p[i + digits]))
        digits++;
    i += digits;
    if (digits == 0 || i >= n || !isspace(p[i]))
        return false;
    while (i < n && isspace(p[i]))
        i++;
    return i < n && isdigit(p[i]); /* the height: "P1 2 many" is prose */
}

static bool is_pcx(const uint8_t *p, size_t n)
{
    return n >= 128 && p[0] == 10 && p[1] <= 5 && p[2] == 1 && (p[3] == 1 || p[3] == 2 || p[3] == 4 || p[3] == 8) &&
           p[64] == 0;
}

/* TGA has no signature at its start: the name has to speak for it, and the header must not contradict. */
static bool is_tga(const uint8_t *p, size_t n, mm_str path)
{
    mm_str x = mm_name_extension(path);
    if (n < 18 || x.n != 3 || strncasecmp(x.p, "tga", 3) != 0)
        return false;
    int type = p[2] & ~8;
    return p[1] <= 1 && type >= 1 && type <= 3 &&
           (p[16] == 8 || p[16] == 15 || p[16] == 16 || p[16] == 24 || p[16] == 32);
}

/* ISO base media: still image brands against everything else. */
static mm_sniff sniff_ftyp(const uint8_t *p, size_t n)
{
    static const char IMAGES[][5] = {"avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1", "jxl "};
    if (n < 12 || !starts(p, n, 4, "ftyp"))
        return MM_SNIFF_NONE;
    for (size_t i = 0; i < sizeof IMAGES / sizeof *IMAGES; i++)
        if (starts(p, n, 8, IMAGES[i]))
            return MM_SNIFF_IMAGE;
    return MM_SNIFF_AV;
}

static mm_sniff sniff_riff(const uint8_t *p, size_t n)
{
    if (n >= 12 &&
        (starts(p, n, 0, "RIFF") || starts(p, n, 0, "RIFX") || starts(p, n, 0, "RF64") || starts(p, n, 0, "BW64"))) {
        if (starts(p, n, 8, "WEBP"))
            return MM_SNIFF_IMAGE;
        if (starts(p, n, 8, "WAVE") || starts(p, n, 8, "AVI ") || starts(p, n, 8, "RMP3"))
            return MM_SNIFF_AV;
    }
    if (n >= 12 && starts(p, n, 0, "FORM") && (starts(p, n, 8, "AIFF") || starts(p, n, 8, "AIFC")))
        return MM_SNIFF_AV;
    return MM_SNIFF_NONE;
}

/* The length of the MPEG audio frame (ADTS AAC too) that these 7 bytes are the header of; 0 when a field is not
 * allowed. */
static size_t mpeg_frame(const uint8_t *p)
{
    static const int KBPS[2][3][15] = {
        {{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
         {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
         {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}},
        {{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
         {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
         {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
    };
    static const int HZ[3] = {44100, 48000, 32000};
    if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0)
        return 0;
    if ((p[1] & 0xf6) == 0xf0) { /* ADTS: layer 0 */
        size_t len = (size_t)(p[3] & 3) << 11 | (size_t)p[4] << 3 | p[5] >> 5;
        return (p[2] >> 2 & 15) < 13 && len >= 7 ? len : 0;
    }
    int version = p[1] >> 3 & 3, layer = 3 - (p[1] >> 1 & 3), rate = p[2] >> 4, hz = p[2] >> 2 & 3;
    if (version == 1 || layer == 3 || rate == 0 || rate == 15 || hz == 3)
        return 0;
    int bits = KBPS[version != 3][layer][rate] * 1000, f = HZ[hz] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    int pad = p[2] >> 1 & 1;
    return layer == 0 ? (size_t)(12 * bits / f + pad) * 4
                      : (size_t)((layer == 2 && version != 3 ? 72 : 144) * (int64_t)bits / f + pad);
}

/* Whether the frame at p may be followed by the one at q: version and layer do not change. */
static bool same_mpeg(const uint8_t *p, const uint8_t *q)
{
    return q[0] == 0xff && (q[1] & 0xfe) == (p[1] & 0xfe);
}

/* MPEG audio without a tag: a frame header and, where the bytes reach that far, a second one where the first says that
 * it ends. */
static bool is_mpeg_audio(const uint8_t *p, size_t n)
{
    size_t len = n >= 7 ? mpeg_frame(p) : 0;
    return len && (len + 2 > n || same_mpeg(p, p + len));
}

bool mm_sniff_finds_mpeg_audio(const uint8_t *p, size_t n)
{
    enum { RUN = 4 };
    for (size_t i = 0; i + 7 <= n; i++) {
        size_t at = i;
        int run = 0;
        while (run < RUN && at + 7 <= n && mpeg_frame(p + at) && same_mpeg(p + i, p + at)) {
            at += mpeg_frame(p + at);
            run++;
        }
        if (run == RUN)
            return true;
    }
    return false;
}

/* Transport streams: the sync byte in three packets running, of 188 bytes, or 192 with 4 bytes of time in front. */
static bool is_mpeg_ts(const uint8_t *p, size_t n)
{
    return (n > 2 * 188 && p[0] == 0x47 && p[188] == 0x47 && p[376] == 0x47) ||
           (n > 4 + 2 * 192 && p[4] == 0x47 && p[196] == 0x47 && p[388] == 0x47);
}

/* DICOM without its preamble: the file begins with an element of group 2 or 8 in explicit little endian. */
static bool is_bare_dicom(const uint8_t *p, size_t n)
{
    static const char VR[][3] = {"UL", "UI", "CS", "DA", "TM", "SH", "LO", "PN", "DT", "OB"};
    if (n < 16 || (p[0] != 2 && p[0] != 8) || p[1] != 0 || p[3] != 0)
        return false;
    for (size_t i = 0; i < sizeof VR / sizeof *VR; i++)
        if (p[4] == VR[i][0] && p[5] == VR[i][1])
            return true;
    return false;
}

/* UTF-16 after its mark (which could begin MPEG sound too): no NUL and no half of a surrogate pair. */
static bool is_utf16(const uint8_t *p, size_t n)
{
    bool big = starts(p, n, 0, "\xfe\xff");
    if (n < 2 || n % 2 || (!big && !starts(p, n, 0, "\xff\xfe")))
        return false;
    for (size_t i = 2; i + 3 < n; i += 2) {
        unsigned c = (unsigned)mm_uint(p + i, 2, big), next = (unsigned)mm_uint(p + i + 2, 2, big);
        if (c == 0 || (c >> 10 == 0xd800 >> 10) != (next >> 10 == 0xdc00 >> 10))
            return false;
    }
    return true;
}

/* Text: no NUL, hardly a control character, and UTF-8 throughout; or in another encoding, mostly printable and
 * without any control character. UTF-16 is known by its mark. */
static bool is_text(const uint8_t *p, size_t n, mm_str path)
{
    size_t controls = 0, malformed = 0, high = 0;
    for (size_t i = 0; i < n;) {
        if (p[i] == 0)
            return false;
        controls += (p[i] < ' ' && !isspace(p[i]) && p[i] != '\b' && p[i] != 27) || p[i] == 127;
        high += p[i] >= 0x80;
        bool ok;
        i += (size_t)mm_utf8_step(p + i, n - i, &ok);
        malformed += !ok && i < n; /* the head may end inside a character */
    }
    if (malformed == 0)
        return controls <= n / 20 || mm_name_is_text(path, true);
    return controls == 0 && (high < n / 3 || mm_name_is_text(path, true));
}

mm_sniff mm_sniff_bytes(const uint8_t *p, size_t n, mm_str path)
{
    if (n == 0)
        return mm_name_is_text(path, false) ? MM_SNIFF_TEXT : MM_SNIFF_NONE;
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++)
        if (magic_matches(&MAGICS[i], p, n))
            return MAGICS[i].is;
    if (mm_raw_is((mm_bytes){p, n}))
        return MM_SNIFF_IMAGE;
    mm_sniff s = sniff_ftyp(p, n);
    if (s == MM_SNIFF_NONE)
        s = sniff_riff(p, n);
    if (s != MM_SNIFF_NONE)
        return s;
    if (mm_sniff_is_packed(p, n) || is_tar(p, n) || is_lha(p, n))
        return MM_SNIFF_ARCHIVE;
    if (is_bmp(p, n) || is_ico(p, n) || is_pnm(p, n) || is_pcx(p, n) || is_tga(p, n, path))
        return MM_SNIFF_IMAGE;
    if (is_bare_dicom(p, n))
        return MM_SNIFF_DICOM;
    if (mm_sniff_is_program(p, n) || starts(p, n, 0, "%PDF-"))
        return MM_SNIFF_NONE;
    if (is_utf16(p, n))
        return MM_SNIFF_TEXT;
    if (is_mpeg_audio(p, n) || is_mpeg_ts(p, n))
        return MM_SNIFF_AV;
    return is_text(p, n, path) ? MM_SNIFF_TEXT : MM_SNIFF_NONE;
}

/* ---- names, where bytes leave the question open ---- */

static mm_str base_name(mm_str path)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/')
            return (mm_str){path.p + i, path.n - i};
    return path;
}

mm_str mm_name_extension(mm_str path)
{
    mm_str base = base_name(path);
    for (size_t i = base.n; i > 1; i--)
        if (base.p[i - 1] == '.')
            return (mm_str){base.p + i, base.n - i};
    return (mm_str){"", 0};
}

static bool one_of(mm_str word, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == word.n && strncasecmp(*list, word.p, word.n) == 0)
            return true;
    return false;
}

bool mm_name_is_about(mm_str path)
{
    static const char *const ABOUT[] = {"readme",  "license", "licence",      "copying", "changelog",
                                        "authors", "notice",  "contributing", NULL};
    mm_str base = base_name(path), x = mm_name_extension(path);
    return one_of((mm_str){base.p, x.n ? base.n - x.n - 1 : base.n}, ABOUT);
}

bool mm_name_is_text(mm_str path, bool table)
{
    static const char *const TEXT[] = {"txt", "text", "md", "markdown", "caption", "cap", "transcript", NULL};
    static const char *const TABLE[] = {"csv", "tsv", "tab", "jsonl", "ndjson", NULL};
    mm_str x = mm_name_extension(path);
    if (mm_name_is_about(path))
        return false;
    return one_of(x, TEXT) || (table && one_of(x, TABLE));
}
