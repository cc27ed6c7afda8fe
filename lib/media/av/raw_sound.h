/* raw_sound.h: samples without a header, about which only the user knows. */
#ifndef MM_MEDIA_AV_RAW_SOUND_H
#define MM_MEDIA_AV_RAW_SOUND_H

#include "base/status.h"

typedef struct {
    const char *format; /* FFmpeg's name of it: "s16le" … */
    int bytes;          /* of a sample */
    int rate, channels;
} mm_raw_sound;

/* "s16le,16000" or "mulaw,8000,2". Formats have the names that FFmpeg, SoX and ALSA give them: s16le, s16 and S16_LE
 * are one. MM_SKIP with a message that does not name the option. */
mm_status mm_raw_sound_parse(mm_raw_sound *r, const char *text, mm_err *e);

#endif
