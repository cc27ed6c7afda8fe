#include "media/record_sink.h"

#include "base/utf8.h"

#include <math.h>

/* The modality of all records of this input; p NULL: that of each is its kind. */
static mm_str modality(const mm_sink *s)
{
    return s->b->of.p ? s->b->of : mm_str_of(s->o->of);
}

mm_record mm_sink_record(const mm_sink *s, mm_kind kind)
{
    mm_record rec = mm_record_new(kind);
    rec.key = s->b->key;
    rec.src = s->b->src;
    if (kind != MM_KIND_ERROR)
        rec.of = modality(s);
    return rec;
}

mm_status mm_sink_modality(const mm_sink *s, mm_record *rec, mm_str name, mm_fault *why)
{
    mm_str of = modality(s);
    if (memchr(name.p, ',', name.n) || !mm_utf8_valid(name))
        return mm_fault_set(why, "modality", "\"%.*s\" cannot name a modality: it %s", MM_STRF(name),
                            mm_utf8_valid(name) ? "has a comma" : "is not UTF-8");
    rec->of = mm_str_of(mm_arena_printf(s->a, "%.*s%s%.*s", MM_STRF(of), of.p ? "-" : "", MM_STRF(name)));
    return rec->of.p ? MM_OK : mm_fault_memory(why);
}

mm_status mm_sink_mark(mm_sink *s, mm_str key)
{
    mm_record rec = mm_record_new(MM_KIND_MARK);
    if (!s->o->mark)
        return MM_OK;
    s->marked = true;
    rec.key = key;
    return s->emit(s->ctx, &rec, s->e) == MM_OK ? MM_OK : MM_FATAL;
}

/* Whether each line or row is a source by itself. */
static bool by_rows(const mm_decode_opts *o)
{
    return o->lines || o->column || o->as == MM_AS_FEATURES || (o->as == MM_AS_OPENFACE && !(o->window > 0));
}

/* Whether rec is all that there will be of its row, or of this stretch of a live input. */
static bool ends_unit(const mm_sink *s, const mm_record *rec)
{
    const mm_decode_opts *o = s->o;
    const bool windows = o->audio && o->window > 0;
    switch (rec->kind) {
    case MM_KIND_TEXT:
    case MM_KIND_FEATURE: return rec->part >= 0 && (by_rows(o) || s->b->live);
    case MM_KIND_ERROR: return rec->part >= 0 && (by_rows(o) || (s->b->live && !o->as)); /* a row of no window */
    case MM_KIND_SERIES: return s->b->live && rec->part >= 0;
    case MM_KIND_IMAGE: return s->b->live && !windows;
    case MM_KIND_AUDIO:
        return s->b->live && windows && (o->n_channels < 2 || mm_str_eq(rec->of, o->channels[o->n_channels - 1].of));
    default: return false;
    }
}

mm_status mm_sink_put(mm_sink *s, const mm_record *rec)
{
    mm_status st = s->emit(s->ctx, rec, s->e);
    s->emitted++;
    s->marked = false;
    if (st == MM_OK && ends_unit(s, rec))
        st = mm_sink_mark(s, rec->key);
    mm_arena_reset(s->a);
    return st == MM_OK ? MM_OK : MM_FATAL;
}

mm_status mm_sink_put_floats(mm_sink *s, mm_record *rec, const float *x, int rank, const int64_t *dim, mm_fault *f)
{
    mm_err why;
    if (mm_shape_make(&rec->tensor.s, MM_F32, rank, dim, &why) != MM_OK)
        return mm_fault_set(f, "too-large", "%s", why.text);
    rec->has_tensor = true;
    rec->tensor.data = x;
    return mm_sink_put(s, rec);
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
