#include "media/av/libav.h"

#include "media/av/declared_size.h"
#include "media/av/live_format.h"
#include "media/av/live_input.h"
#include "media/av/ogg.h"

#include <libavutil/avstring.h>
#include <libavutil/error.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IO_BUFFER = 64 * 1024, MAX_STREAMS = 256 };

/* No playlists (hls, concat, dash …), no devices, no subtitles, no raw video without a header. */
static const char FORMATS[] =
    "aac,ac3,aiff,amr,ape,apng,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gif,h264,hevc,ico,iff,ivf,m4v,matroska,webm,"
    "mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,shn,tak,tta,voc,w64,wav,wv,"
    "yuv4mpegpipe";

static const char CODECS[] =
    /* sound */
    "aac,aac_fixed,aac_latm,ac3,ac3_fixed,eac3,alac,als,amrnb,amrwb,ape,cook,dca,flac,g722,g723_1,g726,g726le,g729,"
    "gsm,gsm_ms,mlp,truehd,mp1,mp1float,mp2,mp2float,mp3,mp3float,mp3adu,mp3adufloat,mp3on4,mp3on4float,mpc7,mpc8,"
    "nellymoser,opus,ra_144,ra_288,shorten,sipr,speex,tak,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice,"
    "adpcm_4xm,adpcm_adx,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,"
    "adpcm_yamaha,adpcm_ima_oki,adpcm_sbpro_2,adpcm_sbpro_3,adpcm_sbpro_4,"
    "dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,dst,"
    "pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_lxf,pcm_mulaw,"
    "pcm_s16be,pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24daud,pcm_s24le,pcm_s24le_planar,"
    "pcm_s32be,pcm_s32le,pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_s8,pcm_s8_planar,pcm_sga,pcm_u16be,pcm_u16le,"
    "pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,pcm_vidc,"
/* pictures */
#define LIBAV_PICTURE(id, codec, decoders, ...) decoders ","
#include "format/formats.def"
    "apng,gif,jpegls,mjpeg,png,webp,xbm,xwd,"
    /* video */
    "av1,libdav1d,libaom-av1,cinepak,dnxhd,dvvideo,ffv1,ffvhuff,flashsv,flv,h261,h263,h263i,h263p,h264,hevc,huffyuv,"
    "indeo2,indeo3,indeo4,indeo5,mpeg1video,mpeg2video,mpeg4,mpegvideo,msmpeg4,msmpeg4v1,msmpeg4v2,msrle,msvideo1,"
    "prores,qtrle,rawvideo,rpza,rv10,rv20,rv30,rv40,svq1,svq3,theora,utvideo,v210,vc1,vp3,vp4,vp6,vp6a,vp6f,vp7,vp8,"
    "vp9,wmv1,wmv2,wmv3,wrapped_avframe,yuv4,zlib";

/* libav has one log callback for the whole process. The log travels in the context that logs, so that nothing global is
 * needed; contexts that libav makes for itself have none, and their messages are dropped. A demuxer's last error is
 * kept: it says more than the number that the demuxer returns. */
static void on_log(void *ctx, int level, const char *fmt, va_list ap)
{
    const AVClass *cls = ctx ? *(const AVClass *const *)ctx : NULL;
    const mm_log *log = NULL;
    mm_av_input *in = NULL;
    if (!cls || level > AV_LOG_INFO)
        return;
    if (cls == avcodec_get_class())
        log = ((const AVCodecContext *)ctx)->opaque;
    else if (cls == avformat_get_class() && (in = ((const AVFormatContext *)ctx)->opaque))
        log = in->limits.log;
    if (!log && !in)
        return;
    char line[400] = "";
    vsnprintf(line, sizeof line, fmt, ap);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = p[1] ? ' ' : 0;
    if (in && level <= AV_LOG_ERROR)
        snprintf(in->said, sizeof in->said, "%.*s", (int)(sizeof in->said - 1), line);
    mm_say(log, MM_LOG_DEBUG, "libav: %s", line);
}

mm_status mm_av_fault(mm_fault *f, const char *what, int averror)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(averror, text, sizeof text);
    if (averror == AVERROR(ENOMEM))
        return mm_fault_memory(f);
    if (averror == AVERROR_EOF)
        return mm_fault_set(f, "truncated", "%s: the data end too early", what);
    bool unknown = averror == AVERROR_DECODER_NOT_FOUND || averror == AVERROR_PATCHWELCOME ||
                   averror == AVERROR(ENOSYS) || averror == AVERROR_DEMUXER_NOT_FOUND;
    return mm_fault_set(f, unknown ? "unsupported" : "corrupt", "%s: %s", what, text);
}

