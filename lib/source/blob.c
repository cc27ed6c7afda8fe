#include "source/blob.h"

#include "stream/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPOOL_MEMORY = 64 << 20 };

typedef struct {
    mm_blob blob; /* first: callers hold a pointer to it */
    mm_arena strings;
    uint8_t *owned;
} box;

mm_blob *mm_blob_new(void)
{
    box *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->blob.fd = -1;
    x->blob.code = "";
    return &x->blob;
}

mm_arena *mm_blob_arena(mm_blob *b)
{
    return &((box *)b)->strings;
}

struct mm_live_pipe {
    int fd;
    int64_t max_bytes;
    mm_buf head;  /* kept: it can be read again */
    size_t taken; /* of head */
};

static void end_live(mm_blob *b)
{
    if (!b->live)
        return;
    if (b->live->fd >= 0)
        close(b->live->fd);
    mm_buf_free(&b->live->head);
    free(b->live);
    b->live = NULL;
}

void mm_blob_free(mm_blob *b)
{
    if (!b)
        return;
    box *x = (box *)b;
    end_live(b);
    if (b->fd >= 0)
        close(b->fd);
    free(x->owned);
    mm_arena_free(&x->strings);
    free(x);
}

void mm_blob_fail_hint(mm_blob *b, mm_hint hint, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    b->status = mm_fail_list(&b->err, MM_SKIP, hint, fmt, ap);
    va_end(ap);
    b->code = code;
}

void mm_blob_open_file(mm_blob *b, const char *path)
{
    struct stat st;
    /* non-blocking: since the walk the file may have become a FIFO */
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (b->fd < 0)
        mm_blob_fail(b, "open", "%s", strerror(errno));
    else if (fstat(b->fd, &st) != 0 || !S_ISREG(st.st_mode))
        mm_blob_fail(b, "open", "not a regular file");
    else
        b->size = st.st_size;
}

void mm_blob_open_kept(mm_blob *b)
{
    b->kept = false;
    mm_blob_open_file(b, b->file);
}

/* As many of n bytes as there are, from offset `off`, or from the descriptor's position when off < 0; −1: errno. */
static int64_t read_all(int fd, int64_t off, void *out, int64_t n)
{
    int64_t got = 0;
    while (got < n) {
        char *to = (char *)out + got;
        ssize_t k = off < 0 ? mm_fd_read(fd, to, (size_t)(n - got)) : pread(fd, to, (size_t)(n - got), off + got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += k;
    }
    return got;
}

/* Up to n bytes from offset `off` of the `size` at `from`. */
static int64_t copy_out(const uint8_t *from, int64_t size, int64_t off, void *out, int64_t n)
{
    if (off >= size)
        return 0;
    int64_t k = size - off < n ? size - off : n;
    memcpy(out, from + off, (size_t)k);
    return k;
}

int64_t mm_blob_read(const mm_blob *b, int64_t off, void *out, int64_t n)
{
    if (off < 0 || n <= 0)
        return 0;
    if (b->live)
        return copy_out(b->live->head.p, (int64_t)b->live->head.n, off, out, n);
    if (!b->bytes)
        return b->fd < 0 ? 0 : read_all(b->fd, off, out, n);
    return copy_out(b->bytes, b->size, off, out, n);
}

mm_status mm_blob_load(mm_str *out, const mm_blob *b, int64_t most, const char *what, mm_arena *a, mm_fault *f)
{
    if (b->size > most)
        return mm_fault_set(f, "too-large", "%s of more than %lld GiB", what, (long long)(most >> 30));
    *out = (mm_str){(const char *)b->bytes, (size_t)b->size};
    if (b->bytes)
        return MM_OK;
    char *p = mm_arena_alloc(a, (size_t)b->size + 1);
    int64_t n = p ? mm_blob_read(b, 0, p, b->size) : 0;
    if (!p)
        return mm_fault_memory(f);
    if (n < 0)
        return mm_fault_set(f, "read", "an error while reading: %s", strerror(errno));
    *out = (mm_str){p, (size_t)n}; /* fewer when the file has shrunk: the decoder will say so */
    return MM_OK;
}

/* ---- spool ---- */

void mm_spool_init(mm_spool *s)
{
    *s = (mm_spool){.fd = -1};
}

static int temporary_file(void)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/mm-XXXXXX", dir) >= (int)sizeof path)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static mm_status write_all(int fd, const uint8_t *p, size_t n, mm_err *e)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return mm_fail(e, MM_SKIP, "cannot write a temporary file: %s (TMPDIR names another place)",
                           strerror(errno));
        p += k;
        n -= (size_t)k;
    }
    return MM_OK;
}

static mm_status spill(mm_spool *s, mm_err *e)
{
    s->fd = temporary_file();
    if (s->fd < 0)
        return mm_fail(e, MM_SKIP, "no temporary file: %s (TMPDIR names another place)", strerror(errno));
    mm_status st = write_all(s->fd, s->memory.p, s->memory.n, e);
    mm_buf_free(&s->memory);
    return st;
}

