#include "media/image_record.h"

#include "media/image/depth.h"

static const size_t LARGEST = ((size_t)1 << 30) - (1 << 20); /* a stream's record has at most 1 GiB */

static mm_status put_meta(mm_record *rec, const mm_sink *s, const mm_picture *p, int64_t width, int64_t height)
{
    mm_status st = mm_meta_put_int(rec, s->a, "width", width, s->e);
    if (st == MM_OK)
        st = mm_meta_put_int(rec, s->a, "height", height, s->e);
    if (st == MM_OK && p->format)
        st = mm_meta_put_str(rec, s->a, "format", mm_str_of(p->format), s->e);
    if (st == MM_OK && p->depth > 8)
        st = mm_meta_put_int(rec, s->a, "depth", p->depth, s->e);
    if (st == MM_OK && p->pages > 1)
        st = mm_meta_put_int(rec, s->a, p->moving ? "frames" : "pages", p->pages, s->e);
    if (st == MM_OK && p->damaged)
        st = mm_meta_put_bool(rec, s->a, "damaged", true, s->e);
    if (st == MM_OK && p->exif.taken[0])
        st = mm_meta_put_str(rec, s->a, "taken", mm_str_of(p->exif.taken), s->e);
    return st;
}

/* Metadata about people and places: only when asked for. */
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

/* Samples of more than 8 bits: through o->range to 16, and to 8 for a model. */
static mm_status convert_depth(mm_picture *p, const mm_sink *s, mm_err *e)
{
    mm_tensor in = {.data = p->px};
    mm_status st = mm_shape_make(&in.s, p->type, 3, (int64_t[]){p->height, p->width, 3}, e);
    if (st == MM_OK)
        st = mm_depth_check(&in, e);
    if (st == MM_OK && !s->o->has_range && mm_depth_is_dim(&in))
        mm_sink_note(s, offsetof(mm_decode_notes, dim), 1);
    if (st == MM_OK && s->o->has_range) {
        uint16_t *wide = mm_arena_alloc(s->a, (size_t)mm_shape_count(&in.s) * sizeof *wide);
        st = wide ? mm_depth_to_16(wide, &in, &s->o->range, e) : mm_fail_memory(e);
        in.s.type = p->type = MM_U16;
        in.data = p->px = (uint8_t *)wide;
    }
    if (st == MM_OK && s->o->image_prep) {
        uint8_t *bytes = mm_arena_alloc(s->a, (size_t)mm_shape_count(&in.s));
        st = bytes ? mm_depth_to_8(bytes, &in, e) : mm_fail_memory(e);
        p->type = MM_U8;
        p->px = bytes;
    }
    return st;
}

/* p's pixels upright, and prepared for the model where there is one; img has p->type. */
static mm_status upright_and_prepared(mm_raster *img, const mm_sink *s, mm_picture *p, int64_t *width, int64_t *height,
                                      mm_err *e)
{
    mm_picture_flatten(p, s->o->has_background ? s->o->background : NULL);
    mm_status st = p->type != MM_U8 ? convert_depth(p, s, e) : MM_OK;
    if (st != MM_OK)
        return st;
    mm_raster stored = {p->height, p->width, 3 * mm_type_size(p->type), p->px};
    st = mm_raster_orient(img, &stored, p->exif.orientation, s->a, e);
    *width = img->width;
    *height = img->height;
    if (st == MM_OK && s->o->image_prep) {
        mm_image ready, in = {img->height, img->width, img->p};
        st = mm_image_prepare(&ready, &in, s->o->image_prep, s->a, e);
        *img = (mm_raster){ready.height, ready.width, 3, ready.rgb};
    }
    return st;
}

mm_status mm_sink_picture(mm_sink *s, mm_picture *p, mm_record *rec, mm_fault *f)
{
    mm_raster img;
    mm_err e = {0};
    int64_t width, height;
    mm_status st = upright_and_prepared(&img, s, p, &width, &height, &e);
    if (st != MM_OK)
        return mm_fault_hint(f, e.hint, st == MM_FATAL ? "memory" : "prepare", "%s", e.text);
    st = mm_shape_make(&rec->tensor.s, p->type, 3, (int64_t[]){img.height, img.width, 3}, &e);
    if (st != MM_OK)
        return mm_fault_set(f, "too-large", "%s", e.text);
    if (mm_shape_bytes(&rec->tensor.s) > LARGEST)
        return mm_fault_set(f, "too-large",
                            "%lld × %lld pixels of %zu bytes are more than a record holds: -m prepares "
                            "pictures for a model, which makes them small",
                            (long long)width, (long long)height, img.pixel);
    rec->tensor.data = img.p;
    rec->has_tensor = true;
    if (s->o->image_prep && s->o->image_prep_digest)
        rec->prep = mm_str_of(s->o->image_prep_digest);
    if (put_meta(rec, s, p, width, height) != MM_OK)
        return MM_FATAL;
    if (s->o->all_meta && put_private_meta(rec, s, &p->exif) != MM_OK)
        return MM_FATAL;
    if (p->pages > 1 && !s->o->all_pages) {
        mm_sink_note(s, offsetof(mm_decode_notes, paged), 1);
        mm_sink_note(s, offsetof(mm_decode_notes, further), p->pages - 1);
    }
    return mm_sink_put(s, rec);
}