/* ---- input ---- */

static int io_read(void *ctx, uint8_t *out, int n)
{
    mm_av_input *in = ctx;
    if (in->budget <= 0)
        return AVERROR_EXIT;
    int64_t got = mm_av_bytes_read(&in->bytes, in->at, out, n);
    if (got < 0)
        return AVERROR(EIO);
    if (got == 0)
        return AVERROR_EOF;
    in->at += got;
    in->budget -= got + 512; /* many small reads cost too */
    return (int)got;
}

static int64_t io_seek(void *ctx, int64_t off, int whence)
{
    mm_av_input *in = ctx;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return in->bytes.size;
    if (whence == SEEK_CUR)
        off += in->at;
    else if (whence == SEEK_END)
        off += in->bytes.size;
    if (off < 0)
        return AVERROR(EINVAL);
    in->budget -= 512;
    in->at = off;
    return off;
}

static int stuck(void *ctx)
{
    return ((mm_av_input *)ctx)->budget <= 0;
}

/* No container opens anything but the blob. */
static int refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **options)
{
    (void)s, (void)pb, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

/* Enough to read the whole input four times between two packets: no sane demuxer needs more, and none runs for ever. */
static void refill(mm_av_input *in)
{
    in->budget = 4 * in->bytes.size + ((int64_t)64 << 20);
}

static AVFormatContext *new_context(mm_av_input *in)
{
    AVFormatContext *fmt = avformat_alloc_context();
    if (!fmt)
        return NULL;
    fmt->opaque = in;
    fmt->pb = in->io;
    fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
    fmt->io_open = refuse_open;
    fmt->interrupt_callback = (AVIOInterruptCB){stuck, in};
    fmt->max_streams = MAX_STREAMS;
    fmt->format_whitelist = av_strdup(FORMATS);
    fmt->codec_whitelist = av_strdup(CODECS);
    fmt->protocol_whitelist = av_strdup("");
    return fmt;
}

/* Finds in the first packets what the headers leave open, under the same limit of pixels. */
static int find_streams(AVFormatContext *fmt, const mm_av_limits *l)
{
    unsigned n = fmt->nb_streams;
    AVDictionary **options = av_calloc(n ? n : 1, sizeof *options);
    if (!options)
        return AVERROR(ENOMEM);
    for (unsigned i = 0; i < n; i++) {
        av_dict_set_int(&options[i], "max_pixels", l->max_pixels, 0);
        av_dict_set_int(&options[i], "threads", 1, 0);
    }
    int rc = avformat_find_stream_info(fmt, options);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&options[i]);
    av_free(options);
    return rc;
}

/* Where a stream begins to be shown or heard. What a sound codec needs to get going lies below zero and is not heard.
 */
static double start_of(const AVStream *st)
{
    double tick = av_q2d(st->time_base), start = (double)st->start_time * tick;
    const AVCodecParameters *par = st->codecpar;
    if (start >= 0 || par->codec_type != AVMEDIA_TYPE_AUDIO || par->sample_rate <= 0)
        return start;
    start += (double)par->initial_padding / par->sample_rate;
    return start > -tick ? 0 : start;
}

/* The zero of the file's clock. */
static void find_zero(mm_av_input *in)
{
    int streams = 0, known = 0;
    for (unsigned i = 0; i < in->fmt->nb_streams; i++) {
        const AVStream *st = in->fmt->streams[i];
        enum AVMediaType type = st->codecpar->codec_type;
        if ((type != AVMEDIA_TYPE_AUDIO && type != AVMEDIA_TYPE_VIDEO) ||
            (st->disposition & AV_DISPOSITION_ATTACHED_PIC))
            continue;
        streams++;
        if (st->start_time != AV_NOPTS_VALUE && !in->has_zero)
            in->zero = known++ ? fmin(in->zero, start_of(st)) : start_of(st);
    }
    in->has_zero |= known > 0;
    in->alone = streams == 1;
}

void mm_av_stream_came(mm_av_input *in)
{
    find_zero(in);
}

