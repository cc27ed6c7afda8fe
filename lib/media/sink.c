#include "media/sink.h"

mm_record mm_sink_record(const mm_sink *s, mm_kind kind)
{
    mm_record rec = mm_record_new(kind);
    rec.key = s->b->key;
    rec.src = s->b->src;
    return rec;
}

mm_status mm_sink_put(mm_sink *s, const mm_record *rec)
{
    mm_status st = s->emit(s->ctx, rec, s->e);
    s->emitted++;
    mm_arena_reset(s->a);
    return st == MM_OK ? MM_OK : MM_FATAL;
}

mm_status mm_sink_fault(mm_sink *s, const mm_fault *f)
{
    mm_arena_reset(s->a); /* makes room when memory was what failed */
    mm_record rec = mm_sink_record(s, MM_KIND_ERROR);
    if (mm_record_to_error(&rec, s->a, "decode", f->code ? f->code : "decode", f->err.text, s->e) != MM_OK)
        return MM_FATAL;
    return mm_sink_put(s, &rec);
}

mm_picture_limits mm_sink_limits(const mm_sink *s)
{
    return (mm_picture_limits){s->o->max_pixels > 0 ? s->o->max_pixels : 178956970, s->o->log};
}

double mm_sink_max_duration(const mm_sink *s)
{
    return s->o->max_duration > 0 ? s->o->max_duration : 24 * 3600.0;
}

/* ---- pictures ---- */

static mm_status put_meta(mm_record *rec, const mm_sink *s, const mm_picture *p, int64_t width, int64_t height)
{
    mm_status st = mm_meta_put_int(rec, s->a, "width", width, s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "height", height, s->e);
    if (st == MM_OK && p->format)
        st = mm_meta_put_str(rec, s->a, "format", mm_str_of(p->format), s->e);
    if (st == MM_OK && p->depth > 8)
        st = mm_meta_put_int(rec, s->a, "depth", p->depth, s->e);
    if (st == MM_OK && p->damaged)
        st = mm_meta_put_bool(rec, s->a, "damaged", true, s->e);
    if (st == MM_OK && p->exif.taken[0])
        st = mm_meta_put_str(rec, s->a, "taken", mm_str_of(p->exif.taken), s->e);
    return st;
}

/* What tells of a person or a place: only when --meta asks. */
static mm_status put_private_meta(mm_record *rec, const mm_sink *s, const mm_exif *x)
{
    mm_status st = MM_OK;
    if (x->make[0])
        st = mm_meta_put_str(rec, s->a, "make", mm_str_of(x->make), s->e);
    if (st == MM_OK && x->model[0])
        st = mm_meta_put_str(rec, s->a, "model", mm_str_of(x->model), s->e);
    if (st == MM_OK && x->has_gps)
        st = mm_meta_put_float(rec, s->a, "latitude", x->latitude, s->e);
    if (st == MM_OK && x->has_gps)
        st = mm_meta_put_float(rec, s->a, "longitude", x->longitude, s->e);
    return st;
}

static mm_status upright_and_prepared(mm_image *img, const mm_sink *s, mm_picture *p, int64_t *width, int64_t *height,
                                      mm_fault *f)
{
    mm_picture_flatten(p, s->o->has_background ? s->o->background : NULL);
    *img = (mm_image){p->height, p->width, p->px};
    mm_status st = MM_OK;
    mm_err e = {0};
    if (p->exif.orientation > 1) {
        mm_image in = *img;
        st = mm_image_orient(img, &in, p->exif.orientation, s->a, &e);
    }
    *width = img->width;
    *height = img->height;
    if (st == MM_OK && s->o->image_prep) {
        mm_image in = *img;
        st = mm_image_prepare(img, &in, s->o->image_prep, s->a, &e);
    }
    return st == MM_OK ? MM_OK : mm_fault_set(f, st == MM_FATAL ? "memory" : "prepare", "%s", e.text);
}

mm_status mm_sink_picture(mm_sink *s, mm_picture *p, mm_record *rec, mm_fault *f)
{
    mm_image img;
    int64_t width, height;
    mm_status st = upright_and_prepared(&img, s, p, &width, &height, f);
    if (st != MM_OK)
        return st;
    if (p->clipped)
        mm_say(s->o->log, MM_LOG_INFO, "%.*s: 16-bit grey above 255 is clipped, as Pillow does", MM_STRF(s->b->src));
    st = mm_shape_make(&rec->tensor.s, MM_U8, 3, (int64_t[]){img.height, img.width, 3}, &f->err);
    if (st != MM_OK)
        return mm_fault_set(f, "too-large", "%s", f->err.text);
    rec->tensor.data = img.rgb;
    rec->has_tensor = true;
    if (s->o->image_prep && s->o->image_prep_digest)
        rec->prep = mm_str_of(s->o->image_prep_digest);
    if (put_meta(rec, s, p, width, height) != MM_OK)
        return MM_FATAL;
    if (s->o->all_meta && put_private_meta(rec, s, &p->exif) != MM_OK)
        return MM_FATAL;
    return mm_sink_put(s, rec);
}
