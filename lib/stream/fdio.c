#include "stream/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

void mm_fd_widen(int fd)
{
#ifdef F_SETPIPE_SZ
    int now = fcntl(fd, F_GETPIPE_SZ); /* fails harmlessly when fd is not a pipe */
    if (now > 0 && now < PIPE_BYTES)
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
#else
    (void)fd;
#endif
}

/* After a failed call: waits if that helps; whether to try again. */
static bool again(int fd, short events)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

ssize_t mm_fd_read(int fd, void *p, size_t n)
{
    ssize_t got;
    do
        got = read(fd, p, n);
    while (got < 0 && again(fd, POLLIN));
    return got;
}

bool mm_fd_waits(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&p, 1, 0);
    while (ready < 0 && errno == EINTR);
    return ready == 0;
}

bool mm_fd_write2(int fd, const void *p, size_t n, const void *p2, size_t n2)
{
    struct iovec v[2] = {{(void *)p, n}, {(void *)p2, n2}};
    int i = 0;
    while (i < 2 && !v[i].iov_len)
        i++;
    while (i < 2) {
        ssize_t put = writev(fd, v + i, 2 - i);
        if (put < 0 && !again(fd, POLLOUT))
            return false;
        for (size_t left = put > 0 ? (size_t)put : 0; i < 2 && left >= v[i].iov_len; i++)
            left -= v[i].iov_len, put = (ssize_t)left;
        if (i < 2 && put > 0) {
            v[i].iov_base = (char *)v[i].iov_base + put;
            v[i].iov_len -= (size_t)put;
        }
    }
    return true;
}
