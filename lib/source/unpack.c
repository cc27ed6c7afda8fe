#include "source/unpack.h"

#include "source/unpack_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* CPU time for one answer, 128 KiB of data or one header; not wall-clock time: a pipe may be slow, a machine busy. */
enum { PATIENCE_S = 20, LOOK_MS = 1000 };

struct mm_unpack {
    int fd;
    pid_t child;
    mm_answer last;
    char text[MM_UNPACK_TEXT + 1], link[MM_UNPACK_TEXT + 1];
};

/* ---- the child ---- */

/* An archive that needs more memory than any should ends the child, not the machine. (The address sanitizer maps
 * terabytes.) */
static void limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    const rlim_t more = (rlim_t)2 << 30; /* the largest windows of 7z and rar are 1 GiB and less */
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return;
    if (fscanf(f, "%ld", &pages) == 1) {
        rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
        setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
    }
    fclose(f);
#endif
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static void run_child(int fd, const mm_blob *b, mm_str head, bool packed)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGSEGV, SIGABRT, SIGBUS, SIGFPE};
    sigset_t none;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    limit_memory();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC); /* libarchive prints when memory is out, then exits */
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    mm_unpack_serve(fd, b, head, packed);
    _exit(0);
}

/* ---- the parent ---- */

static void reap(mm_unpack *u, int *status)
{
    *status = 0;
    while (u->child > 0 && waitpid(u->child, status, 0) < 0 && errno == EINTR)
        ;
    u->child = 0;
}

/* The child has ended, or was silent for too long. */
static mm_status lost(mm_unpack *u, bool silent, const char **code, mm_err *e)
{
    int status;
    if (silent)
        kill(u->child, SIGKILL);
    reap(u, &status);
    u->last.flags |= MM_WIRE_DEAD;
    *code = "archive";
    if (silent)
        return mm_fail(e, MM_SKIP, "the archive keeps its reader busy without end: reading was stopped");
    if (WIFSIGNALED(status))
        return mm_fail(e, MM_SKIP, "the archive makes its reader crash (signal %d): it is damaged", WTERMSIG(status));
    return mm_fail(e, MM_SKIP, "the archive makes its reader give up: it is damaged, or needs too much memory");
}

/* The child is not trusted: at most `most` bytes may follow. */
static bool is_sound(const mm_answer *a, size_t most)
{
    return (a->status == MM_OK || a->status == MM_EOF || a->status == MM_SKIP) && a->why < MM_WHYS &&
           a->bytes <= most && a->link <= MM_UNPACK_TEXT;
}

