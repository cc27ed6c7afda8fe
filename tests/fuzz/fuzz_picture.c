/* Picture files of any kind, by the way that mm-decode goes: whatever the bytes are, one record comes of them, or one
 * for each page, and its pixels are all there. */
#include "decode/decode.h"
#include "format/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct {
    int64_t records;
    volatile uint8_t last;
} heap;

static mm_status weigh(void *ctx, const mm_record *rec, mm_err *e)
{
    heap *h = ctx;
    (void)e;
    h->records++;
    if (rec->kind != MM_KIND_IMAGE && rec->kind != MM_KIND_ERROR)
        __builtin_trap();
    if (rec->kind == MM_KIND_ERROR && (!rec->error.code.n || !rec->error.text.n))
        __builtin_trap();
    const uint8_t *px = rec->has_tensor ? rec->tensor.data : NULL;
    for (int64_t i = 0, bytes = px ? mm_shape_bytes(&rec->tensor.s) : 0; i < bytes; i++)
        h->last ^= px[i]; /* with MemorySanitizer or valgrind: each was written */
    return MM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const mm_image_prep prep = {
        .resize = true, .shortest_edge = 20, .filter = MM_BICUBIC, .crop = true, .crop_height = 16, .crop_width = 16};
    static const mm_decode_opts ways[] = {
        {.image = true, .max_pixels = 1 << 16, .all_meta = true},
        {.image = true, .max_pixels = 1 << 16, .has_background = true, .background = {1, 2, 3}, .image_prep = &prep},
        {.image = true, .max_pixels = 1 << 16, .all_pages = true, .has_range = true, .range = {.each = true}},
    };
    mm_blob b = {.key = MM_STR("k"), .src = MM_STR("x"), .path = MM_STR("x.tga"), .named = true, .fd = -1};
    b.bytes = data;
    b.size = (int64_t)n;
    if (mm_format_read_as(mm_format_of(data, n < MM_FORMAT_HEAD ? n : MM_FORMAT_HEAD, b.path)) != MM_FORMAT_IMAGE)
        return 0;
    mm_arena a = {0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        heap h = {0};
        int64_t emitted = 0;
        mm_err e;
        if (mm_decode(&b, &ways[i], &a, weigh, &h, &emitted, &e) != MM_OK || emitted != h.records || emitted < 1 ||
            (emitted > 1 && !ways[i].all_pages))
            __builtin_trap();
    }
    mm_arena_free(&a);
    return 0;
}
