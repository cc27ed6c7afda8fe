#include "media/image/chunks.h"

#include <string.h>

mm_status mm_pages_worst(mm_status worst, mm_status s, mm_fault *f, const mm_fault *why)
{
    if (s == MM_SKIP && worst == MM_OK)
        *f = *why;
    return s == MM_FATAL || worst == MM_OK ? s : worst;
}

bool mm_picture_is_video(mm_bytes in)
{
    mm_png_notes png;
    mm_fault why = {0};
    bool whole;
    size_t end;
    switch (mm_picture_form(in)) {
    case MM_FORM_GIF: return mm_gif_frames(in, &whole, &end) > 1;
    case MM_FORM_AVIF: return mm_heif_moves(in);
    case MM_FORM_OTHER:
        if (in.n < 8 || memcmp(in.p, "\x89PNG", 4) != 0)
            return false;
        mm_png_examine(&png, in, &why);
        return png.frames > 1;
    default: return false;
    }
}

mm_status mm_animation_ends(mm_bytes in, size_t *end, mm_fault *f)
{
    mm_png_notes png;
    int64_t frames;
    size_t last;
    bool whole;
    *end = in.n;
    switch (mm_picture_form(in)) {
    case MM_FORM_GIF:
        frames = mm_gif_frames(in, &whole, &last);
        *end = whole ? in.n : last;
        return whole ? MM_OK
                     : mm_fault_set(f, "truncated", "the GIF ends within or after frame %lld", (long long)frames);
    case MM_FORM_OTHER: return mm_png_examine(&png, in, f);
    default: return MM_OK;
    }
}

static mm_status the_only_one(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx,
                              mm_fault *f)
{
    mm_picture p = {0};
    mm_status s = mm_picture_read(&p, in, l, a, f);
    return s == MM_OK ? put(ctx, &p, f) : s;
}

mm_status mm_pages_read(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx, mm_fault *f)
{
    switch (mm_raw_is(in) ? MM_FORM_OTHER : mm_picture_form(in)) {
    case MM_FORM_TIFF: return mm_tiff_pages(in, l, a, put, ctx, f);
    case MM_FORM_WEBP: return mm_webp_frames(in, l, a, put, ctx, f);
    case MM_FORM_HEIC: return mm_heic_pages(in, l, a, put, ctx, f);
    case MM_FORM_PNM: return mm_pnm_pages(in, l, a, put, ctx, f);
    case MM_FORM_JPEG:
        return mm_mpo_count(in) > 1 ? mm_mpo_pages(in, l, a, put, ctx, f) : the_only_one(in, l, a, put, ctx, f);
    default: return the_only_one(in, l, a, put, ctx, f);
    }
}
