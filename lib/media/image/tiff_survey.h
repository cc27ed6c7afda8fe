/* tiff_survey.h: which directories of a TIFF are pages, and whether it is a camera's RAW file. */
#ifndef MM_MEDIA_IMAGE_TIFF_SURVEY_H
#define MM_MEDIA_IMAGE_TIFF_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tiffio.h>

typedef struct {
    int64_t pages;               /* directories that are not a smaller copy or a mask of another */
    tdir_t first;                /* the first of them */
    uint64_t below;              /* the first such directory below another; 0: none */
    size_t stack_at, stack_page; /* start and size of pages without directories; 0: none */
    bool raw;
    bool broken; /* the chain of directories is cut */
} mm_tiff_survey;

/* Visits all directories of a file of so many bytes. Afterwards the first page is the current directory, or what comes
 * nearest to one. complaint: the buffer that receives libtiff's first complaint. */
void mm_tiff_survey_take(mm_tiff_survey *s, TIFF *t, size_t bytes, const char *complaint);
/* Is the current directory a page, not a smaller copy or a mask of another? */
bool mm_tiff_is_page(TIFF *t);

#endif
