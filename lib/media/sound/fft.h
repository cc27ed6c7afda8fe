/* fft.h: the power spectrum of a real signal. */
#ifndef MM_MEDIA_SOUND_FFT_H
#define MM_MEDIA_SOUND_FFT_H

#include "base/arena.h"
#include "base/status.h"

#include <complex.h>

enum { MM_FFT_MAX_FACTORS = 32 };

/* A plan: immutable, usable from any number of threads. */
typedef struct {
    int n;       /* real samples, even */
    int factors; /* of n/2 */
    int factor[MM_FFT_MAX_FACTORS];
    const double complex *turn; /* [n] exp(−2πi k/n) */
} mm_fft;

/* MM_SKIP unless n is even, at most 65536, and a product of twos, threes and fives. */
mm_status mm_fft_plan(mm_fft *f, int n, mm_arena *a, mm_err *e);

/* power[k] = |Σ x[j] exp(−2πi jk/n)|² for k = 0 .. n/2. scratch: n complex numbers, one per thread. x: [n]. */
void mm_fft_power(const mm_fft *f, const double *x, double *power, double complex *scratch);

#endif
