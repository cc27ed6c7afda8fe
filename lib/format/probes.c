#include "format/probes.h"

#include "base/bytes.h"

#include <ctype.h>
#include <strings.h>

static bool starts(const uint8_t *p, size_t n, const char *z)
{
    size_t k = strlen(z);
    return n >= k && memcmp(p, z, k) == 0;
}

/* ---- pictures ---- */

MM_PROBE(bmp)
{
    if (n < 26 || !starts(p, n, "BM"))
        return false;
    uint32_t header = mm_le32(p + 14);
    return header == 12 || header == 16 || header == 40 || header == 52 || header == 56 || header == 64 ||
           header == 108 || header == 124;
}

/* 0, type 1 or 2, a count, and a first entry whose reserved byte is 0 and whose offset lies after the directory. */
MM_PROBE(icon)
{
    if (n < 22 || p[0] || p[1] || (p[2] != 1 && p[2] != 2) || p[3])
        return false;
    unsigned count = mm_le16(p + 4);
    return count > 0 && count < 256 && p[9] == 0 && mm_le32(p + 18) >= 6 + 16 * count;
}

/* After P and one of these letters, white space, then a comment or width and height: "P1 2 many" is prose. */
static bool is_portable_map(const uint8_t *p, size_t n, const char *letters)
{
    if (n < 7 || p[0] != 'P' || !p[1] || !strchr(letters, p[1]) || !isspace(p[2]))
        return false;
    size_t i = 3;
    while (i < n && isspace(p[i]))
        i++;
    if (i < n && p[i] == '#')
        return true;
    size_t width = i;
    while (i < n && isdigit(p[i]))
        i++;
    if (i == width || i >= n || !isspace(p[i]))
        return false;
    while (i < n && isspace(p[i]))
        i++;
    return i < n && isdigit(p[i]);
}

MM_PROBE(pnm)
{
    return is_portable_map(p, n, "123456");
}

MM_PROBE(pfm)
{
    return is_portable_map(p, n, "Ff");
}

MM_PROBE(pam)
{
    return n >= 7 && starts(p, n, "P7") && isspace(p[2]) && (starts(p + 3, n - 3, "WIDTH") || p[3] == '#');
}

MM_PROBE(pcx)
{
    return n >= 128 && p[0] == 10 && p[1] <= 5 && p[2] == 1 && (p[3] == 1 || p[3] == 2 || p[3] == 4 || p[3] == 8) &&
           p[64] == 0;
}

/* TARGA has no signature at its start: the name has to speak for it, and the header must not contradict. */
MM_PROBE(targa)
{
    if (n < 18 || extension.n != 3 || strncasecmp(extension.p, "tga", 3) != 0)
        return false;
    int type = p[2] & ~8;
    return p[1] <= 1 && type >= 1 && type <= 3 &&
           (p[16] == 8 || p[16] == 15 || p[16] == 16 || p[16] == 24 || p[16] == 32);
}

/* The file begins with an element of group 2 or 8 in explicit little endian. */
MM_PROBE(bare_dicom)
{
    static const char VR[][3] = {"UL", "UI", "CS", "DA", "TM", "SH", "LO", "PN", "DT", "OB"};
    if (n < 16 || (p[0] != 2 && p[0] != 8) || p[1] != 0 || p[3] != 0)
        return false;
    for (size_t i = 0; i < sizeof VR / sizeof *VR; i++)
        if (p[4] == VR[i][0] && p[5] == VR[i][1])
            return true;
    return false;
}

/* XML whose first element is SVG's, as far as the head shows it. */
MM_PROBE(svg)
{
    static const char *const STARTS[] = {"<?xml", "<!DOCTYPE svg", "<svg", "<!--"};
    for (size_t i = 0; i < sizeof STARTS / sizeof *STARTS; i++) {
        size_t k = strlen(STARTS[i]);
        if (n >= k && strncasecmp((const char *)p, STARTS[i], k) == 0)
            return memmem(p, n, "<svg", 4);
    }
    return false;
}

/* ---- subtitles ---- */

static size_t byte_order_mark(const uint8_t *p, size_t n)
{
    return starts(p, n, "\xef\xbb\xbf") ? 3 : 0;
}

MM_PROBE(vtt)
{
    size_t i = byte_order_mark(p, n);
    return starts(p + i, n - i, "WEBVTT") && (n - i == 6 || isspace(p[i + 6]));
}

