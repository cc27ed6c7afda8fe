/* blob.h: one input: its names, and its bytes in memory or behind a file descriptor. */
#ifndef MM_SOURCE_BLOB_H
#define MM_SOURCE_BLOB_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mm_live_pipe mm_live_pipe;

/* `bytes` is set when the input is in memory (archive members, pipes); otherwise it is read through fd, or, when it is
 * live, as it comes. */
typedef struct mm_blob {
    /* Names, from the blob's arena. `path` and `given` are cleaned (clean_path.h); an archive on the way counts as a
     * directory with the archive's name without its extension. */
    mm_str key, src;      /* as in record.h */
    mm_str path;          /* below the operand (or --root), with extension; the whole path when the operand is a file */
    mm_str given;         /* as given: the operand as typed, and what lies below it */
    mm_str dir;           /* the name of the directory that holds it: a label, where asked for */
    msgpack_object label; /* from a file beside it (labels/sidecar.h) or its record; MSGPACK_OBJECT_NIL: none */
    mm_str of;            /* from its record: the modality of what comes of it; p NULL: none */
    bool timed;           /* … and its time, of which that of what comes of it is a part */
    double time[2];
    bool named;    /* an operand itself, not found in a directory (or below --root) or an archive */
    bool inside;   /* a member of an archive */
    bool unpacked; /* the single file in a compressed one, and named after it */

    /* Its place in the run. */
    int64_t number;  /* of this input, from 0 */
    int64_t operand; /* the number of the operand that it comes from */
    bool unfit;      /* the key's regular expression does not match the path, which keeps its own key */
    bool fresh;      /* no earlier input can share a key with this or a later one (unless mm_key_merges) */

    /* Its bytes. */
    int64_t size;
    const uint8_t *bytes; /* or NULL */
    int fd;               /* or −1 */
    mm_live_pipe *live;   /* or NULL: a pipe that is read once, from front to back (below); its size is not known */

    /* With a `keep` callback (source_options.h). */
    int64_t changed;  /* time of the file's last change, in nanoseconds */
    uint64_t stamp;   /* set by the callback; members have that of their archive; 0: none */
    bool kept;        /* not opened: neither bytes nor fd are there, and it may be an archive */
    const char *file; /* the path to open it with: mm_blob_open_kept */

    mm_status status; /* MM_OK; MM_SKIP: the input failed and `err` says why, but it still has key and src */
    mm_err err;
    const char *code; /* a short constant for the error record: "open", "encrypted", "too-large", "truncated" … */
} mm_blob;

mm_blob *mm_blob_new(void);    /* NULL when memory is out */
void mm_blob_free(mm_blob *b); /* a blob owns its memory: it may outlive its source and move to another thread */
mm_arena *mm_blob_arena(mm_blob *b);
/* Marks the blob as failed, and notes what would help. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void
mm_blob_fail_hint(mm_blob *b, mm_hint hint, const char *code, const char *fmt, ...);
#define mm_blob_fail(b, code, ...) mm_blob_fail_hint(b, MM_HINT_NONE, code, __VA_ARGS__)

/* Opens the regular file at path. A failure is noted in the blob. */
void mm_blob_open_file(mm_blob *b, const char *path);
/* Opens a blob that was kept and is not an archive. A failure is noted in the blob. */
void mm_blob_open_kept(mm_blob *b);

/* Reads up to n bytes at off; returns the count, 0 at the end, −1 on an I/O error. Thread safe, but for live blobs: of
 * these it sees the head, at any time: the bytes that told the format, and those that mm_blob_look_ahead added. */
int64_t mm_blob_read(const mm_blob *b, int64_t off, void *out, int64_t n);
/* All bytes of b: its own, or read into the arena. MM_SKIP with f set when there are more than `most` (`what` names the
 * input's kind in the message: "a text"), when memory is out, or on an I/O error. */
mm_status mm_blob_load(mm_str *out, const mm_blob *b, int64_t most, const char *what, mm_arena *a, mm_fault *f);

/* Makes b live: its bytes are those of head[n] and then those of the pipe b->fd, which it takes over; max_bytes is for
 * mm_blob_swallow_live. MM_FATAL when memory is out. */
mm_status mm_blob_go_live(mm_blob *b, const void *head, size_t n, int64_t max_bytes, mm_err *e);
/* The next bytes of a live blob, those of the head first: waits until there is one, and takes up to n; 0 at the end, −1
 * on an I/O error (errno). For one thread. This and mm_blob_look_ahead move the place in the pipe, which lies behind
 * `live`; the blob itself stays as it is, so that decoders get a const one. */
int64_t mm_blob_more(const mm_blob *b, void *out, int64_t n);
/* Reads more bytes into the head, before mm_blob_more has taken any: waits until there is one. Returns the head's
 * length; unchanged: the pipe has ended; −1: errno. */
int64_t mm_blob_look_ahead(const mm_blob *b);
/* Whether mm_blob_more need not wait, or not for longer than this. */
bool mm_blob_ready(const mm_blob *b, int milliseconds);
/* Reads what is left of a live blob, which then is one like any other; for formats that cannot be read as they come. A
 * failure is noted in the blob; MM_FATAL when memory is out. */
mm_status mm_blob_swallow_live(mm_blob *b, mm_err *e);

/* Bytes that arrive in pieces, of unknown total: in memory up to 64 MiB, then in an unlinked temporary file. */
typedef struct {
    mm_buf memory;
    int fd; /* −1: still in memory */
    int64_t n;
} mm_spool;

void mm_spool_init(mm_spool *s);
mm_status mm_spool_add(mm_spool *s, const void *bytes, size_t n, mm_err *e); /* MM_SKIP: TMPDIR is full */
void mm_spool_into(mm_spool *s, mm_blob *b);                                 /* hands the bytes over to the blob */
void mm_spool_free(mm_spool *s);

/* Up to n bytes of a pipe; fewer only at its end; −1 on an error. */
int64_t mm_pipe_read(int fd, void *out, int64_t n);
/* Reads all of the pipe b->fd into the blob, after the n bytes that were taken from it already. A failure is noted in
 * the blob; MM_FATAL when memory is out. */
mm_status mm_blob_swallow(mm_blob *b, const void *head, int64_t n, int64_t max_bytes, mm_err *e);

#endif
