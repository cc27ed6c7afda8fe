/* ogg.h: what pages of an Ogg file (RFC 3533) say and libav does not pass on. */
#ifndef MM_MEDIA_AV_OGG_H
#define MM_MEDIA_AV_OGG_H

#include "source/blob.h"

/* Ogg declares no length, but its last page says that it is the last, and counts its own bytes. */
bool mm_ogg_ends(const mm_blob *b);
/* Samples of a Vorbis file whose sound is all on one page; −1: it is not. libav takes the position of that
 * page, which says where the sound ends, for what says where it begins. */
int64_t mm_ogg_short_vorbis(const mm_blob *b);

#endif
