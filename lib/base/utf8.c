#include "base/utf8.h"

/* Table 3-7 of the Unicode Standard: what may follow a leading byte. Only the second byte's range varies. */
int mm_utf8_step(const uint8_t *p, size_t n, bool *ok)
{
    uint8_t c = p[0], low = 0x80, high = 0xbf;
    int len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    *ok = len == 1;
    if (len < 2)
        return 1;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    for (int i = 1; i < len; i++) {
        if ((size_t)i >= n || p[i] < low || p[i] > high)
            return i;
        low = 0x80;
        high = 0xbf;
    }
    *ok = true;
    return len;
}

bool mm_utf8_valid(mm_str s)
{
    for (size_t i = 0; i < s.n;) {
        bool ok;
        i += (size_t)mm_utf8_step((const uint8_t *)s.p + i, s.n - i, &ok);
        if (!ok)
            return false;
    }
    return true;
}

mm_str mm_utf8_tail(mm_str s, size_t most)
{
    size_t from = s.n > most ? s.n - most : 0;
    while (from && from < s.n && ((uint8_t)s.p[from] & 0xc0) == 0x80)
        from++;
    return (mm_str){s.p ? s.p + from : NULL, s.n - from};
}
