/* sound_decode.h: the sound of an audio or video file becomes records. */
#ifndef MM_MEDIA_SOUND_SOUND_DECODE_H
#define MM_MEDIA_SOUND_SOUND_DECODE_H

#include "media/av/track.h"
#include "media/record_sink.h"

/* The sound track that is to be read; *t NULL: the file has no sound. MM_SKIP with f set: it cannot be read. The caller
 * frees *t in any case; `in` and `s` must outlive it. */
mm_status mm_sound_open(mm_track **t, mm_sink *s, mm_av_input *in, mm_fault *f);

#endif
