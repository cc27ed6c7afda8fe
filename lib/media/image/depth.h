/* depth.h: pictures whose samples are deeper than 8 bits, and how they become 8-bit ones. Needs no codec library.
 *
 * A 16-bit sample goes from 0, black, to 65535, white; its high byte is the 8-bit sample, as Pillow has it for colours.
 * No file says what a float or a 32-bit sample means: when all lie from 0 to 1, 1 is white; otherwise the caller has to
 * give a range. */
#ifndef MM_MEDIA_IMAGE_DEPTH_H
#define MM_MEDIA_IMAGE_DEPTH_H

#include "base/arena.h"
#include "tensor/tensor.h"

/* Which samples are black and which are white. */
typedef struct {
    bool each; /* each picture's own minimum and maximum */
    double black, white;
} mm_range;

/* "0,4095" or "auto". */
mm_status mm_range_parse(mm_range *r, const char *text, mm_err *e);

/* The samples of `in`, u16 or f32, as out[n] of u8. MM_SKIP: f32 outside 0 to 1, NaN or infinite. */
mm_status mm_depth_to_8(uint8_t *out, const mm_tensor *in, mm_err *e);
/* … as out[n] of u16, from r's black to its white, clamped. */
mm_status mm_depth_to_16(uint16_t *out, const mm_tensor *in, const mm_range *r, mm_err *e);
/* u16, not all 0, and every sample below a sixteenth of the range: perhaps 12 bits in 16. */
bool mm_depth_is_dim(const mm_tensor *in);
/* Is every sample finite? MM_SKIP names the first that is not; u8 and u16 always are. */
mm_status mm_depth_check(const mm_tensor *in, mm_err *e);

#endif
