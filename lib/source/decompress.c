#include "source/decompress.h"

#include "format/probes.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct mm_decompress {
    mm_decompress_more more;
    void *ctx;
    const uint8_t *in;
    size_t left;
    bool is_gzip, finished, trailing;
    bool ended;      /* there is no more input */
    const char *why; /* what goes wrong after the bytes handed out so far */
    z_stream z;
    lzma_stream x;
};

mm_decompress *mm_decompress_open(const uint8_t *p, size_t n, mm_decompress_more more, void *ctx)
{
    mm_decompress *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->more = more;
    d->ctx = ctx;
    d->x = (lzma_stream)LZMA_STREAM_INIT;
    bool open = false;
    if (n >= 2 && memcmp(p, "\x1f\x8b", 2) == 0)
        open = d->is_gzip = inflateInit2(&d->z, 15 + 16) == Z_OK;
    else if (n >= 6 && memcmp(p, "\xfd\x37zXZ", 6) == 0)
        open = lzma_stream_decoder(&d->x, UINT64_MAX, LZMA_CONCATENATED) == LZMA_OK;
    else if (mm_probe_lzma(p, n, MM_STR("")))
        open = lzma_alone_decoder(&d->x, UINT64_MAX) == LZMA_OK;
    if (open)
        return d;
    free(d);
    return NULL;
}

void mm_decompress_close(mm_decompress *d)
{
    if (!d)
        return;
    if (d->is_gzip)
        inflateEnd(&d->z);
    lzma_end(&d->x);
    free(d);
}

/* Makes sure that there is input, unless it has ended. */
static void refill(mm_decompress *d)
{
    if (d->left || d->ended)
        return;
    int64_t n = d->more(d->ctx, &d->in);
    d->left = n > 0 ? (size_t)n : 0;
    d->ended = n <= 0;
    if (n < 0)
        d->why = "the compressed bytes cannot be read";
}

/* After the last block of a gzip stream: another one, zeros, the end, or something else. */
static void end_of_gzip(mm_decompress *d)
{
    do {
        while (d->left && *d->in == 0)
            d->in++, d->left--;
        refill(d);
    } while (d->left && *d->in == 0);
    d->finished = d->left == 0 || *d->in != 0x1f;
    d->trailing = d->left > 0 && d->finished;
    if (!d->finished)
        inflateReset(&d->z);
}

static size_t gunzip(mm_decompress *d, uint8_t *out, size_t n)
{
    d->z.next_in = (Bytef *)(uintptr_t)d->in;
    d->z.avail_in = (uInt)d->left;
    d->z.next_out = out;
    d->z.avail_out = (uInt)n;
    int r = inflate(&d->z, Z_NO_FLUSH);
    d->in = d->z.next_in;
    d->left = d->z.avail_in;
    if (r == Z_STREAM_END)
        end_of_gzip(d);
    else if (r == Z_MEM_ERROR)
        d->why = "gzip: out of memory";
    else if (r == Z_DATA_ERROR && d->z.msg && (strstr(d->z.msg, "data check") || strstr(d->z.msg, "length check")))
        d->why = "gzip: the checksum does not match: the data are damaged";
    else if (r != Z_OK && r != Z_BUF_ERROR)
        d->why = "gzip: damaged data";
    else if (d->ended && n == d->z.avail_out)
        d->why = "gzip: truncated: the data end too early";
    return n - d->z.avail_out;
}

static size_t unxz(mm_decompress *d, uint8_t *out, size_t n)
{
    d->x.next_in = d->in;
    d->x.avail_in = d->left;
    d->x.next_out = out;
    d->x.avail_out = n;
    lzma_ret r = lzma_code(&d->x, d->ended ? LZMA_FINISH : LZMA_RUN);
    d->in = d->x.next_in;
    d->left = d->x.avail_in;
    if (r == LZMA_STREAM_END) {
        d->finished = true;
        refill(d);
        d->trailing = d->left > 0;
    } else if (r == LZMA_FORMAT_ERROR && d->x.total_out > 0) {
        d->finished = d->trailing = true;
    } else if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR) {
        d->why = "xz: out of memory";
    } else if (r != LZMA_OK && r != LZMA_BUF_ERROR) {
        d->why = "xz: damaged data, or a checksum that does not match";
    } else if (d->ended && n == d->x.avail_out) {
        d->why = "xz: truncated: the data end too early";
    }
    return n - d->x.avail_out;
}

int64_t mm_decompress_read(mm_decompress *d, uint8_t *out, size_t n, const char **why)
{
    size_t got = 0;
    while (got == 0 && !d->why && !d->finished) {
        refill(d);
        if (!d->why)
            got = d->is_gzip ? gunzip(d, out, n) : unxz(d, out, n);
    }
    *why = d->why;
    return got ? (int64_t)got : d->why ? -1 : 0;
}

bool mm_decompress_trailing(const mm_decompress *d)
{
    return d->trailing;
}
