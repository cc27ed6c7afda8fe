/* declared_size.h: where a container's own header says that it ends. libav takes the end of the file for it and says
 * nothing.
 */
#ifndef MM_MEDIA_AV_DECLARED_SIZE_H
#define MM_MEDIA_AV_DECLARED_SIZE_H

#include "source/blob.h"

/* How many bytes b had before it was cut, as its header tells: WAV (RIFF, RIFX, RF64, BW64), W64, AIFF, AU and CAF up
 * to the end of their samples, Matroska and MP4 up to their end. −1: it does not say, as what was written to a pipe, or
 * it is no such container. */
int64_t mm_promised_size(const mm_blob *b);

/* Where, soon after `from`, another file begins that was appended to this one: WAV, W64, AIFF, CAF, AU, Matroska, MP4
 * and FLV, of which libav reads the first. −1: none does. */
int64_t mm_appended(const mm_blob *b, int64_t from);

#endif
