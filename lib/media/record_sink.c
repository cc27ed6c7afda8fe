#include "media/record_sink.h"

#include "base/utf8.h"

#include <math.h>

mm_record mm_sink_record(const mm_sink *s, mm_kind kind)
{
    mm_record rec = mm_record_new(kind);
    rec.key = s->b->key;
    rec.src = s->b->src;
    rec.of = mm_str_of(kind == MM_KIND_ERROR ? NULL : s->o->of);
    return rec;
}

mm_status mm_sink_modality(const mm_sink *s, mm_record *rec, mm_str name, mm_fault *why)
{
    const char *of = s->o->of;
    if (memchr(name.p, ',', name.n) || !mm_utf8_valid(name))
        return mm_fault_set(why, "modality", "\"%.*s\" cannot name a modality: it %s", MM_STRF(name),
                            mm_utf8_valid(name) ? "has a comma" : "is not UTF-8");
    rec->of = mm_str_of(mm_arena_printf(s->a, "%s%s%.*s", of ? of : "", of ? "-" : "", MM_STRF(name)));
    return rec->of.p ? MM_OK : mm_fault_memory(why);
}

mm_status mm_sink_put(mm_sink *s, const mm_record *rec)
{
    mm_status st = s->emit(s->ctx, rec, s->e);
    s->emitted++;
    mm_arena_reset(s->a);
    return st == MM_OK ? MM_OK : MM_FATAL;
}

mm_status mm_sink_fault_of(mm_sink *s, mm_record *rec, const mm_fault *f)
{
    if (mm_record_to_error(rec, s->a, "decode", f->code ? f->code : "decode", &f->err, s->e) != MM_OK)
        return MM_FATAL;
    return mm_sink_put(s, rec);
}

mm_status mm_sink_fault(mm_sink *s, const mm_fault *f)
{
    mm_arena_reset(s->a); /* frees room when memory is what failed */
    mm_record rec = mm_sink_record(s, MM_KIND_ERROR);
    return mm_sink_fault_of(s, &rec, f);
}

void mm_sink_note(const mm_sink *s, size_t what, int64_t n)
{
    if (s->o->notes)
        __atomic_fetch_add((int64_t *)(void *)((char *)s->o->notes + what), n, __ATOMIC_RELAXED);
}

mm_picture_limits mm_sink_limits(const mm_sink *s)
{
    return (mm_picture_limits){s->o->max_pixels > 0 ? s->o->max_pixels : 178956970, s->o->log};
}

double mm_sink_max_duration(const mm_sink *s)
{
    if (s->o->max_duration > 0)
        return s->o->max_duration;
    return s->b->live ? INFINITY : 24 * 3600.0;
}
