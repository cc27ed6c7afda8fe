#include "media/table/charset.h"

#include "base/bytes.h"
#include "base/utf8.h"

#include <utf8proc.h>

mm_str mm_utf8_clean(mm_arena *a, mm_str in, int64_t *replaced)
{
    *replaced = 0;
    if (mm_utf8_valid(in))
        return in;
    char *out = mm_arena_alloc(a, 3 * in.n); /* a bad byte becomes three at worst */
    size_t n = 0;
    for (size_t i = 0; out && i < in.n;) {
        bool ok;
        size_t len = (size_t)mm_utf8_step((const uint8_t *)in.p + i, in.n - i, &ok);
        memcpy(out + n, ok ? in.p + i : "\xef\xbf\xbd", ok ? len : 3);
        n += ok ? len : 3;
        *replaced += !ok;
        i += len;
    }
    return (mm_str){out, n};
}

/* UTF-16 without its byte order mark; a lone surrogate becomes U+FFFD. */
static mm_str from_utf16(mm_arena *a, mm_str in, bool big)
{
    const uint8_t *p = (const uint8_t *)in.p;
    char *out = mm_arena_alloc(a, in.n * 2 + 4);
    size_t n = 0;
    for (size_t i = 0; out && i + 1 < in.n; i += 2) {
        uint32_t c = (uint32_t)mm_uint(p + i, 2, big);
        if (c >= 0xd800 && c < 0xdc00 && i + 3 < in.n && mm_uint(p + i + 2, 2, big) >> 10 == 0xdc00 >> 10) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (uint32_t)(mm_uint(p + i + 2, 2, big) & 0x3ff);
            i += 2;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        n += (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out + n);
    }
    return (mm_str){out, n};
}

mm_str mm_text_unmark(mm_arena *a, mm_str in, const char **encoding)
{
    *encoding = NULL;
    if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
        return (mm_str){in.p + 3, in.n - 3};
    if (in.n >= 2 && (memcmp(in.p, "\xff\xfe", 2) == 0 || memcmp(in.p, "\xfe\xff", 2) == 0)) {
        *encoding = "utf-16";
        return from_utf16(a, (mm_str){in.p + 2, in.n - 2}, in.p[0] == '\xfe');
    }
    return in;
}
