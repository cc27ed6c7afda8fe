/* WebP through libwebp: libav has a decoder too, but its colours differ (it doubles chroma without smoothing) and it
 * knows no animation. The first frame, by the same call that Pillow uses. */
#include "media/picture.h"

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

static mm_status first_frame(mm_picture *p, WebPAnimDecoder *d, mm_arena *a, mm_fault *f)
{
    uint8_t *rgba;
    int ms;
    if (!WebPAnimDecoderGetNext(d, &rgba, &ms))
        return mm_fault_set(f, "corrupt", "webp: the first frame cannot be decoded");
    mm_status s = mm_picture_alloc(p, a, f);
    if (s == MM_OK)
        memcpy(p->px, rgba, (size_t)p->height * (size_t)p->width * 4);
    return s;
}

mm_status mm_webp_read(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
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
    read_exif(&p->exif, demuxer);
    WebPDemuxDelete(demuxer);
    mm_status s = mm_picture_allowed(p->width, p->height, l, f);
    if (s != MM_OK)
        return s;
    WebPAnimDecoderOptions options;
    if (!WebPAnimDecoderOptionsInit(&options))
        return mm_fault_set(f, "unsupported", "webp: another version of libwebp than this was built for");
    options.color_mode = MODE_RGBA;
    options.use_threads = 0;
    WebPAnimDecoder *d = WebPAnimDecoderNew(&data, &options);
    s = d ? first_frame(p, d, a, f) : mm_fault_set(f, "corrupt", "webp: no decoder for it");
    WebPAnimDecoderDelete(d);
    return s;
}
