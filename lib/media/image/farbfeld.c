/* farbfeld, as its specification (tools.suckless.org/farbfeld) has it: a mark, width and height of 32 bits, then rows
 * of red, green, blue and straight alpha of 16 bits each, all big-endian. */
#include "media/image/picture.h"

#include <string.h>

static mm_status read_picture(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    enum { MARK = 8, HEADER = 16 };
    if (in.n < HEADER)
        return mm_fault_set(f, "truncated", "farbfeld: the file ends within its header");
    *p = (mm_picture){.format = "farbfeld", .channels = 4, .type = MM_U16, .depth = 16};
    p->width = mm_be32(in.p + MARK);
    p->height = mm_be32(in.p + MARK + 4);
    if (mm_picture_allowed(p->width, p->height, l, f) != MM_OK)
        return MM_SKIP;
    size_t samples = (size_t)p->width * (size_t)p->height * 4;
    if ((in.n - HEADER) / 2 < samples)
        return mm_fault_set(f, "truncated", "farbfeld: fewer pixels than the header says");
    if (mm_picture_alloc(p, a, f) != MM_OK)
        return MM_SKIP;
    for (size_t i = 0; i < samples; i++) {
        uint16_t v = mm_be16(in.p + HEADER + 2 * i);
        memcpy(p->px + 2 * i, &v, sizeof v);
    }
    return MM_OK;
}

const mm_picture_reader mm_reader_farbfeld = {.read = read_picture};
