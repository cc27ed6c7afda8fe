/* prep_image.c: an image processor's settings. The names and defaults are those of transformers' image processors. */
#include "model/architecture.h"
#include "model/prep.h"

#include <string.h>

typedef struct {
    const char *name; /* how image_processor_type (feature_extractor_type) begins */
    /* the class's defaults */
    int64_t shortest_edge, square, crop; /* 0: none */
    mm_resize_filter filter;
    const float *mean, *std;
    bool number_is_square; /* "size": 224 means 224 × 224, not the shorter edge */
    /* where published models differ from them, for a directory without a preprocessor_config.json */
    int64_t published_shortest;
    const float *published_mean, *published_std;
} processor;

static const float HALF[3] = {0.5f, 0.5f, 0.5f};
static const float IMAGENET_MEAN[3] = {0.485f, 0.456f, 0.406f}, IMAGENET_STD[3] = {0.229f, 0.224f, 0.225f};
static const float CLIP_MEAN[3] = {0.48145466f, 0.4578275f, 0.40821073f};
static const float CLIP_STD[3] = {0.26862954f, 0.26130258f, 0.27577711f};

/* clang-format off */
static const processor PROCESSORS[] = {
    {.name = "ViT", .square = 224, .filter = MM_BILINEAR, .mean = HALF, .std = HALF, .number_is_square = true},
    {.name = "DeiT", .square = 256, .crop = 224, .filter = MM_BICUBIC, .mean = HALF, .std = HALF,
     .number_is_square = true, .published_mean = IMAGENET_MEAN, .published_std = IMAGENET_STD},
    {.name = "Beit", .square = 256, .crop = 224, .filter = MM_BICUBIC, .mean = HALF, .std = HALF,
     .number_is_square = true},
    {.name = "Bit", .shortest_edge = 224, .crop = 224, .filter = MM_BICUBIC, .mean = CLIP_MEAN, .std = CLIP_STD,
     .published_shortest = 256, .published_mean = IMAGENET_MEAN, .published_std = IMAGENET_STD},
    {.name = "DINOv3", .square = 224, .filter = MM_BILINEAR, .mean = IMAGENET_MEAN, .std = IMAGENET_STD,
     .number_is_square = true},
    {.name = "CLIP", .shortest_edge = 224, .crop = 224, .filter = MM_BICUBIC, .mean = CLIP_MEAN, .std = CLIP_STD},
    {.name = "Siglip", .square = 224, .filter = MM_BICUBIC, .mean = HALF, .std = HALF},
    {.name = "ConvNext", .shortest_edge = 384, .filter = MM_BICUBIC, .mean = HALF, .std = HALF},
};
/* clang-format on */
enum { N_PROCESSORS = sizeof PROCESSORS / sizeof *PROCESSORS };

/* The processor that `name` begins with; NULL: unknown. */
static const processor *by_name(const char *name)
{
    for (int i = 0; i < N_PROCESSORS; i++)
        if (!strncasecmp(name, PROCESSORS[i].name, strlen(PROCESSORS[i].name)))
            return &PROCESSORS[i];
    return NULL;
}

/* The processor that preprocessor_config.json names, else the one of the architecture's published models, else ViT's.
 */
static const processor *processor_of(const json_t *config, const json_t *p)
{
    const char *type = mm_config_str(config, "model_type", "");
    const processor *d =
        by_name(mm_config_str(p, "image_processor_type", mm_config_str(p, "feature_extractor_type", "")));
    const mm_architecture *a;
    for (int i = 0; !d && (a = mm_architecture_at(i)); i++)
        if (a->processor && mm_architecture_has(a, type))
            d = by_name(a->processor);
    return d ? d : &PROCESSORS[0];
}

/* ---- sizes ---- */