/* By the bytes; where those do not tell, as with zeros before an MP3, by the name as well. */
static int find_format(const AVInputFormat **format, mm_av_input *in)
{
    char name[256];
    if (in->bytes.blob->live) {
        *format = mm_live_format(in->bytes.blob);
        return *format ? 0 : AVERROR_INVALIDDATA;
    }
    int rc = av_probe_input_buffer(in->io, format, NULL, NULL, 0, 0);
    if (rc != AVERROR_INVALIDDATA)
        return rc;
    mm_str path = in->bytes.blob->path;
    size_t skip = path.n < sizeof name ? 0 : path.n - sizeof name + 1;
    snprintf(name, sizeof name, "%.*s", (int)(path.n - skip), path.p + skip);
    return av_probe_input_buffer(in->io, format, name, NULL, 0, 0);
}

static mm_status cut_short(const mm_av_input *in, mm_fault *f)
{
    return mm_fault_set(f, "truncated", "the file is cut short: %lld of %lld bytes are there",
                        (long long)in->bytes.size, (long long)mm_declared_size(&in->bytes));
}

/* "not readable as sound or video: Invalid sample rate: 0": the demuxer's message, or the meaning of its number. */
static mm_status open_fault(const mm_av_input *in, int rc, mm_fault *f)
{
    if (mm_declared_size(&in->bytes) > in->bytes.size)
        return cut_short(in, f);
    mm_av_fault(f, "not readable as sound or video", rc);
    return rc == AVERROR_INVALIDDATA && *in->said
               ? mm_fault_set(f, "corrupt", "not readable as sound or video: %s", in->said)
               : MM_SKIP;
}

static mm_status open_io(mm_av_input *in, mm_fault *f)
{
    bool live = in->bytes.blob->live;
    uint8_t *buffer = av_malloc(IO_BUFFER);
    in->io = !buffer ? NULL
             : live  ? avio_alloc_context(buffer, IO_BUFFER, 0, in, mm_av_follow, NULL, mm_av_stay)
                     : avio_alloc_context(buffer, IO_BUFFER, 0, in, io_read, NULL, io_seek);
    if (!in->io) {
        av_free(buffer);
        return mm_fault_memory(f);
    }
    in->io->seekable = live ? 0 : in->io->seekable;
    in->fmt = new_context(in);
    return in->fmt ? MM_OK : mm_fault_memory(f);
}

/* Samples without a header: nothing has to be found out. */
static int open_raw(mm_av_input *in, const mm_raw_sound *raw)
{
    char layout[16];
    AVDictionary *options = NULL;
    snprintf(layout, sizeof layout, "%dC", raw->channels);
    int rc = av_dict_set(&options, "ch_layout", layout, 0);
    if (rc >= 0)
        rc = av_dict_set_int(&options, "sample_rate", raw->rate, 0);
    av_freep(&in->fmt->format_whitelist);
    in->fmt->format_whitelist = av_strdup(raw->format);
    if (rc >= 0)
        rc = avformat_open_input(&in->fmt, NULL, av_find_input_format(raw->format), &options);
    av_dict_free(&options);
    return rc;
}

/* libav gives a stream of which no packet has come yet the duration of the whole container, which is not the track's.
 */
static int find_live_streams(AVFormatContext *fmt, const mm_av_limits *l)
{
    int64_t declared[MAX_STREAMS];
    unsigned n = fmt->nb_streams < MAX_STREAMS ? fmt->nb_streams : MAX_STREAMS;
    for (unsigned i = 0; i < n; i++)
        declared[i] = fmt->streams[i]->duration;
    int rc = find_streams(fmt, l);
    for (unsigned i = 0; i < fmt->nb_streams; i++)
        fmt->streams[i]->duration = i < n ? declared[i] : AV_NOPTS_VALUE;
    return rc;
}

static int open_container(mm_av_input *in, const AVInputFormat *format)
{
    if (in->bytes.blob->live) {
        mm_av_hurry(in->fmt, format);
        in->probes = av_match_list(format->name, "wav,w64", ',');
    }
    int rc = avformat_open_input(&in->fmt, NULL, format, NULL); /* frees fmt when it fails */
    in->probes = false;
    if (in->bytes.blob->live)
        in->io->error = in->io->eof_reached = 0;
    if (rc < 0)
        return rc;
    if (mm_av_is_told_by_header(in)) {
        in->fmt->probesize = 32; /* the first packet is not held back for another code to be looked for */
        return rc;
    }
    return in->bytes.blob->live ? find_live_streams(in->fmt, &in->limits) : find_streams(in->fmt, &in->limits);
}

