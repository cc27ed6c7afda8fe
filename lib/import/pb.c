#include "import/pb.h"

#include "base/bytes.h"

mm_pb mm_pb_of(mm_str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    return (mm_pb){.p = p, .end = p ? p + bytes.n : p};
}

bool mm_pb_varint(mm_pb *pb, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && pb->p < pb->end; shift += 7) {
        uint8_t b = *pb->p++;
        *v |= (uint64_t)(b & 127) << shift;
        if (b < 128)
            return true;
    }
    pb->bad = true;
    return false;
}

static bool fixed(mm_pb *pb, int n, uint64_t *v)
{
    if (pb->end - pb->p < n) {
        pb->bad = true;
        return false;
    }
    *v = mm_uint(pb->p, n, false);
    pb->p += n;
    return true;
}

static bool delimited(mm_pb *pb, mm_str *bytes)
{
    uint64_t n;
    if (!mm_pb_varint(pb, &n))
        return false;
    if (n > (uint64_t)(pb->end - pb->p)) {
        pb->bad = true;
        return false;
    }
    *bytes = (mm_str){(const char *)pb->p, n};
    pb->p += n;
    return true;
}

bool mm_pb_next(mm_pb *pb, mm_pb_field *f)
{
    uint64_t key;
    if (pb->bad || pb->p == pb->end || !mm_pb_varint(pb, &key))
        return false;
    *f = (mm_pb_field){.number = (uint32_t)(key >> 3), .wire = (int)(key & 7)};
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff) {
        pb->bad = true;
        return false;
    }
    switch (f->wire) {
    case 0: return mm_pb_varint(pb, &f->v);
    case 1: return fixed(pb, 8, &f->v);
    case 2: return delimited(pb, &f->bytes);
    case 5: return fixed(pb, 4, &f->v);
    default: pb->bad = true; return false; /* groups are obsolete */
    }
}
