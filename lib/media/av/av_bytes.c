#include "media/av/av_bytes.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 64 * 1024, PATIENCE_MS = 5000 };

mm_status mm_av_bytes_open(mm_av_bytes *x, const mm_blob *b, const mm_log *log, mm_fault *f)
{
    *x = (mm_av_bytes){.blob = b, .size = b->live ? 0 : b->size, .log = log, .patience = PATIENCE_MS};
    if (b->live && (!(x->back = malloc(KEPT)) || mm_buf_reserve(&x->front, KEPT, NULL) != MM_OK))
        return mm_fault_memory(f);
    return MM_OK;
}

void mm_av_bytes_close(mm_av_bytes *x)
{
    free(x->back);
    mm_buf_free(&x->front);
    x->back = NULL;
}

/* Up to n bytes at `off` that lie side by side in front or back; 0: they have not been kept. */
static int64_t kept(const mm_av_bytes *x, int64_t off, const uint8_t **at)
{
    int64_t front = (int64_t)x->front.n, place = off % KEPT, left = x->size - off;
    *at = off < front ? x->front.p + off : x->back + place;
    if (off < front)
        return front - off;
    if (left <= 0 || left > KEPT)
        return 0;
    return left < KEPT - place ? left : KEPT - place;
}

int64_t mm_av_bytes_read(const mm_av_bytes *x, int64_t off, void *out, int64_t n)
{
    const uint8_t *at;
    int64_t got = 0, k;
    if (!x->blob->live)
        return mm_blob_read(x->blob, off, out, n);
    while (off >= 0 && got < n && (k = kept(x, off + got, &at)) > 0) {
        k = k < n - got ? k : n - got;
        memcpy((uint8_t *)out + got, at, (size_t)k);
        got += k;
    }
    return got;
}

static void keep(mm_av_bytes *x, const uint8_t *p, int64_t n)
{
    int64_t room = KEPT - (int64_t)x->front.n, skip = n > KEPT ? n - KEPT : 0;
    mm_buf_append(&x->front, p, (size_t)(n < room ? n : room), NULL); /* reserved */
    x->size += n;
    for (int64_t i = skip, k; i < n; i += k) {
        int64_t place = (x->size - n + i) % KEPT;
        k = n - i < KEPT - place ? n - i : KEPT - place;
        memcpy(x->back + place, p + i, (size_t)k);
    }
}

int64_t mm_av_bytes_next(mm_av_bytes *x, void *out, int64_t n)
{
    double since = mm_seconds();
    bool stalls = !mm_blob_ready(x->blob, x->patience);
    if (stalls)
        mm_say(x->log, MM_LOG_WARN, "%.*s: nothing has come for %g s; waiting", MM_STRF(x->blob->src),
               x->patience / 1000.0);
    int64_t got = mm_blob_more(x->blob, out, n);
    if (stalls && got > 0)
        mm_say(x->log, MM_LOG_WARN, "%.*s: goes on after %.0f s without a byte", MM_STRF(x->blob->src),
               mm_seconds() - since);
    if (got > 0)
        keep(x, out, got);
    return got;
}
