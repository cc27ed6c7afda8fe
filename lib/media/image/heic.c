/* HEIC through libheif, loaded with the first such picture: it needs a dozen libraries that no other run should wait
 * for. libheif turns and crops the picture as the file says, joins tiles and finds the alpha picture. */
#include "media/image/heic.h"

#include <string.h>

#ifdef MM_HAVE_HEIF

#include <dlfcn.h>
#include <libheif/heif.h>
#include <stdlib.h>

enum { MOST_PAGES = 1000 };

#define FUNCTIONS(X)                                                                                                   \
    X(context_alloc)                                                                                                   \
    X(context_free)                                                                                                    \
    X(context_read_from_memory_without_copy)                                                                           \
    X(context_set_max_decoding_threads)                                                                                \
    X(context_get_primary_image_ID)                                                                                    \
    X(context_get_number_of_top_level_images)                                                                          \
    X(context_get_list_of_top_level_image_IDs)                                                                         \
    X(context_get_image_handle)                                                                                        \
    X(image_handle_release)                                                                                            \
    X(image_handle_get_width)                                                                                          \
    X(image_handle_get_height)                                                                                         \
    X(image_handle_has_alpha_channel)                                                                                  \
    X(image_handle_is_premultiplied_alpha)                                                                             \
    X(image_handle_get_luma_bits_per_pixel)                                                                            \
    X(image_handle_get_list_of_metadata_block_IDs)                                                                     \
    X(image_handle_get_metadata_size)                                                                                  \
    X(image_handle_get_metadata)                                                                                       \
    X(decode_image)                                                                                                    \
    X(image_release)                                                                                                   \
    X(image_get_width)                                                                                                 \
    X(image_get_height)                                                                                                \
    X(image_get_plane_readonly)                                                                                        \
    X(image_get_bits_per_pixel_range)

typedef struct {
#define DECLARE(name) __typeof__(heif_##name) *name;
    FUNCTIONS(DECLARE)
    void *library;
} functions;

/* An opened file. */
typedef struct {
    functions heif;
    struct heif_context *context;
    heif_item_id id[MOST_PAGES]; /* of the pictures, the primary one first */
    int pages, further;          /* … and how many more there are beyond the limit */
} file;

static mm_status load(functions *h, mm_fault *f)
{
    bool all = true;
    h->library = dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); /* stays for the next picture */
    if (!h->library)
        return mm_fault_set(f, "unsupported", "HEIC needs libheif, which is not installed: %s", dlerror());
#define FIND(name)                                                                                                     \
    *(void **)(void *)&h->name = dlsym(h->library, "heif_" #name);                                                     \
    all = all && h->name;
    FUNCTIONS(FIND)
    return all ? MM_OK : mm_fault_set(f, "unsupported", "HEIC: this libheif is older than 1.13");
}

static mm_status heif_fault(mm_fault *f, struct heif_error e)
{
    const char *code = "corrupt";
    if (e.subcode == heif_suberror_Security_limit_exceeded)
        code = "too-large";
    else if (e.code == heif_error_Memory_allocation_error)
        return mm_fault_memory(f);
    else if (e.subcode == heif_suberror_End_of_data)
        code = "truncated";
    else if (e.code == heif_error_Unsupported_feature || e.code == heif_error_Unsupported_filetype)
        code = "unsupported";
    const char *why = e.message && *e.message ? e.message : "it cannot be read";
    return mm_fault_set(f, code, "heic: %.*s", (int)strcspn(why, "\n"), why);
}

/* ---- the file ---- */

/* Fills id with all top-level pictures. */
static mm_status list_pages(file *t, mm_fault *f)
{
    struct heif_error e = t->heif.context_get_primary_image_ID(t->context, &t->id[0]);
    if (e.code != heif_error_Ok)
        return heif_fault(f, e);
    heif_item_id all[MOST_PAGES];
    int n = t->heif.context_get_list_of_top_level_image_IDs(t->context, all, MOST_PAGES);
    t->pages = 1;
    for (int i = 0; i < n && t->pages < MOST_PAGES; i++)
        if (all[i] != t->id[0])
            t->id[t->pages++] = all[i];
    n = t->heif.context_get_number_of_top_level_images(t->context);
    t->further = n > t->pages ? n - t->pages : 0;
    return MM_OK;
}

