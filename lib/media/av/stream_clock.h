/* stream_clock.h: one clock for all streams of a file, even where segments were joined whose time stamps restart or
 * leap.
 *
 * Streams pass such a place one by one: the first places the new segment after everything before it, and the others
 * follow. So what was shown and heard together stays together. */
#ifndef MM_MEDIA_AV_STREAM_CLOCK_H
#define MM_MEDIA_AV_STREAM_CLOCK_H

#include <libavformat/avformat.h>
#include <stdbool.h>

enum { MM_CLOCK_STREAMS = 256 };

/* Times in microseconds. */
typedef struct {
    bool begun;
    int64_t offset; /* from its time stamps to the clock */
    int64_t last;   /* time stamp of the last packet */
    int64_t next;   /* the time stamp expected next */
} mm_clock_stream;

typedef struct {
    mm_clock_stream of[MM_CLOCK_STREAMS];
    int64_t offset; /* of the newest segment */
    bool begun;
    int64_t now, end; /* on the clock: the start of the last packet, and the latest end of any */
} mm_clock;

/* Moves the time stamps of the next packet, of whatever stream, to the clock. */
void mm_clock_set(mm_clock *c, const AVFormatContext *fmt, AVPacket *pkt);

#endif
