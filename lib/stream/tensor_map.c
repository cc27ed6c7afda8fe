#include "stream/tensor_map.h"

#include "stream/object.h"

/* The type of numpy's "<f4"; *swap: its byte order is the other one. */
static mm_status element_type(mm_type *type, bool *swap, mm_str dtype, mm_err *e)
{
    if (dtype.n == 3 && strchr("<>|=", dtype.p[0]))
        for (int t = 0; t < MM_TYPES; t++) {
            const char *numpy = mm_type_numpy((mm_type)t);
            if (numpy && memcmp(numpy + 1, dtype.p + 1, 2) == 0) {
                *type = (mm_type)t;
                *swap = dtype.p[0] == '>' && mm_type_size(*type) > 1;
                return MM_OK;
            }
        }
    return mm_fail(e, MM_SKIP, "a tensor of numpy type \"%.*s\", which is not supported",
                   (int)(dtype.n < 32 ? dtype.n : 32), dtype.p ? dtype.p : "");
}

static mm_status read_shape(mm_shape *s, mm_type type, const msgpack_object *shape, mm_err *e)
{
    int64_t dim[MM_MAX_RANK] = {0};
    if (!shape || shape->type != MSGPACK_OBJECT_ARRAY)
        return mm_fail(e, MM_SKIP, "a tensor without a shape");
    if (shape->via.array.size > MM_MAX_RANK)
        return mm_fail(e, MM_SKIP, "a tensor of %u dimensions (at most %d are supported)",
                       (unsigned)shape->via.array.size, MM_MAX_RANK);
    for (uint32_t i = 0; i < shape->via.array.size; i++)
        if (!mm_object_int(&shape->via.array.ptr[i], &dim[i]))
            return mm_fail(e, MM_SKIP, "a tensor whose shape is not made of integers");
    return mm_shape_make(s, type, (int)shape->via.array.size, dim, e);
}

static mm_status swap_bytes(mm_tensor *t, mm_arena *a, mm_err *e)
{
    size_t size = mm_type_size(t->s.type), n = mm_shape_bytes(&t->s);
    const char *from = t->data;
    char *to = mm_arena_alloc(a, n);
    if (!to)
        return mm_fail_memory(e);
    for (size_t i = 0; i < n; i += size)
        for (size_t j = 0; j < size; j++)
            to[i + j] = from[i + size - 1 - j];
    t->data = to;
    return MM_OK;
}

mm_status mm_tensor_map_read(mm_tensor *out, const msgpack_object *o, mm_arena *a, mm_err *e)
{
    const msgpack_object *nd = mm_map_get(o, "nd"), *dtype = mm_map_get(o, "type"), *data = mm_map_get(o, "data");
    if (mm_object_is_pickle(o))
        return mm_fail(e, MM_SKIP, "a Python object array (msgpack-numpy kind \"O\"), which is never read");
    if (!nd || nd->type != MSGPACK_OBJECT_BOOLEAN || !dtype || !data)
        return mm_fail(e, MM_SKIP, "a map that is not a tensor as msgpack-numpy writes it");
    mm_type type = MM_U8;
    bool swap = false;
    mm_status s = element_type(&type, &swap, mm_object_as_str(dtype), e);
    if (s != MM_OK)
        return s;
    s = nd->via.boolean ? read_shape(&out->s, type, mm_map_get(o, "shape"), e)
                        : mm_shape_make(&out->s, type, 0, NULL, e);
    if (s != MM_OK)
        return s;
    mm_str bytes = mm_object_as_str(data);
    if (!bytes.p || bytes.n != mm_shape_bytes(&out->s)) {
        char shape[128];
        return mm_fail(e, MM_SKIP, "a tensor %s with %zu bytes of data instead of %zu",
                       mm_shape_text(&out->s, shape, sizeof shape), bytes.n, mm_shape_bytes(&out->s));
    }
    out->data = bytes.p;
    return swap ? swap_bytes(out, a, e) : MM_OK;
}

static void bin(msgpack_packer *pk, const void *p, size_t n)
{
    msgpack_pack_bin(pk, n);
    if (n)
        msgpack_pack_bin_body(pk, p, n);
}

void mm_tensor_map_write(msgpack_packer *pk, const mm_tensor *t)
{
    const char *numpy = mm_type_numpy(t->s.type);
    msgpack_pack_map(pk, 5);
    bin(pk, "nd", 2);
    msgpack_pack_true(pk);
    bin(pk, "type", 4);
    msgpack_pack_str(pk, strlen(numpy));
    msgpack_pack_str_body(pk, numpy, strlen(numpy));
    bin(pk, "kind", 4);
    bin(pk, "", 0);
    bin(pk, "shape", 5);
    msgpack_pack_array(pk, (size_t)t->s.rank);
    for (int i = 0; i < t->s.rank; i++)
        msgpack_pack_int64(pk, t->s.dim[i]);
    bin(pk, "data", 4);
    bin(pk, t->data, mm_shape_bytes(&t->s));
}
