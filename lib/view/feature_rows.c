#include "view/feature_rows.h"

int64_t mm_feature_row_count(const mm_record *rec)
{
    return rec->tensor.s.rank > 1 ? rec->tensor.s.dim[0] : 1;
}

/* Row i of the data: dimensions [1, rank) of the feature. */
static mm_tensor row_data(const mm_tensor *t, int64_t i)
{
    mm_tensor row = {.s = {.type = t->s.type, .rank = t->s.rank - 1}};
    for (int d = 0; d < row.s.rank; d++)
        row.s.dim[d] = t->s.dim[d + 1];
    row.data = mm_tensor_at(t, i * mm_shape_count(&row.s));
    return row;
}

static void add_int(msgpack_object *map, const char *key, int64_t value)
{
    map->via.map.ptr[map->via.map.size++] =
        (msgpack_object_kv){.key = mm_object_str(mm_str_of(key)),
                            .val = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = (uint64_t)value}};
}

/* place: the row's number, leading vectors not counted. */
static void put_place(mm_record *out, const mm_grid *g, int64_t place)
{
    double start = out->has_time ? out->time[0] : 0;
    if (g->frames > 0 && g->step > 0) {
        out->has_time = true;
        out->time[0] = start + (double)place * g->step;
        out->time[1] = start + (double)(place + 1) * g->step;
    } else if (g->cols > 0) {
        add_int(&out->others, "y", place / g->cols);
        add_int(&out->others, "x", place % g->cols);
    }
}

mm_status mm_feature_row(mm_record *out, const mm_record *rec, int64_t i, mm_arena *a, mm_err *e)
{
    enum { FIELDS = 3 };
    *out = *rec;
    if (rec->tensor.s.rank < 2)
        return MM_OK;
    out->raw = (mm_str){0};
    out->tensor = row_data(&rec->tensor, i);
    out->others = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
    out->others.via.map.ptr = mm_arena_alloc(a, FIELDS * sizeof *out->others.via.map.ptr);
    if (!out->others.via.map.ptr)
        return mm_fail_memory(e);
    add_int(&out->others, "row", i);
    if (!rec->has_grid)
        return MM_OK;
    if (i >= rec->grid.prefix)
        put_place(out, &rec->grid, i - rec->grid.prefix);
    else
        out->has_time = false;
    return MM_OK;
}
