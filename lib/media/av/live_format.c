#include "media/av/live_format.h"

#include "base/bytes.h"

#include <libavutil/avstring.h>
#include <libavutil/mem.h>
#include <string.h>

enum { FIRST = 2048, MOST = 1 << 20 }; /* as av_probe_input_buffer has it */

/* Formats whose demuxers read from front to back and find what they would find in a file. Of MP4: is_in_front. Not
 * MPEG-PS: it announces no streams, and libav gives its pictures right times only after a look at the end. */
static const char FROM_FRONT_TO_BACK[] =
    "aac,ac3,aiff,amr,au,caf,dts,eac3,flac,flv,h264,hevc,ivf,m4v,matroska,webm,mp3,mpegts,mpegvideo,nut,obu,ogg,"
    "w64,wav,yuv4mpegpipe";

/* libav's guess by the first n bytes, behind which there is padding. */
static const AVInputFormat *guess(uint8_t *bytes, int64_t n, int *score)
{
    AVProbeData data = {.filename = "", .buf = bytes, .buf_size = (int)n};
    memset(bytes + n, 0, AVPROBE_PADDING_SIZE);
    return av_probe_input_format3(&data, 1, score);
}

/* As av_probe_input_buffer finds it in a file, with more and more bytes; a mark that leaves no doubt counts before. */
static const AVInputFormat *find(const mm_blob *b, uint8_t *bytes)
{
    enum { SURE = AVPROBE_SCORE_MAX - 1 };
    for (int64_t size = FIRST;;) {
        int score = 0;
        int64_t there = mm_blob_read(b, 0, bytes, MOST);
        bool full = there >= size;
        const AVInputFormat *found = guess(bytes, full ? size : there, &score);
        if (found && score >= (full ? AVPROBE_SCORE_RETRY + 1 : SURE))
            return found;
        if (full && size == MOST)
            return found;
        if (full)
            size *= 2;
        else if (mm_blob_look_ahead(b) <= there) /* the end */
            return found;
    }
}

const AVInputFormat *mm_live_format(const mm_blob *b)
{
    uint8_t *bytes = av_malloc(MOST + AVPROBE_PADDING_SIZE);
    const AVInputFormat *found = bytes ? find(b, bytes) : NULL;
    av_free(bytes);
    return found;
}

/* Whether an MP4 file has its index (or that of its fragments) in front of the media. */
static bool is_in_front(const mm_blob *b)
{
    enum { MOST_BOXES = 64 };
    uint8_t box[8];
    int64_t at = 0;
    for (int i = 0; i < MOST_BOXES && at < MOST; i++) {
        for (int64_t there = 0, more; mm_blob_read(b, at, box, sizeof box) < (int64_t)sizeof box; there = more)
            if ((more = mm_blob_look_ahead(b)) <= there)
                return false;
        if (!memcmp(box + 4, "moov", 4))
            return true;
        int64_t size = (int64_t)mm_uint(box, 4, true);
        if (size < 8 || !memcmp(box + 4, "mdat", 4))
            return false;
        at += size;
    }
    return false;
}

bool mm_av_can_follow(const mm_blob *b)
{
    const AVInputFormat *format = mm_live_format(b);
    if (!format)
        return false;
    if (av_match_list(format->name, "mov", ','))
        return is_in_front(b);
    return av_match_list(format->name, FROM_FRONT_TO_BACK, ',');
}
