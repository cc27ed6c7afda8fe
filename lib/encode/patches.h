/* patches.h: from an image to the first hidden state of a vision transformer (Dosovitskiy et al. 2021):
 * patches projected by a convolution of their own size, leading tokens, position embeddings for any image size. */
#ifndef MM_ENCODE_PATCHES_H
#define MM_ENCODE_PATCHES_H

#include "encode/forward.h"

enum { MM_MAX_PREFIX = 3 };

/* Names in the file, after mm_params' prefix. */
typedef struct {
    const char *conv; /* [W,3,patch,patch], without ".weight" */
    mm_bias conv_bias;
    const char *position;             /* [.., with_position + side², W] */
    const char *token[MM_MAX_PREFIX]; /* leading tokens: CLS …; each [.., k, W], NULL ends the list */
    int64_t with_position;            /* the number of leading rows with a position embedding */
    bool antialias;                   /* of resampled positions, as in transformers for this architecture */
} mm_patches_names;

typedef struct mm_position_cache mm_position_cache;

typedef struct {
    mm_weight *conv;
    int64_t patch, width;
    int64_t side;   /* positions in the file: side × side */
    int64_t prefix; /* leading rows */
    bool antialias;
    const float *tokens;      /* [prefix, W], positions added */
    const float *positions;   /* [side, side, W] */
    mm_position_cache *cache; /* computed for other sizes */
} mm_patches;

void mm_patches_load(mm_patches *e, mm_params *p, const mm_patches_names *n, int64_t patch, int64_t width);
void mm_patches_free(mm_patches *e, mm_dev *d);

/* For mm_arch.check: whether it is an image of at least one patch. *rows: hidden rows, *floats: workspace besides x. */
mm_status mm_patches_check(const mm_patches *e, const mm_input *in, int64_t *rows, int64_t *floats, mm_err *err);

/* Fills f->cu and f->grid from f->in. */
void mm_patches_layout(const mm_patches *e, mm_forward *f);
/* Writes the first hidden state to x [cu[n], W]; takes as much workspace as mm_patches_check counted. */
mm_status mm_patches_embed(mm_patches *e, mm_dev *d, mm_workspace *work, mm_mat x, mm_forward *f, mm_err *err);

/* Resamples a [in_rows, in_cols, width] grid as torch.nn.functional.interpolate(mode="bicubic", align_corners=False)
 * does: Keys' cubic with a = −0.75 and clamped borders, or with `antialias` a = −0.5, widened when shrinking and
 * normalised at the borders. *out [rows, cols, width] from the arena. */
mm_status mm_bicubic(float **out, const float *in, int64_t in_rows, int64_t in_cols, int64_t rows, int64_t cols,
                     int64_t width, bool antialias, mm_arena *a, mm_err *err);

#endif
