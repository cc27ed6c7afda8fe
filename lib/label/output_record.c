#include "label/output.h"

/* {name: score, …} in the arena. */
static mm_status label_map(msgpack_object *out, const mm_labelled *x, mm_arena *a, mm_err *e)
{
    msgpack_object_kv *kv = mm_arena_zalloc(a, (size_t)x->n, sizeof *kv);
    if (!kv)
        return mm_fail_memory(e);
    for (int i = 0; i < x->n; i++) {
        kv[i].key = mm_object_str(x->scored[i].name);
        kv[i].val.type = MSGPACK_OBJECT_FLOAT64;
        kv[i].val.via.f64 = x->scored[i].score;
    }
    *out = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
    out->via.map.ptr = kv;
    out->via.map.size = (uint32_t)x->n;
    return MM_OK;
}

/* `label` maps names to scores, the rest is the sample's; the label it carried before becomes meta.truth. */
static mm_status record(mm_record *out, const mm_labelled *x, mm_arena *a, mm_err *e)
{
    const mm_record *rec = x->rec;
    mm_record made = mm_record_new(MM_KIND_LABEL);
    made.key = rec->key;
    made.src = rec->src;
    made.part = rec->part;
    made.has_time = rec->has_time;
    memcpy(made.time, rec->time, sizeof made.time);
    made.of = rec->of;
    made.space = rec->space;
    made.meta = rec->meta;
    made.others = rec->others;
    mm_status s = MM_OK;
    if (mm_labelled_number(x))
        made.label = rec->label;
    else
        s = label_map(&made.label, x, a, e);
    if (s == MM_OK && rec->kind != MM_KIND_LABEL && rec->label.type != MSGPACK_OBJECT_NIL)
        s = mm_meta_put(&made, a, "truth", rec->label, e);
    *out = made;
    return s;
}

const mm_label_output mm_output_stream = {.name = "stream", .record = record};
