/* rng.h: reproducible random numbers: SplitMix64 (Steele, Lea & Flood, "Fast Splittable Pseudorandom
 * Number Generators", OOPSLA 2014). Not for secrets. */
#ifndef MM_BASE_RNG_H
#define MM_BASE_RNG_H

#include <stdint.h>

typedef struct {
    uint64_t state; /* initially the seed */
} mm_rng;

static inline uint64_t mm_rng_next(mm_rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* [0, 1) */
static inline double mm_rng_uniform(mm_rng *r)
{
    return (double)(mm_rng_next(r) >> 11) * 0x1p-53;
}

/* 0 .. n-1, n ≥ 1, without the bias of a plain remainder */
static inline uint64_t mm_rng_below(mm_rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
    do
        x = mm_rng_next(r);
    while (x >= limit);
    return x % n;
}

#endif
