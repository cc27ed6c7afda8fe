#include "media/image/depth.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 4096 }; /* samples converted to f32 at a time */

mm_status mm_range_parse(mm_range *r, const char *text, mm_err *e)
{
    char *end = NULL;
    *r = (mm_range){.each = !strcmp(text, "auto")};
    if (r->each)
        return MM_OK;
    r->black = strtod(text, &end);
    bool one = end != text && *end == ',';
    const char *second = one ? end + 1 : text;
    r->white = strtod(second, &end);
    if (!one || end == second || *end || !isfinite(r->black) || !isfinite(r->white) || r->black == r->white)
        return mm_fail(e, MM_SKIP, "a range is two different numbers with a comma between them, or auto, not %s", text);
    return MM_OK;
}

/* ---- walking over the samples ---- */

/* Converts up to BLOCK samples from index `at` on to f32; returns how many. */
static int64_t take(float *block, const mm_tensor *in, int64_t at)
{
    int64_t left = mm_shape_count(&in->s) - at, n = left < BLOCK ? left : BLOCK;
    if (n > 0)
        mm_to_f32(block, mm_tensor_at(in, at), in->s.type, n);
    return n;
}

/* The least and the greatest sample; MM_SKIP when one is not finite. */
static mm_status extent(double *least, double *most, const mm_tensor *in, mm_err *e)
{
    float block[BLOCK], lo = INFINITY, hi = -INFINITY;
    int64_t n;
    for (int64_t at = 0; (n = take(block, in, at)) > 0; at += n)
        for (int64_t i = 0; i < n; i++) {
            if (!isfinite(block[i]))
                return mm_fail(e, MM_SKIP, "sample %lld of the picture is %s: replace such samples first",
                               (long long)(at + i), isnan(block[i]) ? "not a number" : "infinite");
            lo = block[i] < lo ? block[i] : lo;
            hi = block[i] > hi ? block[i] : hi;
        }
    *least = lo;
    *most = hi;
    return MM_OK;
}

bool mm_depth_is_dim(const mm_tensor *in)
{
    const uint8_t *p = in->data;
    bool any = false;
    for (int64_t i = 0, n = in->s.type == MM_U16 ? mm_shape_count(&in->s) : 0; i < n; i++) {
        if (p[2 * i + 1] >= 16)
            return false;
        any = any || p[2 * i] || p[2 * i + 1];
    }
    return any;
}

mm_status mm_depth_check(const mm_tensor *in, mm_err *e)
{
    double least, most;
    return in->s.type == MM_F32 ? extent(&least, &most, in, e) : MM_OK;
}

/* ---- 8 bits ---- */

static void high_bytes(uint8_t *out, const mm_tensor *in)
{
    const uint8_t *p = in->data; /* little-endian, and perhaps not aligned */
    for (int64_t i = 0, n = mm_shape_count(&in->s); i < n; i++)
        out[i] = p[2 * i + 1];
}

mm_status mm_depth_to_8(uint8_t *out, const mm_tensor *in, mm_err *e)
{
    float block[BLOCK];
    double least, most;
    int64_t n;
    if (in->s.type == MM_U16) {
        high_bytes(out, in);
        return MM_OK;
    }
    if (extent(&least, &most, in, e) != MM_OK)
        return MM_SKIP;
    if (least < 0 || most > 1)
        return mm_fail_hint(e, MM_SKIP, MM_HINT_RANGE,
                            "the samples go from %g to %g, and which are black and white is not known", least, most);
    for (int64_t at = 0; (n = take(block, in, at)) > 0; at += n)
        for (int64_t i = 0; i < n; i++)
            out[at + i] = (uint8_t)lrintf(block[i] * 255);
    return MM_OK;
}

/* ---- 16 bits ---- */

mm_status mm_depth_to_16(uint16_t *out, const mm_tensor *in, const mm_range *r, mm_err *e)
{
    float block[BLOCK];
    double least, most;
    int64_t n;
    if (extent(&least, &most, in, e) != MM_OK)
        return MM_SKIP;
    double black = r->each ? least : r->black, white = r->each ? most : r->white;
    double scale = white != black ? 65535 / (white - black) : 0; /* a picture of one value is black */
    for (int64_t at = 0; (n = take(block, in, at)) > 0; at += n)
        for (int64_t i = 0; i < n; i++) {
            double v = rint((block[i] - black) * scale);
            out[at + i] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
        }
    return MM_OK;
}
