/* mm-encode-image: turns image records into feature records, or labels by the model's own head. */
#include "cli/encoding.h"
#include "media/image/depth.h"
#include "model/prep.h"

static mm_encoding_values opt = {MM_ENCODING_DEFAULTS(8)};

static void add_options(mm_opts *o)
{
    mm_encoding_opts(o, &opt, MM_ENCODING_PROJECT | MM_ENCODING_CLASSIFY);
    mm_device_opts(o, &opt.device);
}

static const char *const synopsis[] = {
    "-m MODEL [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-decode -m imgfocus-vits14 photos/ | mm-encode-image -m imgfocus-vits14 > features.mm",
    "mm-encode-image -m vit --classify images.mm | mm-label",
    "mm-encode-image -m dinov2 --layer 8,12 --pool cls+mean images.mm > features.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-encode-image",
    .summary = "turn images into feature vectors (ViT, DeiT, DINOv2, CLIP)",
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .add_opts = add_options,
    .takes = MM_TAKES_ALL | MM_TAKES_UPDATE,
    .encodes = "image",
};

typedef struct {
    mm_encoding x;
    mm_image_prep prep;
    char digest[MM_PREP_DIGEST];
    mm_err *bad[2]; /* what could not be prepared, by slot */
} image;

/* Preparation of a batch, one record a task. */
typedef struct {
    image *m;
    mm_record *const *rec;
    mm_arena *const *arena;
    mm_input *in; /* [n] */
    mm_err *bad;  /* [n] status MM_OK: in[i] is ready */
} preparation;

static bool wants(void *ctx, const mm_record *rec)
{
    (void)ctx;
    return rec->kind == MM_KIND_IMAGE;
}

/* The record's pixels, in 8 bits. */
static mm_status pixels(mm_image *img, const mm_record *rec, mm_arena *a, mm_err *e)
{
    const mm_shape *s = &rec->tensor.s;
    if (!rec->has_tensor || s->rank != 3 || s->dim[2] != 3 || s->dim[0] < 1 || s->dim[1] < 1 ||
        (s->type != MM_U8 && s->type != MM_U16 && s->type != MM_F32))
        return mm_fail(e, MM_SKIP, "not RGB pixels [H,W,3] of u8, u16 or f32");
    *img = (mm_image){s->dim[0], s->dim[1], rec->tensor.data};
    if (s->type == MM_U8)
        return MM_OK;
    uint8_t *bytes = mm_arena_alloc(a, (size_t)mm_shape_count(s));
    if (!bytes)
        return mm_fail_memory(e);
    img->rgb = bytes;
    return mm_depth_to_8(bytes, &rec->tensor, e);
}

/* Resizes and crops, unless mm-decode -m has done that for this preparation. */
static mm_status geometry(image *m, mm_image *img, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_image in;
    if (pixels(&in, rec, a, e) != MM_OK)
        return e->status;
    if (!rec->prep.p)
        return mm_image_prepare(img, &in, &m->prep, a, e);
    if (!mm_str_is(rec->prep, m->digest))
        return mm_fail(e, MM_SKIP,
                       "prepared for another model (%.*s, this one takes %s): mm-decode -m %s prepares for it",
                       MM_STRF(rec->prep), m->digest, opt.model);
    *img = in;
    return MM_OK;
}

static void prepare_one(void *ctx, int i, int worker)
{
    (void)worker;
    preparation *p = ctx;
    const mm_record *rec = p->rec[i];
    mm_arena *a = p->arena[i];
    mm_err *e = &p->bad[i];
    mm_image img;
    *e = (mm_err){0};
    if (geometry(p->m, &img, rec, a, e) != MM_OK)
        return;
    float *x = mm_arena_alloc(a, (size_t)(img.height * img.width * 3) * sizeof *x);
    const int64_t dim[3] = {img.height, img.width, 3};
    if (!x) {
        mm_fail_memory(e);
        return;
    }
    mm_image_normalize(x, &img, &p->m->prep);
    if (mm_shape_make(&p->in[i].in.s, MM_F32, 3, dim, e) == MM_OK)
        p->in[i].in.data = x;
}

static mm_status begin(void *ctx, int slot, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    image *m = ctx;
    mm_arena *a = &m->x.slot[slot].a;
    mm_arena_reset(a);
    mm_input *in = mm_arena_zalloc(a, (size_t)n, sizeof *in), *good = mm_arena_zalloc(a, (size_t)n, sizeof *good);
    mm_err *bad = m->bad[slot] = mm_arena_zalloc(a, (size_t)n, sizeof *bad);
    if (!in || !good || !bad)
        return mm_fail_memory(e);
    preparation p = {m, rec, arena, in, bad};
    mm_threads_run(mm_dev_threads(m->x.dev), n, prepare_one, &p);
    int ready = 0;
    for (int i = 0; i < n; i++)
        if (bad[i].status == MM_OK)
            good[ready++] = in[i];
    return mm_encoding_start(&m->x, slot, good, ready, e);
}

static mm_status step(void *ctx, int slot, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    image *m = ctx;
    const mm_encoding_slot *t = &m->x.slot[slot];
    const mm_err *bad = m->bad[slot];
    mm_status s = mm_encoding_finish(&m->x, slot, e);
    for (int i = 0, k = 0; s == MM_OK && i < n; i++) {
        mm_record done;
        const mm_err *why = bad[i].status == MM_OK ? &t->failed[k] : &bad[i];
        if (why->status == MM_OK) {
            s = mm_encoding_record(&m->x, &done, rec[i], &t->out[k], arena[i], e);
            if (s == MM_OK)
                mm_filter_emit(r, i, &done);
        } else {
            mm_filter_fail(r, i, "encode-image", "encode", why);
        }
        k += bad[i].status == MM_OK;
    }
    return s;
}

int main(int argc, char **argv)
{
    mm_run r;
    image m = {0};
    mm_err e;
    mm_run_begin(&r, &tool, argc, argv);
    mm_encoding_open(&m.x, &r, &opt, MM_OF_IMAGE, false);
    if (mm_model_image_prep(m.x.model, &m.prep, &e) != MM_OK)
        mm_die_of(&r, &e);
    mm_image_prep_digest(&m.prep, m.digest, sizeof m.digest);
    mm_encoding_run(&m.x, (mm_filter){.wants = wants, .begin = begin, .step = step, .ctx = &m});
    mm_encoding_close(&m.x);
    return mm_run_end(&r);
}
