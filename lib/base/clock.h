/* clock.h: monotonic time in seconds, for measurements. */
#ifndef MM_BASE_CLOCK_H
#define MM_BASE_CLOCK_H

#include <time.h>

static inline double mm_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