mm_status mm_av_open(mm_av_input *in, const mm_blob *b, const mm_av_limits *l, const mm_raw_sound *raw, mm_fault *f)
{
    const AVInputFormat *format = NULL;
    *in = (mm_av_input){.limits = *l, .raw = raw, .whole = -1};
    av_log_set_callback(on_log);
    mm_status st = mm_av_bytes_open(&in->bytes, b, l->log, f);
    refill(in);
    if (st == MM_OK)
        st = open_io(in, f);
    if (st != MM_OK) {
        mm_av_close(in);
        return st;
    }
    int rc = raw ? open_raw(in, raw) : find_format(&format, in);
    if (format && rc >= 0 && !av_match_list(format->name, FORMATS, ',')) {
        mm_av_close(in);
        return mm_fault_set(f, "unsupported", "%s (%s) is not read", format->long_name, format->name);
    }
    if (format && rc >= 0)
        rc = open_container(in, format);
    if (rc >= 0) {
        refill(in);
        find_zero(in);
        in->given = true;
        in->unit = mm_av_unit(in);
        return MM_OK;
    }
    st = open_fault(in, rc, f);
    mm_av_close(in);
    return st;
}

void mm_av_close(mm_av_input *in)
{
    avformat_close_input(&in->fmt);
    if (in->io) {
        av_freep(&in->io->buffer);
        avio_context_free(&in->io);
    }
    mm_av_bytes_close(&in->bytes);
}

static void note_end(mm_av_input *in, const AVPacket *pkt)
{
    if (pkt->pos >= 0)
        in->packets_end = FFMAX(in->packets_end, pkt->pos + pkt->size);
    double tick = av_q2d(in->fmt->streams[pkt->stream_index]->time_base);
    if (pkt->pts != AV_NOPTS_VALUE)
        in->end = fmax(in->end, ((double)pkt->pts + (double)pkt->duration) * tick);
}

/* The headers of another Opus stream in a chain; libav returns each as a second of sound. */
static bool is_header(const mm_av_input *in, const AVPacket *pkt)
{
    return in->fmt->streams[pkt->stream_index]->codecpar->codec_id == AV_CODEC_ID_OPUS && pkt->size >= 8 &&
           (memcmp(pkt->data, "OpusHead", 8) == 0 || memcmp(pkt->data, "OpusTags", 8) == 0);
}

/* av_read_frame, and again where it was told to make do with what was there. */
static int next_packet(mm_av_input *in, AVPacket *pkt)
{
    int rc;
    do {
        if (in->whole >= 0)
            in->io->error = in->io->eof_reached = 0;
        rc = av_read_frame(in->fmt, pkt);
    } while (rc == AVERROR(EAGAIN) && in->whole >= 0);
    if (rc < 0 || !in->unit)
        return rc;
    pkt->flags &= ~AV_PKT_FLAG_CORRUPT; /* only short */
    if (in->whole < 0 && pkt->pos >= 0)
        in->whole = pkt->pos;
    return rc;
}

mm_status mm_av_read(mm_av_input *in, int stream, AVPacket *pkt, mm_fault *f)
{
    for (;;) {
        int rc = next_packet(in, pkt);
        if (in->budget <= 0)
            return mm_fault_set(f, "corrupt", "the container leads nowhere: no packet within %lld bytes",
                                (long long)(4 * in->bytes.size));
        if (rc == AVERROR_EOF)
            return MM_EOF;
        if (rc < 0)
            return mm_av_fault(f, "the container breaks off", rc);
        /* an index may point to the same bytes over and over */
        if (++in->packets > in->bytes.size + 4096)
            return mm_fault_set(f, "corrupt", "the container has more packets than bytes");
        refill(in);
        if (is_header(in, pkt)) {
            av_packet_unref(pkt);
            continue;
        }
        mm_clock_set(&in->clock, in->fmt, pkt);
        note_end(in, pkt);
        if (stream < 0 || pkt->stream_index == stream)
            return MM_OK;
        av_packet_unref(pkt);
    }
}

double mm_av_time(const mm_av_input *in, int stream, int64_t ts)
{
    return (double)ts * av_q2d(in->fmt->streams[stream]->time_base) - in->zero;
}

