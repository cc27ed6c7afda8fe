/* image_record.h: a picture becomes an image record: upright, of 8 bits or of its own depth, and prepared for a model.
 */
#ifndef MM_MEDIA_IMAGE_RECORD_H
#define MM_MEDIA_IMAGE_RECORD_H

#include "media/record_sink.h"

/* Turns p upright, flattens and prepares it, and puts its record; p is used up. `rec` has part and time. MM_SKIP
 * with f set when it cannot be prepared. */
mm_status mm_sink_picture(mm_sink *s, mm_picture *p, mm_record *rec, mm_fault *f);

#endif
