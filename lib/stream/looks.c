#include "stream/looks.h"

#include "format/formats.h"

#include <stdio.h>

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

static bool all_zero(const uint8_t *p, size_t n)
{
    return n && !p[0] && !memcmp(p, p + 1, n - 1);
}

/* How what is read becomes a stream. */
static void advise(char *out, size_t size, const mm_format *f)
{
    switch (f->kind) {
    case MM_FORMAT_IMAGE:
    case MM_FORMAT_SOUND:
    case MM_FORMAT_VIDEO: snprintf(out, size, "%s: mm-decode reads media", f->what); break;
    case MM_FORMAT_ARCHIVE:
    case MM_FORMAT_TAPE: snprintf(out, size, "%s: mm-decode reads media in archives", f->what); break;
    case MM_FORMAT_PACKED:
        snprintf(out, size, "%s: `%s -dc FILE |` unpacks a stream, mm-decode reads media in it", f->what, f->program);
        break;
    case MM_FORMAT_NUMBERS: snprintf(out, size, "%s: mm-decode reads arrays", f->what); break;
    default: snprintf(out, size, "%s", f->what);
    }
}

void mm_looks_like(char *out, size_t size, const uint8_t *p, size_t n)
{
    const mm_format *f = mm_format_marked(p, n);
    n = n < MM_FORMAT_HEAD ? n : MM_FORMAT_HEAD;
    if (f && f->advice)
        snprintf(out, size, "%s", f->what);
    else if (f)
        advise(out, size, f);
    else if (all_zero(p, n))
        snprintf(out, size, "zero bytes");
    else if (n && (p[0] & 0xc0) != 0x80 && mm_bytes_are_text(p, n, MM_STR(""))) /* nor the rest of a character */
        snprintf(out, size, "%s: mm-decode reads media and text", p[0] == '{' || p[0] == '[' ? "JSON" : "text");
    else
        snprintf(out, size, "other data");
}
