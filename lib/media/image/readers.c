/* readers.c: the table of the pictures that are read, from the rows of format/formats.def. */
#include "media/image/picture.h"

#define PICTURE(id, ...) extern const mm_picture_reader mm_reader_##id;
#include "format/formats.def"

const mm_picture_reader *mm_picture_reader_of(const mm_format *format)
{
    static const mm_picture_reader *const READERS[MM_PICTURES] = {
#define PICTURE(id, ...) [MM_PICTURE_##id] = &mm_reader_##id,
#include "format/formats.def"
    };
    return READERS[format->picture];
}
