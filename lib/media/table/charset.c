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

static bool is_high(uint32_t c)
{
    return c >= 0xd800 && c < 0xdc00;
}

static bool is_low(uint32_t c)
{
    return c >= 0xdc00 && c < 0xe000;
}

size_t mm_utf16_to_utf8(char *out, const uint8_t *p, size_t n, bool big, bool all, size_t *taken)
{
    size_t wrote = 0, i = 0;
    for (; i + 1 < n; i += 2) {
        uint32_t c = (uint32_t)mm_uint(p + i, 2, big);
        uint32_t next = i + 3 < n ? (uint32_t)mm_uint(p + i + 2, 2, big) : 0;
        if (is_high(c) && i + 3 >= n && !all)
            break;
        if (is_high(c) && is_low(next)) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (next & 0x3ff);
            i += 2;
        } else if (is_high(c) || is_low(c)) {
            c = 0xfffd;
        }
        wrote += (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out + wrote);
    }
    *taken = all ? n : i;
    return wrote;
}

mm_str mm_text_unmark(mm_arena *a, mm_str in, const char **encoding)
{
    *encoding = NULL;
    if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
        return (mm_str){in.p + 3, in.n - 3};
    if (in.n >= 2 && (memcmp(in.p, "\xff\xfe", 2) == 0 || memcmp(in.p, "\xfe\xff", 2) == 0)) {
        size_t taken, n = in.n - 2;
        char *out = mm_arena_alloc(a, MM_UTF16_GROWS(n));
        *encoding = "utf-16";
        if (out)
            n = mm_utf16_to_utf8(out, (const uint8_t *)in.p + 2, n, in.p[0] == '\xfe', true, &taken);
        return (mm_str){out, n};
    }
    return in;
}
