/* readers.h: pictures by their format, a row of format/formats.def that has an id. */
#ifndef MM_MEDIA_IMAGE_READERS_H
#define MM_MEDIA_IMAGE_READERS_H

#include "format/formats.h"
#include "media/image/picture.h"

/* The reader of such a format; never NULL. */
const mm_picture_reader *mm_picture_reader_of(const mm_format *format);

#endif
