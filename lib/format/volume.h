/* volume.h: files that are one volume of several, by their names. */
#ifndef MM_FORMAT_VOLUME_H
#define MM_FORMAT_VOLUME_H

#include "base/str.h"

/* Whether the name is that of one volume of several (x.7z.001, x.tar.gz.aa, x.part1.rar, x.z01): "; a volume of a set:
 * …" and what to do; else an empty text. */
bool mm_volume_advice(mm_str path, char *out, size_t size);

#endif
