#include "media/sound/channels.h"

#include <ctype.h>
#include <string.h>

/* Counted from 1; 0: not a channel. */
static int number_of(mm_str s)
{
    int n = 0;
    if (mm_str_is(s, "left"))
        return 1;
    if (mm_str_is(s, "right"))
        return 2;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]) || n > 9999)
            return 0;
        n = 10 * n + (s.p[i] - '0');
    }
    return n;
}

/* One of them: NUMBER, or NUMBER=NAME. */
static mm_status parse_one(mm_channel *out, mm_str s, mm_err *e)
{
    const char *is = memchr(s.p, '=', s.n);
    mm_str which = {s.p, is ? (size_t)(is - s.p) : s.n};
    out->index = number_of(which) - 1;
    out->of = is ? (mm_str){is + 1, s.n - which.n - 1} : (mm_str){0};
    if (out->index < 0)
        return mm_fail(e, MM_SKIP, "%.*s is no channel: 1, 2, ..., left and right are", MM_STRF(which));
    if (is && !out->of.n)
        return mm_fail(e, MM_SKIP, "no name for channel %.*s", MM_STRF(which));
    return MM_OK;
}

mm_status mm_channels_parse(mm_channel out[MM_MAX_CHANNELS], int *n, const char *spec, mm_err *e)
{
    *n = 0;
    for (const char *p = spec; *p || p == spec;) {
        mm_str s = {p, strcspn(p, ",")};
        if (*n == MM_MAX_CHANNELS)
            return mm_fail(e, MM_SKIP, "more than %d channels", MM_MAX_CHANNELS);
        if (parse_one(&out[*n], s, e) != MM_OK)
            return MM_SKIP;
        for (int i = 0; i < *n; i++)
            if (out[i].of.n == out[*n].of.n && (!out[i].of.n || !memcmp(out[i].of.p, out[*n].of.p, out[i].of.n)))
                return mm_fail(e, MM_SKIP, "several channels need names that differ: 1=agent,2=customer");
        ++*n;
        p += s.n;
        if (*p == ',')
            p++;
    }
    return MM_OK;
}
