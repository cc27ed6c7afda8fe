/* bench_pipe: the throughput of a pipe of 1 MiB, without any parsing.
 *
 *     build/bench/bench_pipe FILE | build/bench/bench_pipe
 *
 * With FILE its bytes go to standard output, 1 MiB a write; without, standard input is read likewise and dropped.
 * Either end widens the pipe that it holds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static int write_all(const char *bytes, ssize_t n)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, (size_t)n);
        if (done < 0)
            return -1;
        bytes += done;
        n -= done;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const int in = argc > 1 ? open(argv[1], O_RDONLY) : STDIN_FILENO;
    char *bytes = malloc(MIB);
    ssize_t n = -1;
    if (in >= 0 && bytes) {
        (void)fcntl(argc > 1 ? STDOUT_FILENO : in, F_SETPIPE_SZ, MIB);
        while ((n = read(in, bytes, MIB)) > 0)
            if (argc > 1 && write_all(bytes, n) < 0)
                break;
    }
    free(bytes);
    if (n)
        perror("bench_pipe");
    return n != 0;
}