static mm_status positive(const json_t *v, const char *what, int64_t *out, mm_err *e)
{
    double d = json_number_value(v);
    if (!json_is_number(v) || !(d >= 1) || d > 65536)
        return mm_fail(e, MM_FATAL, "preprocessor_config.json: %s must be a number of pixels from 1 to 65536", what);
    *out = (int64_t)d;
    return MM_OK;
}

static mm_status pair(const json_t *height, const json_t *width, const char *what, int64_t *h, int64_t *w, mm_err *e)
{
    mm_status s = positive(height, what, h, e);
    return s == MM_OK ? positive(width, what, w, e) : s;
}

static bool given(const json_t *v)
{
    return v && !json_is_null(v);
}

static mm_status read_size(const json_t *size, bool number_is_square, mm_image_prep *out, mm_err *e)
{
    const json_t *shortest = json_object_get(size, "shortest_edge"), *longest = json_object_get(size, "longest_edge");
    out->shortest_edge = out->longest_edge = 0;
    if (json_is_array(size) && json_array_size(size) == 2)
        return pair(json_array_get(size, 0), json_array_get(size, 1), "size", &out->out_height, &out->out_width, e);
    if (json_is_number(size) && number_is_square)
        return pair(size, size, "size", &out->out_height, &out->out_width, e);
    if (json_is_number(size))
        return positive(size, "size", &out->shortest_edge, e);
    if (given(json_object_get(size, "height")) && given(json_object_get(size, "width")))
        return pair(json_object_get(size, "height"), json_object_get(size, "width"), "size", &out->out_height,
                    &out->out_width, e);
    if (!given(shortest))
        return mm_fail(e, MM_FATAL,
                       "preprocessor_config.json: size must be a number, {height, width} or {shortest_edge}");
    mm_status s = positive(shortest, "size.shortest_edge", &out->shortest_edge, e);
    return s == MM_OK && given(longest) ? positive(longest, "size.longest_edge", &out->longest_edge, e) : s;
}

static mm_status read_crop(const json_t *crop, mm_image_prep *out, mm_err *e)
{
    const json_t *h = crop, *w = crop;
    if (json_is_array(crop)) {
        h = json_array_get(crop, 0);
        w = json_array_get(crop, 1);
    } else if (json_is_object(crop)) {
        h = json_object_get(crop, "height");
        w = json_object_get(crop, "width");
        if (!given(h) && given(json_object_get(crop, "shortest_edge")))
            h = w = json_object_get(crop, "shortest_edge");
    }
    return pair(h, w, "crop_size", &out->crop_height, &out->crop_width, e);
}

/* ConvNext below 384 pixels: the shorter edge is scaled to size / crop_pct and the middle cut out; from there on the
 * image is squeezed into the square. */
static void apply_crop_pct(const json_t *p, mm_image_prep *out)
{
    int64_t size = out->shortest_edge;
    double pct = mm_config_float(p, "crop_pct", 224.0 / 256.0);
    if (size >= 384 || pct <= 0) {
        out->shortest_edge = 0;
        out->out_height = out->out_width = size;
        return;
    }
    out->shortest_edge = (int64_t)((double)size / pct);
    out->crop = true;
    out->crop_height = out->crop_width = size;
}

/* ---- values ---- */

static mm_status read_three(const json_t *v, const char *what, float out[3], mm_err *e)
{
    for (size_t c = 0; given(v) && c < 3; c++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, c) : v;
        if (!json_is_number(x) || (json_is_array(v) && json_array_size(v) != 3))
            return mm_fail(e, MM_FATAL, "preprocessor_config.json: %s must be three numbers", what);
        out[c] = (float)json_number_value(x);
    }
    return MM_OK;
}

