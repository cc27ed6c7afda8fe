/* track.h: one stream of a container on its way to records, packet by packet, so that sound and pictures can be decoded
 * side by side in one pass. */
#ifndef MM_MEDIA_AV_TRACK_H
#define MM_MEDIA_AV_TRACK_H

#include "media/av/libav.h"

typedef struct mm_track mm_track;

struct mm_track {
    const char *what; /* "sound", "video" */
    int stream;
    mm_av_decoding d;
    /* on_frame of mm_av_decode, with the track as ctx: takes d.frame. */
    mm_status (*frame)(void *track, mm_fault *f);
    /* After the last frame: checks, when st is MM_OK, that nothing is missing, and puts what is still held back even
     * when f says that something is. Returns st, or how this went. */
    mm_status (*end)(mm_track *t, mm_status st, mm_fault *f);
    void (*free)(mm_track *t);
};

#endif