/* Past digits and, between them, colons and one point or comma; *colons and *fraction say what there was. */
static size_t past_clock(const uint8_t *p, size_t n, size_t i, int *colons, bool *fraction)
{
    *colons = 0;
    *fraction = false;
    for (; i < n && (isdigit(p[i]) || p[i] == ':' || ((p[i] == ',' || p[i] == '.') && !*fraction)); i++) {
        *colons += p[i] == ':';
        *fraction |= p[i] == ',' || p[i] == '.';
    }
    return i;
}

static size_t past_space(const uint8_t *p, size_t n, size_t i)
{
    while (i < n && isspace(p[i]))
        i++;
    return i;
}

/* A number, which may be missing, and a time with a fraction, an arrow and a digit of the next time: "09:00 --> 10:00
 * lunch" is a plan. */
MM_PROBE(srt)
{
    int colons;
    bool fraction;
    size_t i = past_space(p, n, byte_order_mark(p, n)), end = past_clock(p, n, i, &colons, &fraction);
    if (end > i && !colons && !fraction && end < n && isspace(p[end])) {
        i = past_space(p, n, end);
        end = past_clock(p, n, i, &colons, &fraction);
    }
    if (colons < 1 || colons > 2 || !fraction)
        return false;
    i = past_space(p, n, end);
    if (!starts(p + i, n - i, "-->"))
        return false;
    i = past_space(p, n, i + 3);
    return i < n && isdigit(p[i]);
}

/* ---- archives, programs, text ---- */

/* A tar header's checksum: the sum of its 512 bytes, the field itself counted as spaces. Some old writers summed
 * signed bytes. A v7 tar has no other mark. */
MM_PROBE(tar)
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

/* "-lh5-" and its relatives after header size and checksum. */
MM_PROBE(lha)
{
    return n >= 22 && p[2] == '-' && p[3] == 'l' && (p[4] == 'h' || p[4] == 'z') && p[6] == '-' && isalnum(p[5]);
}

/* A dictionary of 2^k or 3·2^k bytes up to 1 GiB, a size that is unknown or below 1 TiB, and a first byte of data that
 * is 0. */
MM_PROBE(lzma)
{
    if (n < 14 || p[0] >= 9 * 5 * 5 || p[13] != 0)
        return false;
    uint32_t dict = mm_le32(p + 1), top = dict;
    while (top && !(top & 1))
        top >>= 1;
    bool unknown = mm_le64(p + 5) == UINT64_MAX;
    bool usual = p[0] == 0x5d && memcmp(p + 10, "\0\0\0", 3) == 0; /* the properties that all encoders choose */
    return (top == 1 || top == 3) && dict >= 4096 && dict <= 1u << 30 && (unknown || usual);
}

/* A frame to be skipped, which zstd and lz4 put before, or between, those with data. */
MM_PROBE(skippable_frame)
{
    return n >= 8 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0;
}

MM_PROBE(dos_program)
{
    return n >= 64 && starts(p, n, "MZ");
}

/* After its byte order mark (which could begin MPEG sound too): no NUL and no half of a surrogate pair. */
MM_PROBE(utf16)
{
    bool big = starts(p, n, "\xfe\xff");
    if (n < 2 || n % 2 || (!big && !starts(p, n, "\xff\xfe")))
        return false;
    for (size_t i = 2; i + 3 < n; i += 2) {
        uint64_t c = mm_uint(p + i, 2, big), next = mm_uint(p + i + 2, 2, big);
        if (c == 0 || (c >> 10 == 0xd800 >> 10) != (next >> 10 == 0xdc00 >> 10))
            return false;
    }
    return true;
}

/* ---- MPEG ---- */

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

/* A frame header and, where the bytes reach that far, a second one where the first says that it ends. */
MM_PROBE(mpeg_audio)
{
    size_t len = n >= 7 ? mpeg_frame(p) : 0;
    return len && (len + 2 > n || same_mpeg(p, p + len));
}

bool mm_finds_mpeg_audio(const uint8_t *p, size_t n)
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

/* The sync byte in three packets running, of 188 bytes, or of 192 that begin with 4 bytes of time. */
MM_PROBE(mpeg_ts)
{
    return (n > 2 * 188 && p[0] == 0x47 && p[188] == 0x47 && p[376] == 0x47) ||
           (n > 4 + 2 * 192 && p[4] == 0x47 && p[196] == 0x47 && p[388] == 0x47);
}