static void close_file(file *t)
{
    if (t->context)
        t->heif.context_free(t->context);
    if (t->heif.library)
        dlclose(t->heif.library);
}

static mm_status open_file(file *t, mm_bytes in, mm_fault *f)
{
    *t = (file){0};
    mm_status s = load(&t->heif, f);
    if (s == MM_OK && !(t->context = t->heif.context_alloc()))
        s = mm_fault_memory(f);
    if (s == MM_OK) {
        t->heif.context_set_max_decoding_threads(t->context, 0); /* in this thread */
        struct heif_error e = t->heif.context_read_from_memory_without_copy(t->context, in.p, in.n, NULL);
        s = e.code == heif_error_Ok ? list_pages(t, f) : heif_fault(f, e);
    }
    if (s != MM_OK)
        close_file(t);
    return s;
}

/* ---- one picture ---- */

/* The EXIF block without its orientation: libheif has applied the file's own turns. */
static void read_exif(mm_exif *x, const functions *h, const struct heif_image_handle *image, mm_arena *a)
{
    heif_item_id id;
    if (h->image_handle_get_list_of_metadata_block_IDs(image, "Exif", &id, 1) != 1)
        return;
    size_t n = h->image_handle_get_metadata_size(image, id);
    uint8_t *p = n > 4 ? mm_arena_alloc(a, n) : NULL;
    if (!p || h->image_handle_get_metadata(image, id, p).code != heif_error_Ok)
        return;
    size_t skip = mm_be32(p); /* up to the TIFF structure */
    if (skip < n - 4)
        mm_exif_parse(x, p + 4 + skip, n - 4 - skip);
    x->orientation = 0;
}

/* Scales samples of 9 to 16 bits to 16; 8-bit samples are copied. */
static void copy_row(uint8_t *out, const uint8_t *in, size_t samples, int bits)
{
    unsigned most = (1u << bits) - 1;
    if (bits <= 8) {
        memcpy(out, in, samples);
        return;
    }
    for (size_t i = 0; i < samples; i++) {
        unsigned v = mm_le16(in + 2 * i);
        uint16_t wide = (uint16_t)(v >= most ? 65535 : (v * 65535u + most / 2) / most);
        memcpy(out + 2 * i, &wide, 2);
    }
}

#define DIVIDE(ctype, most)                                                                                            \
    do {                                                                                                               \
        ctype *px = (void *)p->px;                                                                                     \
        for (; n--; px += 4)                                                                                           \
            for (int c = 0; c < 3; c++) {                                                                              \
                uint64_t v = px[3] ? (uint64_t)(most)*px[c] / px[3] : 0;                                               \
                px[c] = (ctype)(v > (most) ? (most) : v);                                                              \
            }                                                                                                          \
    } while (0)

/* Undoes premultiplied alpha. */
static void divide_by_alpha(mm_picture *p)
{
    size_t n = (size_t)p->width * (size_t)p->height;
    if (p->type == MM_U16)
        DIVIDE(uint16_t, 65535u);
    else
        DIVIDE(uint8_t, 255u);
}

