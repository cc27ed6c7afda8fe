/* weight_parts.h: how weights lie in a model's file, for the devices that bring them into layouts of their own. */
#ifndef MM_BACKEND_WEIGHT_PARTS_H
#define MM_BACKEND_WEIGHT_PARTS_H

#include "tensor/tensor.h"

/* Outputs of a linear layer's matrix [N, K], or [K, N] when `transposed`. */
static inline int64_t mm_part_outputs(const mm_tensor *w, bool transposed)
{
    return w->s.dim[transposed ? 1 : 0];
}

/* The part, of several that are used as one matrix, that holds output *n, which becomes the output's place within it.
 */
static inline const mm_tensor *mm_part_of(const mm_tensor *w, int parts, bool transposed, int64_t *n)
{
    int i = 0;
    for (int64_t have; i + 1 < parts && *n >= (have = mm_part_outputs(&w[i], transposed)); i++)
        *n -= have;
    return &w[i];
}

/* One output's weights of a convolution [channels, k1 .. kr] as [k1 .. kr, channels]: channels last, as the rows of
 * activations that they will meet. */
static inline void mm_channels_last(float *dst, const float *src, int64_t channels, int64_t taps)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t t = 0; t < taps; t++)
            dst[t * channels + c] = src[c * taps + t];
}

#endif
