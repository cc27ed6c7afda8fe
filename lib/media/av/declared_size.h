/* declared_size.h: where a container's own header says that it ends; libav silently takes the end of the file for it.
 */
#ifndef MM_MEDIA_AV_DECLARED_SIZE_H
#define MM_MEDIA_AV_DECLARED_SIZE_H

#include "media/av/av_bytes.h"

/* The size that b's header declares, which is larger than the file if that was truncated: of WAV (RIFF, RIFX, RF64,
 * BW64), W64, AIFF, AU and CAF up to the end of their samples, of Matroska and MP4 up to their end. −1: it declares
 * none (it was written to a pipe), or b is another container. */
int64_t mm_declared_size(const mm_av_bytes *b);

/* Where the samples of WAV (…), W64, AIFF and CAF begin, as far as the bytes that are there tell; −1: they do not. */
int64_t mm_samples_at(const mm_av_bytes *b);

/* Where, soon after `from`, another file begins that was appended to this one; libav reads only the first of WAV, W64,
 * AIFF, CAF, AU, Matroska, MP4 and FLV. −1: none does. */
int64_t mm_appended_at(const mm_av_bytes *b, int64_t from);

#endif