mm_status mm_av_decoder(AVCodecContext **out, enum AVCodecID id, const AVCodecParameters *par, const mm_av_limits *l,
                        mm_fault *f)
{
    *out = NULL;
    av_log_set_callback(on_log);
    const AVCodec *codec = avcodec_find_decoder(id);
    if (!codec)
        return mm_fault_set(f, "unsupported", "no decoder for %s", avcodec_get_name(id));
    AVCodecContext *c = avcodec_alloc_context3(codec);
    if (!c)
        return mm_fault_memory(f);
    int rc = par ? avcodec_parameters_to_context(c, par) : 0;
    c->opaque = (void *)(uintptr_t)l->log;
    c->thread_count = 1;
    /* libav counts rows padded to its own alignment and calls larger frames damaged: here the limit only keeps bombs
     * out; the exact one is checked where a frame's size is known */
    c->max_pixels = l->max_pixels < INT64_MAX / 4 ? 2 * l->max_pixels + (8 << 20) : INT64_MAX;
    c->codec_whitelist = av_strdup(CODECS);
    if (rc >= 0)
        rc = avcodec_open2(c, codec, NULL);
    if (rc < 0) {
        avcodec_free_context(&c);
        return mm_av_fault(f, avcodec_get_name(id), rc);
    }
    *out = c;
    return MM_OK;
}

/* ---- a stream through its decoder ---- */

mm_status mm_av_decoding_open(mm_av_decoding *d, const mm_av_input *in, int stream, mm_fault *f)
{
    const AVStream *st = in->fmt->streams[stream];
    d->frame = av_frame_alloc();
    if (!d->frame)
        return mm_fault_memory(f);
    mm_status s = mm_av_decoder(&d->codec, st->codecpar->codec_id, st->codecpar, &in->limits, f);
    if (s == MM_OK)
        d->codec->pkt_timebase = st->time_base; /* gapless trimming needs it */
    return s;
}

void mm_av_decoding_close(mm_av_decoding *d)
{
    avcodec_free_context(&d->codec);
    av_frame_free(&d->frame);
}

mm_status mm_av_decode(mm_av_decoding *d, AVPacket *pkt, mm_status (*on_frame)(void *ctx, mm_fault *f), void *ctx,
                       mm_fault *f)
{
    d->packets += pkt != NULL;
    if (pkt && d->no_side_data)
        av_packet_free_side_data(pkt);
    int rc = avcodec_send_packet(d->codec, pkt);
    d->damaged = rc < 0;
    if (rc == AVERROR(ENOMEM))
        return mm_fault_memory(f);
    while ((rc = avcodec_receive_frame(d->codec, d->frame)) >= 0) {
        mm_status st = on_frame(ctx, f);
        av_frame_unref(d->frame);
        if (st != MM_OK)
            return st;
    }
    if (rc == AVERROR(ENOMEM))
        return mm_fault_memory(f);
    d->bad += d->damaged || (rc != AVERROR(EAGAIN) && rc != AVERROR_EOF);
    return MM_OK;
}

/* ---- what the container declares ---- */

double mm_av_declared(const mm_av_input *in, int stream)
{
    const AVStream *st = in->fmt->streams[stream];
    bool declared = in->fmt->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
    return declared && st->duration != AV_NOPTS_VALUE && st->duration > 0 ? (double)st->duration * av_q2d(st->time_base)
                                                                          : 0;
}

mm_status mm_av_complete(const mm_av_input *in, mm_fault *f)
{
    const AVFormatContext *fmt = in->fmt;
    int64_t rest = in->raw ? in->bytes.size % ((int64_t)in->raw->bytes * in->raw->channels) : 0;
    if (rest)
        return mm_fault_set(f, "truncated", "the last %lld %s not a whole sample of %d channels", (long long)rest,
                            rest == 1 ? "byte is" : "bytes are", in->raw->channels);
    if (!strcmp(fmt->iformat->name, "ogg") && !mm_ogg_ends(&in->bytes))
        return mm_fault_set(f, "truncated", "the Ogg file ends before its last page");
    bool declared = fmt->duration_estimation_method == AVFMT_DURATION_FROM_STREAM && fmt->duration > 0 && in->end > 0;
    double want = (double)fmt->duration / AV_TIME_BASE;
    double have = in->end - (fmt->start_time != AV_NOPTS_VALUE ? (double)fmt->start_time / AV_TIME_BASE : 0);
    if (declared && have < want * 0.98 - 0.25)
        return mm_fault_set(f, "truncated", "the file ends after %.2f of %.2f s", have, want);
    if (mm_declared_size(&in->bytes) > in->bytes.size)
        return cut_short(in, f);
    int64_t another = mm_appended_at(&in->bytes, in->packets_end);
    return another < 0 ? MM_OK
                       : mm_fault_set(f, "unsupported",
                                      "another file was appended at byte %lld, which is not read: split it there",
                                      (long long)another);
}
