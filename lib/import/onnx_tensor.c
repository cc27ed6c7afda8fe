#include "import/onnx_tensor.h"

#include "base/file.h"
#include "model/snapshot.h"

#include <stdlib.h>

mm_status mm_onnx_damaged(const mm_onnx_parser *p, mm_err *e)
{
    return mm_fail(e, MM_FATAL, "%s: not an ONNX file, or a damaged one", p->path);
}

static bool type_of(mm_type *out, uint64_t id)
{
    static const struct {
        int id;
        mm_type type;
    } known[] = {{1, MM_F32},  {2, MM_U8},   {3, MM_I8},   {4, MM_U16},  {5, MM_I16},  {6, MM_I32},  {7, MM_I64},
                 {9, MM_BOOL}, {10, MM_F16}, {11, MM_F64}, {12, MM_U32}, {13, MM_U64}, {16, MM_BF16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((uint64_t)known[i].id == id) {
            *out = known[i].type;
            return true;
        }
    return false;
}

typedef struct { /* a TensorProto */
    mm_str name, raw, location;
    int64_t dim[MM_MAX_RANK];
    int rank;
    uint64_t type, offset, length;
    mm_str message;
    bool external, has_length;
} proto;

/* Adds the varints of a repeated field, packed or not, to dims. */
static bool add_dims(proto *t, const mm_pb_field *f)
{
    mm_pb pb = mm_pb_of(f->bytes);
    uint64_t v = f->v;
    if (f->wire == 0) {
        if (t->rank < MM_MAX_RANK)
            t->dim[t->rank] = (int64_t)v;
        t->rank++;
        return true;
    }
    while (pb.p < pb.end && mm_pb_varint(&pb, &v) && t->rank <= MM_MAX_RANK) {
        if (t->rank < MM_MAX_RANK)
            t->dim[t->rank] = (int64_t)v;
        t->rank++;
    }
    return !pb.bad;
}

/* Digits and nothing else. */
static bool whole_number(mm_str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint64_t digit = (uint64_t)text.p[i] - '0';
        if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return text.n > 0;
}

/* external_data: one key and value. */
static bool add_external(proto *t, mm_str entry)
{
    mm_pb pb = mm_pb_of(entry);
    mm_pb_field f;
    mm_str key = {0}, value = {0};
    while (mm_pb_next(&pb, &f))
        if (f.wire == 2 && f.number == 1)
            key = f.bytes;
        else if (f.wire == 2 && f.number == 2)
            value = f.bytes;
    bool ok = true;
    if (mm_str_is(key, "location"))
        t->location = value;
    else if (mm_str_is(key, "offset"))
        ok = whole_number(value, &t->offset);
    else if (mm_str_is(key, "length"))
        ok = t->has_length = whole_number(value, &t->length);
    return ok && !pb.bad;
}

static bool read_proto(proto *t, mm_str message)
{
    *t = (proto){.message = message};
    mm_pb pb = mm_pb_of(message);
    mm_pb_field f;
    bool ok = true;
    while (ok && mm_pb_next(&pb, &f))
        switch (f.number) {
        case 1: ok = add_dims(t, &f); break;
        case 2: t->type = f.v; break;
        case 8: t->name = f.bytes; break;
        case 9: t->raw = f.bytes; break;
        case 13: ok = f.wire == 2 && add_external(t, f.bytes); break;
        case 14: t->external = f.v == 1; break;
        default: break;
        }
    return ok && !pb.bad;
}

/* float_data (4), int32_data (5), int64_data (7), double_data (10), uint64_data (11): numbers one by one, as small
 * tensors have them. Writes at most n elements and returns how many there were. */
static int64_t typed_data(const proto *t, mm_type type, uint8_t *out, int64_t n)
{
    size_t w = mm_type_size(type);
    mm_pb pb = mm_pb_of(t->message);
    mm_pb_field f;
    int64_t at = 0;
    while (mm_pb_next(&pb, &f)) {
        if (f.number != 4 && f.number != 5 && f.number != 7 && f.number != 10 && f.number != 11)
            continue;
        size_t fixed = f.number == 4 ? 4 : f.number == 10 ? 8 : 0; /* else varints */
        mm_pb in = mm_pb_of(f.bytes);
        bool more = f.wire != 2 || in.p < in.end;
        while (more) {
            uint64_t v = f.v;
            if (f.wire == 2 && fixed) {
                if ((size_t)(in.end - in.p) < fixed)
                    return -1;
                memcpy(&v, in.p, fixed);
                in.p += fixed;
            } else if (f.wire == 2 && !mm_pb_varint(&in, &v)) {
                return -1;
            }
            if (at < n)
                memcpy(out + (size_t)at * w, &v, w); /* little-endian */
            at++;
            more = f.wire == 2 && in.p < in.end;
        }
    }
    return at;
}

/* Whether dir/file is below dir once symbolic links are followed, or below the same entry of Hugging Face's cache,
 * whose snapshots link to its blobs. True for a missing file, which is reported elsewhere. */
static bool stays_below(const char *dir, const char *file)
{
    char path[PATH_MAX];
    if (mm_dir_path(path, dir, file, NULL) != MM_OK)
        return false;
    char *home = realpath(dir, NULL), *to = realpath(path, NULL);
    size_t entry = home ? mm_snapshot_entry(home) : 0, n = entry ? entry : home ? strlen(home) : 0;
    bool below = !to || (home && strncmp(to, home, n) == 0 && (to[n] == '/' || (n == 1 && home[0] == '/')));
    free(home);
    free(to);
    return below;
}

/* The bytes of a tensor in a file of its own. */
static mm_status external_data(mm_onnx_parser *p, const proto *t, mm_str *out, size_t need, mm_err *e)
{
    char file[256];
    if (t->location.n == 0 || t->location.n >= sizeof file || memchr(t->location.p, 0, t->location.n))
        return mm_onnx_damaged(p, e);
    memcpy(file, t->location.p, t->location.n);
    file[t->location.n] = 0;
    if (file[0] == '/' || strcmp(file, "..") == 0 || strncmp(file, "../", 3) == 0 || strstr(file, "/..") ||
        !stays_below(p->dir, file))
        return mm_fail(e, MM_FATAL, "%s: its data lies outside its directory (%s)", p->path, file);
    const mm_map *m;
    mm_status s = mm_draft_map(p->d, p->dir, file, &m, e);
    if (s != MM_OK)
        return s;
    if (t->offset > m->n || m->n - t->offset < need || (t->has_length && t->length != need))
        return mm_fail(e, MM_FATAL, "%s: too short for %.*s", file, MM_STRF(t->name));
    *out = (mm_str){(const char *)m->p + t->offset, need};
    return MM_OK;
}

static mm_status tensor_of(mm_onnx_parser *p, mm_onnx_weight *w, const proto *t, mm_err *e)
{
    mm_type type;
    if (!type_of(&type, t->type))
        return mm_fail(e, MM_FATAL, "%s: %.*s has element type %llu, which is not supported", p->path, MM_STRF(t->name),
                       (unsigned long long)t->type);
    mm_status s = mm_shape_make(&w->t.s, type, t->rank, t->dim, e);
    if (s != MM_OK)
        return s;
    size_t need = mm_shape_bytes(&w->t.s);
    mm_str raw = t->raw;
    if (t->external)
        s = external_data(p, t, &raw, need, e);
    if (s != MM_OK)
        return s;
    if (!raw.p && need <= 8 * t->message.n) { /* a byte of the message gives at most one element */
        uint8_t *out = mm_arena_zalloc(&p->d->arena, need + 1, 1);
        if (!out)
            return mm_fail_memory(e);
        if (typed_data(t, type, out, mm_shape_count(&w->t.s)) == mm_shape_count(&w->t.s))
            raw = (mm_str){(const char *)out, need};
    }
    if (raw.n != need || (need && !raw.p))
        return mm_fail(e, MM_FATAL, "%s: %.*s holds %zu bytes, its shape %zu", p->path, MM_STRF(t->name), raw.n, need);
    w->t.data = raw.p ? raw.p : "";
    w->name = t->name;
    return MM_OK;
}

mm_status mm_onnx_add_weight(mm_onnx_parser *p, mm_str name, mm_str message, mm_err *e)
{
    proto t;
    if (!read_proto(&t, message))
        return mm_onnx_damaged(p, e);
    if (name.p)
        t.name = name;
    if (t.type == 8) /* strings */
        return MM_OK;
    mm_onnx_weight w;
    mm_status s = tensor_of(p, &w, &t, e);
    if (s == MM_OK)
        p->x->weight[p->x->weights++] = w;
    return s;
}