static mm_status read_values(const json_t *p, mm_image_prep *out, mm_err *e)
{
    out->rescale = mm_config_bool(p, "do_rescale", true) ? mm_config_float(p, "rescale_factor", 1.0 / 255.0) : 1.0;
    out->normalize = mm_config_bool(p, "do_normalize", true);
    mm_status s = read_three(json_object_get(p, "image_mean"), "image_mean", out->mean, e);
    if (s == MM_OK)
        s = read_three(json_object_get(p, "image_std"), "image_std", out->std, e);
    if (s == MM_OK && out->normalize && !(out->std[0] > 0 && out->std[1] > 0 && out->std[2] > 0))
        return mm_fail(e, MM_FATAL, "preprocessor_config.json: image_std must be above zero");
    int64_t filter = mm_config_int(p, "resample", (int64_t)out->filter);
    if (s == MM_OK && (filter < MM_NEAREST || filter > MM_HAMMING))
        return mm_fail(e, MM_FATAL, "preprocessor_config.json: there is no resample filter %lld", (long long)filter);
    out->filter = (mm_resize_filter)filter;
    return s;
}

/* ---- the whole ---- */

static mm_image_prep defaults(const processor *d)
{
    mm_image_prep p = {.resize = true,
                       .shortest_edge = d->shortest_edge,
                       .out_height = d->square,
                       .out_width = d->square,
                       .filter = d->filter,
                       .crop = d->crop > 0,
                       .crop_height = d->crop,
                       .crop_width = d->crop,
                       .rescale = 1.0 / 255.0,
                       .normalize = true};
    memcpy(p.mean, d->mean, sizeof p.mean);
    memcpy(p.std, d->std, sizeof p.std);
    return p;
}

/* As the published models of this architecture, at the size that config.json names. */
static mm_image_prep published(const processor *d, const json_t *config)
{
    mm_image_prep p = defaults(d);
    int64_t size = mm_config_int(config, "image_size", mm_config_int(config, "vision_config.image_size", 0));
    bool any_size = d->published_shortest > 0; /* trained at one size and used at another */
    if (size >= 1 && size <= 65536 && !any_size) {
        int64_t around = p.crop && p.shortest_edge == 0 ? size * d->square / d->crop : size;
        p.shortest_edge = p.shortest_edge ? around : 0;
        p.out_height = p.out_width = p.shortest_edge ? 0 : around;
        p.crop_height = p.crop_width = p.crop ? size : 0;
    }
    if (any_size)
        p.shortest_edge = d->published_shortest;
    if (d->published_mean) {
        memcpy(p.mean, d->published_mean, sizeof p.mean);
        memcpy(p.std, d->published_std, sizeof p.std);
    }
    return p;
}

static mm_status read_geometry(const json_t *p, const processor *d, mm_image_prep *out, mm_err *e)
{
    mm_status s = MM_OK;
    bool convnext = !strcmp(d->name, "ConvNext");
    out->resize = mm_config_bool(p, "do_resize", true);
    out->crop = mm_config_bool(p, "do_center_crop", d->crop > 0);
    if (given(json_object_get(p, "size")) && out->resize)
        s = read_size(json_object_get(p, "size"), d->number_is_square, out, e);
    if (s == MM_OK && out->crop && given(json_object_get(p, "crop_size")))
        s = read_crop(json_object_get(p, "crop_size"), out, e);
    if (s == MM_OK && out->crop && out->crop_height < 1)
        s = mm_fail(e, MM_FATAL, "preprocessor_config.json: do_center_crop without a crop_size");
    if (s == MM_OK && convnext && out->resize && out->shortest_edge)
        apply_crop_pct(p, out);
    return s;
}

mm_status mm_image_prep_of(const json_t *config, const json_t *preprocessor, mm_image_prep *out, mm_err *e)
{
    const json_t *nested = json_object_get(preprocessor, "image_processor");
    const json_t *p = json_is_object(nested) ? nested : preprocessor;
    const processor *d = processor_of(config, p);
    *out = p ? defaults(d) : published(d, config);
    mm_status s = p ? read_geometry(p, d, out, e) : MM_OK;
    return s == MM_OK ? read_values(p, out, e) : s;
}
