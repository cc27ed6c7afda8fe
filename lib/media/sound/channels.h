/* channels.h: which channels of a sound are wanted, as --channel names them. */
#ifndef MM_MEDIA_SOUND_CHANNELS_H
#define MM_MEDIA_SOUND_CHANNELS_H

#include "base/status.h"
#include "base/str.h"

enum { MM_MAX_CHANNELS = 32 };

typedef struct {
    int index; /* from 0 */
    mm_str of; /* what it stands for in joins; p NULL: what --of says */
} mm_channel;

/* "2", "left", "1=agent,2=customer" (names are needed where there are several). The names point into spec. */
mm_status mm_channels_parse(mm_channel out[MM_MAX_CHANNELS], int *n, const char *spec, mm_err *e);

#endif
