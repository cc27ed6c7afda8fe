/* sound_track.h: which of a file's sound tracks is read. */
#ifndef MM_MEDIA_SOUND_SOUND_TRACK_H
#define MM_MEDIA_SOUND_SOUND_TRACK_H

#include "base/fault.h"

#include <libavformat/avformat.h>
#include <stdbool.h>

typedef struct {
    int stream;            /* of libav; −1: there is no sound */
    int64_t number, count; /* which one of how many; number from 1 */
    const char *language;  /* NULL: unknown */
} mm_sound_track;

/* wanted: a number (from 1) or a language; NULL: the track that libav takes for the best. Tracks of unknown rate count
 * only if `unready`: their frames will tell. MM_SKIP: there is sound, but no such track. */
mm_status mm_sound_track_choose(mm_sound_track *t, AVFormatContext *fmt, bool unready, const char *wanted, mm_fault *f);

#endif
