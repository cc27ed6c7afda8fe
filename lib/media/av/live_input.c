#include "media/av/live_input.h"

#include "media/av/declared_size.h"

#include <libavutil/avstring.h>
#include <string.h>

enum { PROBED = 4096 };

/* Whether a demuxer that waits for more should make do with what is there: the next samples may be long in coming. No
 * packet may end within one. */
static bool is_all(const mm_av_input *in)
{
    int64_t start = in->probes ? mm_samples_at(&in->bytes) : -1;
    bool enough = in->whole >= 0 ? (in->at - in->whole) % in->unit == 0 : start >= 0 && in->at >= start + PROBED;
    return enough && in->given && !mm_blob_ready(in->bytes.blob, 0);
}

int mm_av_follow(void *ctx, uint8_t *out, int n)
{
    mm_av_input *in = ctx;
    if (in->budget <= 0)
        return AVERROR_EXIT;
    if (is_all(in)) {
        in->given = in->probes = false;
        return AVERROR(EAGAIN);
    }
    int64_t got = mm_av_bytes_next(&in->bytes, out, n);
    if (got <= 0)
        return got < 0 ? AVERROR(EIO) : AVERROR_EOF;
    in->given = true;
    in->at += got;
    in->budget -= got;
    return (int)got;
}

int64_t mm_av_stay(void *ctx, int64_t off, int whence)
{
    (void)ctx, (void)off;
    return whence & AVSEEK_SIZE ? 0 : AVERROR(ENOSYS);
}

void mm_av_hurry(AVFormatContext *fmt, const AVInputFormat *format)
{
    enum { FRAGMENT = 32 << 20 };
    fmt->fps_probe_size = 0;
    if (av_match_list(format->name, "mpegts", ','))
        return;
    bool fragments = av_match_list(format->name, "mov", ',');
    fmt->max_probe_packets = 2; /* when another code among samples is looked for */
    fmt->max_analyze_duration = fragments ? 60 * (int64_t)AV_TIME_BASE : AV_TIME_BASE / 2;
    fmt->probesize = fragments ? FRAGMENT : fmt->probesize;
}

static bool is_samples(const AVCodecParameters *par)
{
    return par->codec_id >= AV_CODEC_ID_FIRST_AUDIO && par->codec_id < AV_CODEC_ID_ADPCM_IMA_QT;
}

/* Whether the first samples of a WAV, which its demuxer has looked at, are samples: among those of 16 bits DTS may be,
 * of which every frame begins with one of these. */
static bool is_plain(const mm_av_input *in)
{
    static const uint8_t dts[][5] = {"\x7f\xfe\x80\x01", "\xfe\x7f\x01\x80", "\x1f\xff\xe8\x00", "\xff\x1f\x00\xe8"};
    uint8_t first[PROBED];
    int64_t start = mm_samples_at(&in->bytes);
    if (start < 0 || mm_av_bytes_read(&in->bytes, start, first, PROBED) < PROBED)
        return false;
    for (int i = 0; i + 4 <= PROBED; i++)
        for (size_t k = 0; k < sizeof dts / sizeof *dts; k++)
            if (!memcmp(first + i, dts[k], 4))
                return false;
    return true;
}

bool mm_av_is_told_by_header(const mm_av_input *in)
{
    const AVCodecParameters *par = in->fmt->nb_streams == 1 ? in->fmt->streams[0]->codecpar : NULL;
    if (!par || !in->bytes.blob->live || !is_samples(par))
        return false;
    return par->codec_id != AV_CODEC_ID_PCM_S16LE || is_plain(in);
}

int mm_av_unit(const mm_av_input *in)
{
    const AVCodecParameters *par = in->fmt->nb_streams == 1 ? in->fmt->streams[0]->codecpar : NULL;
    const char *name = in->fmt->iformat->name;
    if (!par || !in->bytes.blob->live)
        return 0;
    if (is_samples(par) && (in->raw || av_match_list(name, "wav,w64,aiff,au", ',')))
        return par->block_align;
    return av_match_list(name, "mp3", ',');
}
