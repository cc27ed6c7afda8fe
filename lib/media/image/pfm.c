/* PFM, the portable float map (PF in colour, Pf grey). Rows go from the bottom up, which libav ignores. The sign of the
 * number after the size tells the byte order; its magnitude is a unit, not a scale. */
#include "media/image/picture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_HEADER = 200 };

typedef struct {
    int samples; /* per pixel: 1 or 3 */
    bool big;    /* big-endian */
    size_t at;   /* where the samples begin */
} layout;

static mm_status read_header(layout *l, mm_picture *p, mm_bytes in, mm_fault *f)
{
    char head[LONGEST_HEADER + 1];
    size_t n = in.n < LONGEST_HEADER ? in.n : LONGEST_HEADER;
    long long width, height;
    double unit;
    int end = 0;
    memcpy(head, in.p, n);
    head[n] = 0;
    if (sscanf(head + 2, "%9lld %9lld %30lf%n", &width, &height, &unit, &end) != 3 || !isspace((uint8_t)head[2 + end]))
        return mm_fault_set(f, "corrupt", "pfm: no width, height and scale at its beginning");
    *l = (layout){.samples = in.p[1] == 'F' ? 3 : 1, .big = unit > 0, .at = 3 + (size_t)end};
    p->width = width;
    p->height = height;
    return MM_OK;
}

static float sample(const uint8_t *in, bool big)
{
    uint8_t b[4];
    float v;
    for (int i = 0; i < 4; i++)
        b[i] = in[big ? 3 - i : i];
    memcpy(&v, b, sizeof v);
    return v;
}

static void read_row(uint8_t *out, const uint8_t *in, const layout *l, int64_t width)
{
    for (int64_t i = 0; i < width * l->samples; i++, in += 4) {
        float v = sample(in, l->big);
        for (int copies = 3 / l->samples; copies > 0; copies--, out += sizeof v)
            memcpy(out, &v, sizeof v);
    }
}

static mm_status read_picture(mm_picture *p, mm_bytes in, const mm_picture_limits *limits, mm_arena *a, mm_fault *f)
{
    layout l = {0};
    *p = (mm_picture){.format = "pfm", .channels = 3, .type = MM_F32, .depth = 32};
    if (read_header(&l, p, in, f) != MM_OK || mm_picture_allowed(p->width, p->height, limits, f) != MM_OK)
        return MM_SKIP;
    size_t row = (size_t)p->width * (size_t)l.samples * sizeof(float);
    if ((in.n - l.at) / row < (size_t)p->height)
        return mm_fault_set(f, "truncated", "pfm: fewer pixels than the header says");
    if (mm_picture_alloc(p, a, f) != MM_OK)
        return MM_SKIP;
    for (int64_t y = 0; y < p->height; y++)
        read_row(p->px + (size_t)(p->height - 1 - y) * (size_t)p->width * 3 * sizeof(float),
                 in.p + l.at + (size_t)y * row, &l, p->width);
    return MM_OK;
}

const mm_picture_reader mm_reader_pfm = {.read = read_picture};
