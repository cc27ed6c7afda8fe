/* tracks.h: one pass over a container: its moving picture, its sound, or both side by side, become records. */
#ifndef MM_DECODE_TRACKS_H
#define MM_DECODE_TRACKS_H

#include "media/record_sink.h"

/* The kind of samples that b is read as: those of o->raw when neither its name nor a mark in its bytes tells another
 * format; NULL: a container. */
const mm_raw_sound *mm_raw_sound_of(const mm_blob *b, const mm_decode_opts *o);

/* One pass. *found: how many of those that are wanted the container has. MM_SKIP with f set after what could be
 * decoded; of several faults the first, pictures before sound. */
mm_status mm_decode_tracks(mm_sink *s, bool image, bool audio, int *found, mm_fault *f);

#endif
