/* live_input.h: what a demuxer is given of a live input, and how little of it is enough to begin. Inside lib/media/av.
 */
#ifndef MM_MEDIA_AV_LIVE_INPUT_H
#define MM_MEDIA_AV_LIVE_INPUT_H

#include "media/av/libav.h"

/* Callbacks of an AVIOContext whose opaque is an mm_av_input: reads what comes next; a live input has no place but
 * that, and a size of zero: for some demuxers an error is a size. */
int mm_av_follow(void *ctx, uint8_t *out, int n);
int64_t mm_av_stay(void *ctx, int64_t off, int whence);

/* A live input whose header tells what is in it is opened after a fraction of a second of it: what only an average over
 * many frames would tell is left open. A transport stream tells the codecs only in its packets, so libav's own limits
 * (seconds) hold there; it ends when all that was announced is known. In a fragment of MP4 the first sound lies behind
 * all of the pictures. */
void mm_av_hurry(AVFormatContext *fmt, const AVInputFormat *format);
/* Whether nothing is left to be found out from the samples of a live input. */
bool mm_av_is_told_by_header(const mm_av_input *in);
/* mm_av_input.unit: only of formats whose demuxers do not mind a short packet. */
int mm_av_unit(const mm_av_input *in);

#endif
