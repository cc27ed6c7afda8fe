/* stream_clock.h: one clock for all streams of a file, also where segments were joined whose time stamps begin again or
 * leap.
 *
 * Streams pass such a place one by one: the first that does lays the new segment after all that came before, the others
 * follow it there. So what was shown and heard together stays together. */
#ifndef MM_MEDIA_AV_STREAM_CLOCK_H
#define MM_MEDIA_AV_STREAM_CLOCK_H

#include <libavformat/avformat.h>
#include <stdbool.h>

enum { MM_CLOCK_STREAMS = 256 };

/* Times in microseconds. */
typedef struct {
    bool begun;
    int64_t offset; /* from its time stamps to the clock */
    int64_t last;   /* time stamp of the packet before */
    int64_t next;   /* … that the next one should have */
} mm_clock_stream;

typedef struct {
    mm_clock_stream of[MM_CLOCK_STREAMS];
    int64_t offset; /* of the newest segment */
    bool begun;
    int64_t now, end; /* on the clock: where the last packet begins; where the latest ends */
} mm_clock;

/* Puts the time stamps of the next packet, whatever stream it belongs to, on the clock. */
void mm_clock_set(mm_clock *c, const AVFormatContext *fmt, AVPacket *pkt);

#endif
