#include "source/labels/comparable_name.h"

#include "source/clean_path.h"

#include <ctype.h>
#include <stdlib.h>
#include <utf8proc.h>

/* "shard.tar!a/1.jpg", as a record's src has it, is a/1.jpg below shard. */
static mm_str without_archives(mm_arena *a, mm_str name)
{
    for (size_t i = 1; name.p && i + 1 < name.n; i++) {
        mm_str archive = {name.p, i}, stem;
        if (name.p[i] != '!' || (stem = mm_path_stem(archive)).n == archive.n)
            continue;
        mm_str inside = {name.p + i + 1, name.n - i - 1};
        i = stem.n;
        name = mm_path_join(a, stem, inside);
    }
    return name;
}

/* Without scheme and host. Web addresses are escaped, names in buckets (s3, gs) are not. */
static mm_str without_host(mm_arena *a, mm_str name)
{
    static const char *const ESCAPED[] = {"http", "https", "file"};
    const char *colon = memmem(name.p, name.n, "://", 3);
    if (!colon)
        return name;
    mm_str scheme = {name.p, (size_t)(colon - name.p)}, rest = {colon + 3, name.n - scheme.n - 3};
    const char *slash = memchr(rest.p, '/', rest.n);
    if (slash)
        rest = (mm_str){slash + 1, rest.n - (size_t)(slash + 1 - rest.p)};
    for (size_t i = 0; i < sizeof ESCAPED / sizeof *ESCAPED; i++)
        if (mm_str_is(scheme, ESCAPED[i]))
            return mm_url_unescape(a, rest);
    return rest;
}

/* Letters with their accents as single characters (NFC), as most systems write them; macOS takes them apart. */
static mm_str composed(mm_arena *a, mm_str name)
{
    utf8proc_uint8_t *own = NULL;
    bool ascii = true;
    for (size_t i = 0; ascii && i < name.n; i++)
        ascii = !(name.p[i] & 0x80);
    utf8proc_ssize_t n = ascii ? -1
                               : utf8proc_map((const utf8proc_uint8_t *)name.p, (utf8proc_ssize_t)name.n, &own,
                                              UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n >= 0)
        name = (mm_str){mm_arena_strdup(a, (mm_str){(const char *)own, (size_t)n}), (size_t)n};
    free(own);
    return name;
}

/* What follows `mark` in s; p NULL: it is not in it. */
static mm_str after(mm_str s, const char *mark)
{
    const char *p = s.n ? memmem(s.p, s.n, mark, strlen(mark)) : NULL;
    return p ? (mm_str){p + strlen(mark), s.n - (size_t)(p + strlen(mark) - s.p)} : (mm_str){NULL, 0};
}

mm_str mm_name_of_local_file(mm_arena *a, mm_str address)
{
    mm_str path = after(address, "local-files/?d=");
    return path.p ? mm_url_unescape(a, path) : path;
}

mm_str mm_name_before_upload(mm_arena *a, mm_str address)
{
    enum { DIGITS = 8 }; /* of the random number before the name */
    const mm_str none = {NULL, 0};
    mm_str name = after(address, "upload/");
    if (!name.p)
        return none;
    for (const char *slash; (slash = memchr(name.p, '/', name.n));)
        name = (mm_str){slash + 1, name.n - (size_t)(slash + 1 - name.p)};
    if (name.n <= DIGITS + 1 || name.p[DIGITS] != '-')
        return none;
    for (size_t i = 0; i < DIGITS; i++)
        if (!isxdigit((unsigned char)name.p[i]))
            return none;
    return mm_url_unescape(a, (mm_str){name.p + DIGITS + 1, name.n - DIGITS - 1});
}

mm_str mm_comparable_name(mm_arena *a, mm_str name)
{
    mm_str local = name.n ? without_host(a, name) : MM_STR("");
    char *own = local.p ? mm_arena_strdup(a, local) : NULL;
    for (char *p = own; p && *p; p++)
        *p = *p == '\\' ? '/' : *p;
    return own ? without_archives(a, composed(a, mm_path_clean(a, mm_str_of(own)))) : (mm_str){NULL, 0};
}
