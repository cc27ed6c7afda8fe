/* video_decode.h: the frames of a video become image records. */
#ifndef MM_MEDIA_VIDEO_VIDEO_DECODE_H
#define MM_MEDIA_VIDEO_VIDEO_DECODE_H

#include "media/av/track.h"
#include "media/record_sink.h"

/* The moving picture; *t NULL: the file has none. MM_SKIP with f set: it cannot be read. The caller frees *t in any
 * case; `in` and `s` must outlive it. */
mm_status mm_video_open(mm_track **t, mm_sink *s, mm_av_input *in, mm_fault *f);

#endif
