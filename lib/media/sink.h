/* sink.h: where the decoders of one input put what they make. */
#ifndef MM_MEDIA_SINK_H
#define MM_MEDIA_SINK_H

#include "base/fault.h"
#include "decode/decode.h"
#include "media/image/picture.h"

typedef struct {
    const mm_blob *b;
    const mm_decode_opts *o;
    mm_arena *a; /* reset after every record */
    mm_emit emit;
    void *ctx;
    int64_t emitted;
    mm_err *e; /* of what stops everything: the receiver's failure */
} mm_sink;

/* A record with the key and src of this input. */
mm_record mm_sink_record(const mm_sink *s, mm_kind kind);
/* Hands rec on and resets the arena. MM_FATAL: stop. */
mm_status mm_sink_put(mm_sink *s, const mm_record *rec);
/* The error record for f. */
mm_status mm_sink_fault(mm_sink *s, const mm_fault *f);
/* The same with the key, part and time of rec, whose strings are in the sink's arena or outlive it. */
mm_status mm_sink_fault_of(mm_sink *s, mm_record *rec, const mm_fault *f);

/* Adds n to the field of o->notes that lies at offset `what`. */
void mm_sink_note(const mm_sink *s, size_t what, int64_t n);

/* Makes p upright, flattens and prepares it, and hands on its image record. p is used up. `rec` carries part and
 * time. MM_SKIP with f set when it cannot be prepared. */
mm_status mm_sink_picture(mm_sink *s, mm_picture *p, mm_record *rec, mm_fault *f);

mm_picture_limits mm_sink_limits(const mm_sink *s);
double mm_sink_max_duration(const mm_sink *s);

/* The sound of an audio or video file; nothing when it has none (*found false). */
mm_status mm_sound_decode(mm_sink *s, bool *found, mm_fault *f);
/* The frames of a video; nothing when there is no moving picture. */
mm_status mm_video_decode(mm_sink *s, bool *found, mm_fault *f);

#endif
