#include "stream/serialise.h"

#include "stream/tensor_map.h"

mm_status mm_serialise_check(const mm_record *rec, mm_err *e)
{
    size_t payload = rec->text.p ? rec->text.n : rec->bytes.n;
    if (rec->has_tensor) {
        if (!mm_type_numpy(rec->tensor.s.type))
            return mm_fail(e, MM_FATAL, "%.*s: a tensor of type %s has no form in a stream", MM_STRF(rec->key),
                           mm_type_name(rec->tensor.s.type));
        payload = mm_shape_bytes(&rec->tensor.s);
    }
    if (payload > MM_RECORD_MAX_BYTES - (1 << 20))
        return mm_fail(e, MM_FATAL, "%.*s: a record of %zu MiB (a stream takes up to 1 GiB)", MM_STRF(rec->key),
                       payload >> 20);
    return MM_OK;
}

static void put_str(msgpack_packer *pk, mm_str s)
{
    msgpack_pack_str(pk, s.n);
    if (s.n)
        msgpack_pack_str_body(pk, s.p, s.n);
}

static void put_name(msgpack_packer *pk, const char *name)
{
    put_str(pk, mm_str_of(name));
}

static void field_str(msgpack_packer *pk, const char *name, mm_str s)
{
    if (!s.p)
        return;
    put_name(pk, name);
    put_str(pk, s);
}

static void field_int(msgpack_packer *pk, const char *name, int64_t v)
{
    put_name(pk, name);
    msgpack_pack_int64(pk, v);
}

static void field_object(msgpack_packer *pk, const char *name, const msgpack_object *o)
{
    if (o->type == MSGPACK_OBJECT_NIL)
        return;
    put_name(pk, name);
    msgpack_pack_object(pk, *o);
}

static void field_time(msgpack_packer *pk, const double *time)
{
    put_name(pk, "time");
    msgpack_pack_array(pk, 2);
    msgpack_pack_double(pk, time[0]);
    msgpack_pack_double(pk, time[1]);
}

static void field_data(msgpack_packer *pk, const mm_record *rec)
{
    if (rec->has_tensor) {
        put_name(pk, "data");
        mm_tensor_map_write(pk, &rec->tensor);
    } else if (rec->bytes.p) {
        put_name(pk, "data");
        msgpack_pack_bin(pk, rec->bytes.n);
        msgpack_pack_bin_body(pk, rec->bytes.p, rec->bytes.n);
    } else {
        field_str(pk, "data", rec->text);
    }
}

static void field_grid(msgpack_packer *pk, const mm_grid *g)
{
    put_name(pk, "grid");
    msgpack_pack_map(pk,
                     (size_t)((g->prefix != 0) + (g->rows != 0) + (g->cols != 0) + (g->frames != 0) + (g->step != 0)));
    if (g->prefix)
        field_int(pk, "prefix", g->prefix);
    if (g->rows)
        field_int(pk, "rows", g->rows);
    if (g->cols)
        field_int(pk, "cols", g->cols);
    if (g->frames)
        field_int(pk, "frames", g->frames);
    if (g->step != 0) {
        put_name(pk, "step");
        msgpack_pack_double(pk, g->step);
    }
}

static bool has_error(const mm_record_error *err)
{
    return err->stage.p || err->code.p || err->text.p;
}

static void field_error(msgpack_packer *pk, const mm_record_error *err)
{
    put_name(pk, "error");
    msgpack_pack_map(pk, (size_t)(!!err->stage.p + !!err->code.p + !!err->text.p));
    field_str(pk, "stage", err->stage);
    field_str(pk, "code", err->code);
    field_str(pk, "text", err->text);
}

static size_t count_fields(const mm_record *rec)
{
    size_t n = 2; /* mm, kind */
    n += !!rec->key.p + !!rec->src.p + (rec->part >= 0) + rec->has_time +
         (rec->has_tensor || rec->text.p || rec->bytes.p);
    n += (rec->rate > 0) + !!rec->prep.p + rec->has_grid + !!rec->of.p + !!rec->space.p;
    n += (rec->label.type != MSGPACK_OBJECT_NIL) + has_error(&rec->error) + (rec->meta.type != MSGPACK_OBJECT_NIL);
    return n + (rec->others.type == MSGPACK_OBJECT_MAP ? rec->others.via.map.size : 0);
}

void mm_serialise_fields(const mm_record *rec, msgpack_packer_write put, void *ctx)
{
    msgpack_packer packer = {ctx, put}, *pk = &packer;
    msgpack_pack_map(pk, count_fields(rec));
    field_int(pk, "mm", MM_STREAM_VERSION);
    field_str(pk, "kind", rec->kind_name.p ? rec->kind_name : mm_str_of(mm_kind_name(rec->kind)));
    field_str(pk, "key", rec->key);
    field_str(pk, "src", rec->src);
    if (rec->part >= 0)
        field_int(pk, "part", rec->part);
    if (rec->has_time)
        field_time(pk, rec->time);
    field_data(pk, rec);
    if (rec->rate > 0)
        field_int(pk, "rate", rec->rate);
    field_str(pk, "prep", rec->prep);
    if (rec->has_grid)
        field_grid(pk, &rec->grid);
    field_str(pk, "of", rec->of);
    field_str(pk, "space", rec->space);
    field_object(pk, "label", &rec->label);
    if (has_error(&rec->error))
        field_error(pk, &rec->error);
    field_object(pk, "meta", &rec->meta);
    for (uint32_t i = 0; rec->others.type == MSGPACK_OBJECT_MAP && i < rec->others.via.map.size; i++) {
        msgpack_pack_object(pk, rec->others.via.map.ptr[i].key);
        msgpack_pack_object(pk, rec->others.via.map.ptr[i].val);
    }
}

/* ---- into a buffer ---- */

typedef struct {
    mm_buf *out;
    mm_err *e;
    mm_status s;
} sink;

static int put_buf(void *ctx, const char *p, size_t n)
{
    sink *k = ctx;
    if (k->s == MM_OK)
        k->s = mm_buf_append(k->out, p, n, k->e);
    return k->s == MM_OK ? 0 : -1;
}

mm_status mm_record_serialise(const mm_record *rec, mm_buf *out, mm_err *e)
{
    if (rec->raw.p)
        return mm_buf_append(out, rec->raw.p, rec->raw.n, e);
    mm_status s = mm_serialise_check(rec, e);
    if (s != MM_OK)
        return s;
    size_t before = out->n;
    sink k = {out, e, MM_OK};
    mm_serialise_fields(rec, put_buf, &k);
    if (k.s != MM_OK)
        out->n = before;
    return k.s;
}
