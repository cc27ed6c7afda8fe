#include "media/table/live_text.h"

#include "media/table/charset.h"

#include <errno.h>
#include <string.h>

enum { PIECE = 64 << 10, MARK = 3 }; /* bytes; the longest byte order mark */

static void take_raw(mm_live_text *l, size_t n)
{
    l->raw.n -= n;
    memmove(l->raw.p, l->raw.p + n, l->raw.n);
}

/* Looks for a byte order mark. False: what has come does not tell yet. */
static bool take_mark(mm_live_text *l)
{
    const uint8_t *p = l->raw.p;
    size_t n = l->raw.n;
    if (n < MARK && !l->ended && (n == 0 || strchr("\xef\xfe\xff", p[0])))
        return false;
    if (n >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0)) {
        l->encoding = "utf-16";
        l->big = p[0] == 0xfe;
        take_raw(l, 2);
    } else if (n >= MARK && memcmp(p, "\xef\xbb\xbf", MARK) == 0) {
        take_raw(l, MARK);
    }
    return l->begun = true;
}

/* Moves what can be converted from raw to held. */
static mm_status convert(mm_live_text *l, mm_err *e)
{
    if (!l->begun && !take_mark(l))
        return MM_OK;
    mm_buf *in = &l->raw, *out = &l->held;
    size_t taken = in->n;
    if (!l->encoding) {
        if (mm_buf_append(out, in->p, in->n, e) != MM_OK)
            return MM_FATAL;
    } else {
        if (mm_buf_reserve(out, MM_UTF16_GROWS(in->n), e) != MM_OK)
            return MM_FATAL;
        out->n += mm_utf16_to_utf8((char *)out->p + out->n, in->p, in->n, l->big, l->ended, &taken);
    }
    take_raw(l, taken);
    return MM_OK;
}

mm_status mm_live_text_more(mm_live_text *l, mm_err *e)
{
    if (l->ended)
        return MM_EOF;
    if (mm_buf_reserve(&l->raw, PIECE, e) != MM_OK)
        return MM_FATAL;
    int64_t n = l->more(l->ctx, l->raw.p + l->raw.n, PIECE);
    l->failed = n < 0 ? errno : 0;
    l->ended = n <= 0;
    l->raw.n += n > 0 ? (size_t)n : 0;
    mm_status s = convert(l, e);
    l->text = (mm_str){l->held.p ? (const char *)l->held.p : "", l->held.n};
    return s;
}

void mm_live_text_drop(mm_live_text *l, size_t n)
{
    if (n == 0)
        return;
    l->held.n -= n;
    memmove(l->held.p, l->held.p + n, l->held.n);
    l->text.n = l->held.n;
}

void mm_live_text_free(mm_live_text *l)
{
    mm_buf_free(&l->held);
    mm_buf_free(&l->raw);
}
