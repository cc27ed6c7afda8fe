/* mpo.h: a JPEG with others after it, listed in an APP2 segment (CIPA DC-007). */
#ifndef MM_MEDIA_IMAGE_MPO_H
#define MM_MEDIA_IMAGE_MPO_H

#include "base/bytes.h"

enum { MM_MPO_MOST = 1000 };

/* The JPEGs of the file, the first of them `in` itself; how many. Those as large as the first count; smaller copies and
 * a phone's gain maps do not. */
size_t mm_mpo_views(mm_bytes view[MM_MPO_MOST], mm_bytes in);

#endif
