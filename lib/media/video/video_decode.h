/* video_decode.h: the frames of a video become image records. */
#ifndef MM_MEDIA_VIDEO_VIDEO_DECODE_H
#define MM_MEDIA_VIDEO_VIDEO_DECODE_H

#include "media/record_sink.h"

/* *found false: the file has no moving picture, and nothing is put. MM_SKIP with f set after what could be decoded. */
mm_status mm_video_decode(mm_sink *s, bool *found, mm_fault *f);

#endif
