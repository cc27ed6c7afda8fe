#include "source/clean_path.h"

#include "base/utf8.h"
#include "format/name.h"

#include <ctype.h>
#include <strings.h>

mm_str mm_path_escape(mm_arena *a, mm_str raw)
{
    if (mm_utf8_valid(raw))
        return raw;
    char *out = mm_arena_alloc(a, 3 * raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < raw.n;) {
        bool ok;
        size_t len = (size_t)mm_utf8_step((const uint8_t *)raw.p + i, raw.n - i, &ok);
        for (size_t end = i + len; i < end; i++) {
            if (ok) {
                out[n++] = raw.p[i];
            } else {
                static const char HEX[] = "0123456789ABCDEF";
                out[n++] = '%';
                out[n++] = HEX[(uint8_t)raw.p[i] >> 4];
                out[n++] = HEX[(uint8_t)raw.p[i] & 15];
            }
        }
    }
    return (mm_str){out, n};
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

mm_str mm_url_unescape(mm_arena *a, mm_str part)
{
    char *out = mm_arena_alloc(a, part.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < part.n && !memchr("?&#", part.p[i], 3); i++) {
        int high = part.p[i] == '%' && i + 2 < part.n ? hex_digit(part.p[i + 1]) : -1,
            low = high >= 0 ? hex_digit(part.p[i + 2]) : -1;
        out[n++] = low >= 0 ? (char)(high << 4 | low) : part.p[i];
        i += low >= 0 ? 2 : 0;
    }
    return (mm_str){out, n};
}

/* The length of the n bytes at out without their last component. */
static size_t parent(const char *out, size_t n)
{
    while (n > 0 && out[n - 1] != '/')
        n--;
    return n > 0 ? n - 1 : 0;
}

mm_str mm_path_clean(mm_arena *a, mm_str raw)
{
    char *out = mm_arena_alloc(a, raw.n + 1);
    size_t n = 0;
    if (!out)
        return (mm_str){NULL, 0};
    for (size_t i = 0; i < raw.n;) {
        size_t end = i;
        while (end < raw.n && raw.p[end] != '/')
            end++;
        mm_str part = {raw.p + i, end - i};
        if (mm_str_is(part, "..")) {
            n = parent(out, n);
        } else if (part.n && !mm_str_is(part, ".")) {
            if (n)
                out[n++] = '/';
            memcpy(out + n, part.p, part.n);
            n += part.n;
        }
        i = end + 1;
    }
    return mm_path_escape(a, (mm_str){out, n});
}

mm_str mm_path_join(mm_arena *a, mm_str dir, mm_str name)
{
    if (dir.n == 0)
        return name;
    if (name.n == 0)
        return dir;
    bool slash = dir.p[dir.n - 1] == '/';
    char *p = mm_arena_printf(a, "%.*s%s%.*s", MM_STRF(dir), slash ? "" : "/", MM_STRF(name));
    return mm_str_of(p);
}

mm_str mm_path_base(mm_str path)
{
    size_t i = path.n;
    while (i > 0 && path.p[i - 1] != '/')
        i--;
    return (mm_str){path.p + i, path.n - i};
}

mm_str mm_path_dir(mm_str path)
{
    size_t base = mm_path_base(path).n;
    if (base == path.n)
        return (mm_str){"", 0};
    return mm_path_base((mm_str){path.p, path.n - base - 1});
}

mm_str mm_path_below(mm_str path, mm_str dir)
{
    if (dir.n == 0)
        return path;
    if (path.n < dir.n || memcmp(path.p, dir.p, dir.n) != 0)
        return (mm_str){NULL, 0};
    if (path.n == dir.n)
        return (mm_str){"", 0};
    return path.p[dir.n] == '/' ? (mm_str){path.p + dir.n + 1, path.n - dir.n - 1} : (mm_str){NULL, 0};
}

bool mm_path_hidden(mm_str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '.' && (i == 0 || path.p[i - 1] == '/'))
            return true;
    return false;
}

mm_str mm_path_unpacked(mm_str path)
{
    static const char *const PACKED[] = {"gz", "bz2", "xz", "zst", "lz4", "lz", "lzma", "lzo", "z"};
    mm_str x = mm_name_extension(path);
    for (size_t i = 0; i < sizeof PACKED / sizeof *PACKED; i++)
        if (x.n == strlen(PACKED[i]) && strncasecmp(x.p, PACKED[i], x.n) == 0)
            return (mm_str){path.p, path.n - x.n - 1};
    return path;
}

mm_str mm_path_stem(mm_str path)
{
    mm_str p = mm_path_unpacked(path), x = mm_name_extension(p);
    return x.n || (p.n && p.p[p.n - 1] == '.') ? (mm_str){p.p, p.n - x.n - 1} : p;
}
