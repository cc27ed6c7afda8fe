/* rate.h: how fast a device multiplies, as a figure to compare machines by. */
#ifndef MM_BACKEND_RATE_H
#define MM_BACKEND_RATE_H

#include "backend/backend.h"

/* Floating-point operations a second, in 1e9, of a linear layer of 512 rows, 1024 inputs and 1024 outputs; measured for
 * some tenths of a second. */
mm_status mm_dev_rate(double *gflops, mm_dev *d, mm_err *e);

#endif
