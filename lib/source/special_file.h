/* special_file.h: operands that are neither files nor directories: FIFOs, devices, sockets. */
#ifndef MM_SOURCE_SPECIAL_FILE_H
#define MM_SOURCE_SPECIAL_FILE_H

#include <sys/stat.h>

/* Opens the one at path, of which stat(2) said *st, for reading; waits for the writer of a FIFO. A Unix socket is
 * connected to, unless it is one that this process has open, as /dev/stdin may be. A descriptor, or −1 with errno. */
int mm_open_special(const char *path, const struct stat *st);

#endif
