#include "stream/msgpack_scan.h"

#include "base/bytes.h"

#include <stdbool.h>

/* What stands at the front of a value: https://github.com/msgpack/msgpack/blob/master/spec.md */
typedef struct {
    uint8_t head;   /* bytes before a variable body: tag, length, extension type */
    uint8_t length; /* of those, bytes of big-endian length that follow the tag: 0, 1, 2, 4 */
    uint8_t per;    /* 0: the length counts bytes of the body; 1: values (array); 2: pairs (map) */
    uint32_t fixed; /* the length where the tag itself tells it */
} form;

static const form FORMS[32] = {                                                        /* tags 0xc0–0xdf */
                               {1, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {1, 0, 0, 0}, /* nil, –, false, true */
                               {2, 1, 0, 0}, {3, 2, 0, 0}, {5, 4, 0, 0},               /* bin 8, 16, 32 */
                               {3, 1, 0, 0}, {4, 2, 0, 0}, {6, 4, 0, 0},               /* ext 8, 16, 32 */
                               {1, 0, 0, 4}, {1, 0, 0, 8},                             /* float 32, 64 */
                               {1, 0, 0, 1}, {1, 0, 0, 2}, {1, 0, 0, 4}, {1, 0, 0, 8}, /* uint 8–64 */
                               {1, 0, 0, 1}, {1, 0, 0, 2}, {1, 0, 0, 4}, {1, 0, 0, 8}, /* int 8–64 */
                               {2, 0, 0, 1}, {2, 0, 0, 2}, {2, 0, 0, 4}, {2, 0, 0, 8}, {2, 0, 0, 16}, /* fixext */
                               {2, 1, 0, 0}, {3, 2, 0, 0}, {5, 4, 0, 0}, /* str 8, 16, 32 */
                               {3, 2, 1, 0}, {5, 4, 1, 0},               /* array 16, 32 */
                               {3, 2, 2, 0}, {5, 4, 2, 0}};              /* map 16, 32 */

static form form_of(uint8_t tag)
{
    if (tag < 0x80 || tag >= 0xe0)
        return (form){1, 0, 0, 0};
    if (tag < 0x90)
        return (form){1, 0, 2, tag & 15u};
    if (tag < 0xa0)
        return (form){1, 0, 1, tag & 15u};
    if (tag < 0xc0)
        return (form){1, 0, 0, tag & 31u};
    return FORMS[tag - 0xc0];
}

static mm_msgpack_scan_result bad(const char **why, const char *text)
{
    *why = text;
    return MM_SCAN_BAD;
}

static mm_msgpack_scan_result need(size_t end, size_t n, size_t *want)
{
    *want = end - n;
    return MM_SCAN_MORE;
}

/* One value: its head, and its body where that is bytes. Nothing is taken unless all of that is there. */
static mm_msgpack_scan_result step(mm_msgpack_scan *s, const uint8_t *p, size_t n, size_t *want, const char **why)
{
    if (s->at >= n)
        return need(s->at + 1, n, want);
    form f = form_of(p[s->at]);
    if (!f.head)
        return bad(why, "a byte that starts no value");
    if (n - s->at < f.head)
        return need(s->at + f.head, n, want);
    uint64_t length = f.length ? mm_uint(p + s->at + 1, f.length, true) : f.fixed;
    uint64_t bytes = f.head + (f.per ? 0 : length);
    if (bytes > MM_RECORD_MAX_BYTES - s->at)
        return bad(why, "a record above 1 GiB");
    if (n - s->at < bytes)
        return need(s->at + (size_t)bytes, n, want);
    uint64_t inside = f.per * length;
    if (inside > MM_RECORD_MAX_ITEMS - s->items)
        return bad(why, "a record of more than a million values");
    if (inside && s->depth > MM_RECORD_MAX_DEPTH)
        return bad(why, "a record nested too deeply");
    s->at += (size_t)bytes;
    s->left[s->depth - 1]--;
    if (inside) {
        s->items += inside;
        s->left[s->depth++] = inside;
    }
    return MM_SCAN_DONE;
}

mm_msgpack_scan_result mm_msgpack_scan_run(mm_msgpack_scan *s, const uint8_t *p, size_t n, size_t *want,
                                           const char **why)
{
    if (!s->depth) {
        s->depth = 1;
        s->left[0] = s->items = 1;
    }
    for (;;) {
        while (s->depth && !s->left[s->depth - 1])
            s->depth--;
        if (!s->depth)
            return MM_SCAN_DONE;
        mm_msgpack_scan_result r = step(s, p, n, want, why);
        if (r != MM_SCAN_DONE)
            return r;
    }
}
