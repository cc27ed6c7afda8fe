/* live_format.h: what a live blob holds, told by no more bytes than are needed. */
#ifndef MM_MEDIA_AV_LIVE_FORMAT_H
#define MM_MEDIA_AV_LIVE_FORMAT_H

#include "source/blob.h"

#include <libavformat/avformat.h>

/* NULL: none that is known. Takes no bytes. */
const AVInputFormat *mm_live_format(const mm_blob *b);
/* Whether b can be decoded as it comes, as what programs write to pipes can: nothing that is needed in front lies at
 * the end. Takes no bytes. */
bool mm_av_can_follow(const mm_blob *b);

#endif
