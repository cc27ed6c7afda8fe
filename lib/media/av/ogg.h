/* ogg.h: what the pages of an Ogg file (RFC 3533) say and libav does not tell. */
#ifndef MM_MEDIA_AV_OGG_H
#define MM_MEDIA_AV_OGG_H

#include "media/av/av_bytes.h"

/* Whether the file is complete: Ogg declares no length, but its last page is marked and counts its own bytes. */
bool mm_ogg_ends(const mm_av_bytes *b);
/* The samples of a Vorbis file whose sound is all on one page; −1: it is not. libav mistakes the position of that page,
 * which is where the sound ends, for its beginning. */
int64_t mm_ogg_short_vorbis(const mm_av_bytes *b);

#endif
