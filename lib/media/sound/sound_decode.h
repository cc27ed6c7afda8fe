/* sound_decode.h: the sound of an audio or video file becomes records. */
#ifndef MM_MEDIA_SOUND_SOUND_DECODE_H
#define MM_MEDIA_SOUND_SOUND_DECODE_H

#include "media/record_sink.h"

/* *found false: the file has no sound, and nothing is put. MM_SKIP with f set after what could be decoded. */
mm_status mm_sound_decode(mm_sink *s, bool *found, mm_fault *f);

#endif