/* CPU seconds that the child has used. */
static double spent(const mm_unpack *u)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(u->child, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Waits until the child answers or ends; false when it works on without end. */
static bool await(const mm_unpack *u)
{
    struct pollfd p = {u->fd, POLLIN, 0};
    double before = -1;
    for (;;) {
        int r = poll(&p, 1, LOOK_MS);
        if (r > 0 || (r < 0 && errno != EINTR))
            return true;
        if (before < 0) /* not before the wait: most answers come at once */
            before = spent(u);
        if (spent(u) - before > PATIENCE_S)
            return false;
    }
}

/* The child's answer, its name or text in u->text; data, when `most` is given, in out. */
static mm_status take_answer(mm_unpack *u, void *out, size_t most, const char **code, mm_err *e)
{
    static const char *const codes[MM_WHYS] = {"archive", "truncated", "encrypted", "unsupported"};
    if (!await(u))
        return lost(u, true, code, e);
    mm_answer answer;
    if (!mm_wire_take(u->fd, &answer, sizeof answer))
        return lost(u, false, code, e);
    bool data = answer.status == MM_OK && out;
    if (!is_sound(&answer, data ? most : MM_UNPACK_TEXT) || !mm_wire_take(u->fd, data ? out : u->text, answer.bytes) ||
        !mm_wire_take(u->fd, u->link, answer.link))
        return lost(u, false, code, e);
    u->last = answer;
    if (!data)
        u->text[answer.bytes] = 0;
    if (u->last.status == MM_SKIP) {
        *code = codes[u->last.why];
        return mm_fail(e, MM_SKIP, "%s", u->text);
    }
    return (mm_status)u->last.status;
}

mm_status mm_unpack_open(mm_unpack **out, const mm_blob *b, mm_str head, bool packed, const char **code, mm_err *e)
{
    int pair[2];
    mm_unpack *u = *out = calloc(1, sizeof *u);
    if (!u)
        return mm_fail_memory(e);
    *code = "archive";
    u->fd = -1;
    mm_status s = MM_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        s = mm_fail(e, MM_SKIP, "no process to read the archive: %s", strerror(errno));
    if (s == MM_OK) {
        u->fd = pair[0];
        u->child = fork();
        if (u->child == 0) {
            close(pair[0]);
            run_child(pair[1], b, head, packed);
        }
        close(pair[1]);
        s = u->child < 0 ? mm_fail(e, MM_SKIP, "no process to read the archive: %s", strerror(errno))
                         : take_answer(u, NULL, 0, code, e);
    }
    if (s != MM_OK) {
        mm_unpack_close(u);
        *out = NULL;
    }
    return s;
}

void mm_unpack_close(mm_unpack *u)
{
    int status;
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    if (u->child > 0)
        kill(u->child, SIGKILL); /* it may be skipping gigabytes */
    reap(u, &status);
    free(u);
}

mm_status mm_unpack_next(mm_unpack *u, mm_unpack_entry *x, const char **code, mm_err *e)
{
    const mm_ask ask = MM_ASK_NEXT;
    if (mm_unpack_dead(u))
        return MM_EOF;
    if (!mm_wire_send(u->fd, &ask, sizeof ask))
        return lost(u, false, code, e);
    mm_status s = take_answer(u, NULL, 0, code, e);
    const uint32_t flags = u->last.flags;
    *x = (mm_unpack_entry){
        .name = {u->text, s == MM_OK ? u->last.bytes : 0},
        .link = {u->link, s == MM_OK ? u->last.link : 0},
        .size = flags & MM_WIRE_SIZED && u->last.size >= 0 ? u->last.size : -1,
        .directory = flags & MM_WIRE_DIRECTORY,
        .regular = flags & MM_WIRE_REGULAR,
        .symlink = flags & MM_WIRE_SYMLINK,
        .hardlink = flags & MM_WIRE_HARDLINK,
        .encrypted = flags & MM_WIRE_ENCRYPTED,
        .shared = flags & MM_WIRE_SHARED,
    };
    return s;
}

int64_t mm_unpack_data(mm_unpack *u, void *out, size_t n, const char **code, mm_err *e)
{
    const mm_ask ask = MM_ASK_DATA;
    if (mm_unpack_dead(u))
        return 0;
    if (n < MM_UNPACK_CHUNK)
        return mm_fail(e, MM_SKIP, "a buffer too small for a chunk"), -1;
    if (!mm_wire_send(u->fd, &ask, sizeof ask))
        return lost(u, false, code, e), -1;
    mm_status s = take_answer(u, out, n, code, e);
    return s == MM_OK ? (int64_t)u->last.bytes : s == MM_EOF ? 0 : -1;
}

bool mm_unpack_has_all(const mm_unpack *u)
{
    return u->last.flags & MM_WIRE_LAST;
}

bool mm_unpack_dead(const mm_unpack *u)
{
    return u->last.flags & MM_WIRE_DEAD;
}

bool mm_unpack_is_raw(const mm_unpack *u)
{
    return u->last.flags & MM_WIRE_RAW;
}

bool mm_unpack_skips_free(const mm_unpack *u)
{
    return u->last.flags & MM_WIRE_SKIPS_FREE;
}

int64_t mm_unpack_taken(const mm_unpack *u)
{
    return u->last.taken;
}