/* The pixels that libheif has decoded. */
static mm_status take_pixels(mm_picture *p, const functions *h, const struct heif_image *image,
                             const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    int stride = 0, bits = h->image_get_bits_per_pixel_range(image, heif_channel_interleaved);
    const uint8_t *in = h->image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    p->width = h->image_get_width(image, heif_channel_interleaved);
    p->height = h->image_get_height(image, heif_channel_interleaved);
    p->depth = bits;
    p->type = bits > 8 ? MM_U16 : MM_U8;
    if (!in || stride < 0 || bits < 1 || bits > 16)
        return mm_fault_set(f, "unsupported", "heic: the decoder gave no pixels");
    if (mm_picture_allowed(p->width, p->height, l, f) != MM_OK || mm_picture_alloc(p, a, f) != MM_OK)
        return MM_SKIP;
    size_t samples = (size_t)p->width * (size_t)p->channels, row = samples * mm_type_size(p->type);
    if ((size_t)stride < row)
        return mm_fault_set(f, "corrupt", "heic: rows of %d bytes", stride);
    for (int64_t y = 0; y < p->height; y++)
        copy_row(p->px + (size_t)y * row, in + (size_t)y * (size_t)stride, samples, bits);
    return MM_OK;
}

static mm_status read_image(mm_picture *p, const functions *h, const struct heif_image_handle *handle,
                            const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    static const enum heif_chroma CHROMA[2][2] = {
        {heif_chroma_interleaved_RGB, heif_chroma_interleaved_RGBA},
        {heif_chroma_interleaved_RRGGBB_LE, heif_chroma_interleaved_RRGGBBAA_LE},
    };
    int width = h->image_handle_get_width(handle), height = h->image_handle_get_height(handle);
    if (mm_picture_allowed(width, height, l, f) != MM_OK)
        return MM_SKIP;
    bool alpha = h->image_handle_has_alpha_channel(handle), deep = h->image_handle_get_luma_bits_per_pixel(handle) > 8;
    struct heif_image *image = NULL;
    struct heif_error e = h->decode_image(handle, &image, heif_colorspace_RGB, CHROMA[deep][alpha], NULL);
    if (e.code != heif_error_Ok)
        return heif_fault(f, e);
    p->channels = alpha ? 4 : 3;
    mm_status s = take_pixels(p, h, image, l, a, f);
    h->image_release(image);
    if (s == MM_OK && alpha && h->image_handle_is_premultiplied_alpha(handle))
        divide_by_alpha(p);
    return s;
}

static mm_status read_page(mm_picture *p, const file *t, int i, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    *p = (mm_picture){.format = "heic", .pages = t->pages + t->further, .page = i};
    struct heif_image_handle *handle = NULL;
    struct heif_error e = t->heif.context_get_image_handle(t->context, t->id[i], &handle);
    if (e.code != heif_error_Ok)
        return heif_fault(f, e);
    read_exif(&p->exif, &t->heif, handle, a);
    mm_status s = read_image(p, &t->heif, handle, l, a, f);
    t->heif.image_handle_release(handle);
    return s;
}

mm_status mm_heic_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    file t;
    if (open_file(&t, in, f) != MM_OK)
        return MM_SKIP;
    mm_status s = read_page(p, &t, 0, l, a, f);
    close_file(&t);
    return s;
}

mm_status mm_heic_pages(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx, mm_fault *f)
{
    file t;
    mm_status worst = open_file(&t, in, f);
    if (worst != MM_OK)
        return worst;
    for (int i = 0; worst != MM_FATAL && i < t.pages; i++) {
        mm_picture p;
        mm_fault why = {0};
        mm_status s = read_page(&p, &t, i, l, a, &why);
        if (s == MM_OK)
            s = put(ctx, &p, &why);
        worst = mm_pages_worst(worst, s, f, &why);
    }
    if (worst == MM_OK && t.further > 0)
        worst = mm_fault_set(f, "too-large", "heic: %d pictures come after the %d that are read", t.further, t.pages);
    close_file(&t);
    return worst;
}

#else

static mm_status not_built(mm_fault *f)
{
    return mm_fault_set(f, "unsupported",
                        "HEIC pictures are not read by this build (libheif): convert them to JPEG or PNG");
}

mm_status mm_heic_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    (void)p, (void)in, (void)l, (void)a;
    return not_built(f);
}

mm_status mm_heic_pages(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx, mm_fault *f)
{
    (void)in, (void)l, (void)a, (void)put, (void)ctx;
    return not_built(f);
}

#endif