mm_status mm_spool_add(mm_spool *s, const void *bytes, size_t n, mm_err *e)
{
    mm_status st = MM_OK;
    if (s->fd < 0 && s->memory.n + n > SPOOL_MEMORY)
        st = spill(s, e);
    if (st == MM_OK)
        st = s->fd >= 0 ? write_all(s->fd, bytes, n, e) : mm_buf_append(&s->memory, bytes, n, e);
    if (st == MM_OK)
        s->n += (int64_t)n;
    return st;
}

void mm_spool_into(mm_spool *s, mm_blob *b)
{
    box *x = (box *)b;
    b->size = s->n;
    b->fd = s->fd;
    if (s->fd < 0) {
        x->owned = s->memory.p;
        b->bytes = s->memory.p ? s->memory.p : (const uint8_t *)"";
    }
    mm_spool_init(s);
}

void mm_spool_free(mm_spool *s)
{
    mm_buf_free(&s->memory);
    if (s->fd >= 0)
        close(s->fd);
    mm_spool_init(s);
}

/* ---- pipes ---- */

int64_t mm_pipe_read(int fd, void *out, int64_t n)
{
    return read_all(fd, -1, out, n);
}

mm_status mm_blob_swallow(mm_blob *b, const void *head, int64_t n, int64_t max_bytes, mm_err *e)
{
    enum { CHUNK = 256 * 1024 };
    char *buf = malloc(CHUNK);
    mm_spool spool;
    mm_spool_init(&spool);
    mm_err why = {0};
    mm_status st = buf ? mm_spool_add(&spool, head, (size_t)n, &why) : mm_fail_memory(&why);
    while (st == MM_OK && (n = mm_pipe_read(b->fd, buf, CHUNK)) > 0) {
        if (spool.n + n > max_bytes)
            st = mm_fail_hint(&why, MM_SKIP, MM_HINT_MAX_BYTES, "more than %lld bytes", (long long)max_bytes);
        else
            st = mm_spool_add(&spool, buf, (size_t)n, &why);
    }
    if (st == MM_OK && n < 0)
        st = mm_fail(&why, MM_SKIP, "%s", strerror(errno));
    close(b->fd);
    b->fd = -1;
    if (st == MM_OK)
        mm_spool_into(&spool, b);
    else if (st == MM_SKIP)
        mm_blob_fail_hint(b, why.hint, "read", "%s", why.text);
    else
        *e = why;
    mm_spool_free(&spool);
    free(buf);
    return st == MM_FATAL ? MM_FATAL : MM_OK;
}

/* ---- live ---- */

mm_status mm_blob_go_live(mm_blob *b, const void *head, size_t n, int64_t max_bytes, mm_err *e)
{
    mm_live_pipe *l = calloc(1, sizeof *l);
    if (!l)
        return mm_fail_memory(e);
    *l = (mm_live_pipe){.fd = b->fd, .max_bytes = max_bytes};
    b->fd = -1;
    b->live = l;
    return mm_buf_append(&l->head, head, n, e);
}

int64_t mm_blob_more(const mm_blob *b, void *out, int64_t n)
{
    mm_live_pipe *l = b->live;
    int64_t k = copy_out(l->head.p, (int64_t)l->head.n, (int64_t)l->taken, out, n);
    l->taken += (size_t)k;
    return k ? k : mm_fd_read(l->fd, out, (size_t)n);
}

int64_t mm_blob_look_ahead(const mm_blob *b)
{
    enum { AT_A_TIME = 64 * 1024 };
    mm_live_pipe *l = b->live;
    if (mm_buf_reserve(&l->head, AT_A_TIME, NULL) != MM_OK) {
        errno = ENOMEM;
        return -1;
    }
    int64_t k = mm_fd_read(l->fd, l->head.p + l->head.n, AT_A_TIME);
    l->head.n += k > 0 ? (size_t)k : 0;
    return k < 0 ? k : (int64_t)l->head.n;
}

bool mm_blob_ready(const mm_blob *b, int milliseconds)
{
    struct pollfd p = {.fd = b->live->fd, .events = POLLIN};
    if (b->live->taken < b->live->head.n)
        return true;
    int rc;
    do
        rc = poll(&p, 1, milliseconds);
    while (rc < 0 && errno == EINTR);
    return rc != 0;
}

mm_status mm_blob_swallow_live(mm_blob *b, mm_err *e)
{
    mm_live_pipe *l = b->live;
    b->live = NULL;
    b->fd = l->fd;
    mm_status s = mm_blob_swallow(b, l->head.p + l->taken, (int64_t)(l->head.n - l->taken), l->max_bytes, e);
    mm_buf_free(&l->head);
    free(l);
    return s;
}
