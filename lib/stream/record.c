#include "stream/record.h"

static const char *const KINDS[] = {
    [MM_KIND_IMAGE] = "image",   [MM_KIND_AUDIO] = "audio",     [MM_KIND_TEXT] = "text",   [MM_KIND_SERIES] = "series",
    [MM_KIND_VOLUME] = "volume", [MM_KIND_FEATURE] = "feature", [MM_KIND_LABEL] = "label", [MM_KIND_ERROR] = "error",
    [MM_KIND_MARK] = "mark",     [MM_KIND_FILE] = "file",       [MM_KIND_OTHER] = "other",
};

const char *mm_kind_name(mm_kind k)
{
    return KINDS[k];
}

mm_kind mm_kind_of(mm_str name)
{
    for (int k = 0; k < MM_KIND_OTHER; k++)
        if (mm_str_is(name, KINDS[k]))
            return (mm_kind)k;
    return MM_KIND_OTHER;
}

mm_record mm_record_new(mm_kind kind)
{
    return (mm_record){.kind = kind, .kind_name = mm_str_of(KINDS[kind]), .part = -1};
}

mm_str mm_record_modality(const mm_record *rec)
{
    return rec->of.p ? rec->of : rec->kind_name;
}

mm_str mm_record_medium(const mm_record *rec)
{
    if (rec->kind != MM_KIND_FEATURE && rec->kind != MM_KIND_LABEL)
        return rec->kind_name;
    const msgpack_object *kind = mm_map_get(&rec->meta, "kind");
    return kind && kind->type == MSGPACK_OBJECT_STR ? mm_object_as_str(kind) : mm_record_modality(rec);
}

void mm_record_drop_data(mm_record *rec)
{
    if (!rec->has_tensor && !rec->text.p && !rec->bytes.p)
        return;
    rec->has_tensor = false;
    rec->text = rec->raw = (mm_str){0};
    rec->bytes.n = 0;
}

static bool copied(mm_str *out, mm_arena *a, const char *text)
{
    *out = (mm_str){mm_arena_strdup(a, mm_str_of(text)), strlen(text)};
    return out->p != NULL;
}

mm_status mm_record_to_error(mm_record *rec, mm_arena *a, const char *stage, const char *code, const mm_err *why,
                             mm_err *e)
{
    mm_record made = mm_record_new(MM_KIND_ERROR);
    made.key = rec->key;
    made.src = rec->src;
    made.part = rec->part;
    made.has_time = rec->has_time;
    memcpy(made.time, rec->time, sizeof made.time);
    mm_record_error *err = &made.error;
    if (!copied(&err->stage, a, stage) || !copied(&err->code, a, code) || !copied(&err->text, a, why->text))
        return mm_fail_memory(e);
    err->hint = why->hint;
    *rec = made;
    return MM_OK;
}
