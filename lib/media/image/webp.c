/* WebP through libwebp: libav's decoder doubles chroma without smoothing and reads no animation. Frames come from the
 * call that Pillow uses. */
#include "media/image/picture.h"

#include <webp/demux.h>

static void read_exif(mm_exif *x, const WebPDemuxer *d)
{
    WebPChunkIterator it;
    if (WebPDemuxGetChunk(d, "EXIF", 1, &it))
        mm_exif_parse(x, it.chunk.bytes, it.chunk.size);
    WebPDemuxReleaseChunkIterator(&it);
    if (WebPDemuxGetChunk(d, "XMP ", 1, &it))
        mm_exif_parse_xmp(x, it.chunk.bytes, it.chunk.size);
    WebPDemuxReleaseChunkIterator(&it);
}

/* The size, the number of frames and the metadata. */
static mm_status examine(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_fault *f)
{
    *p = (mm_picture){.format = "webp", .depth = 8, .channels = 4};
    WebPData data = {in.p, in.n};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    if (!demuxer || state != WEBP_DEMUX_DONE) {
        WebPDemuxDelete(demuxer);
        return mm_fault_set(f, state == WEBP_DEMUX_PARSE_ERROR ? "corrupt" : "truncated",
                            "webp: the file is not complete");
    }
    p->width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    p->height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    p->pages = WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT);
    p->moving = p->pages > 1;
    read_exif(&p->exif, demuxer);
    WebPDemuxDelete(demuxer);
    return mm_picture_allowed(p->width, p->height, l, f);
}

/* The decoder's next frame, which is number p->page: the whole canvas. */
static mm_status next_frame(mm_picture *p, WebPAnimDecoder *d, int *shown_until, mm_arena *a, mm_fault *f)
{
    uint8_t *rgba;
    p->timed = p->moving;
    p->from = *shown_until / 1000.0;
    if (!WebPAnimDecoderGetNext(d, &rgba, shown_until))
        return mm_fault_set(f, "corrupt", "webp: frame %lld cannot be decoded", (long long)p->page);
    p->to = *shown_until / 1000.0;
    mm_status s = mm_picture_alloc(p, a, f);
    if (s == MM_OK)
        memcpy(p->px, rgba, (size_t)p->height * (size_t)p->width * 4);
    return s;
}

static mm_status open_decoder(WebPAnimDecoder **d, mm_bytes in, mm_fault *f)
{
    WebPData data = {in.p, in.n};
    WebPAnimDecoderOptions options;
    if (!WebPAnimDecoderOptionsInit(&options))
        return mm_fault_set(f, "unsupported", "webp: libwebp has another version than this program was built for");
    options.color_mode = MODE_RGBA;
    options.use_threads = 0;
    *d = WebPAnimDecoderNew(&data, &options);
    return *d ? MM_OK : mm_fault_set(f, "corrupt", "webp: the decoder rejects it");
}

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    WebPAnimDecoder *d = NULL;
    int at = 0;
    mm_status s = examine(p, in, l, f);
    if (s == MM_OK)
        s = open_decoder(&d, in, f);
    if (s == MM_OK)
        s = next_frame(p, d, &at, a, f);
    p->timed = false;
    WebPAnimDecoderDelete(d);
    return s;
}

static mm_status read_frames(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx,
                             mm_fault *f)
{
    WebPAnimDecoder *d = NULL;
    mm_picture all;
    int at = 0;
    mm_status s = examine(&all, in, l, f);
    if (s == MM_OK)
        s = open_decoder(&d, in, f);
    for (int64_t i = 0; s == MM_OK && i < all.pages; i++) {
        mm_picture p = all;
        p.page = i;
        s = next_frame(&p, d, &at, a, f);
        if (s == MM_OK)
            s = put(ctx, &p, f);
    }
    WebPAnimDecoderDelete(d);
    return s;
}

const mm_picture_reader mm_reader_webp = {.read = read_first, .pages = read_frames};
