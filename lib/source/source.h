/* source.h: every input, one after the other: files, directories, archives, archives in archives, standard input.
 *
 * Directories are walked in the order of keys, so that files of one key come out adjacent. Archives are read with
 * libarchive (every format and filter that runs inside this process). What fails is reported and stepped over. */
#ifndef MM_SOURCE_SOURCE_H
#define MM_SOURCE_SOURCE_H

#include "base/arena.h"
#include "base/log.h"
#include "base/status.h"
#include "base/str.h"

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MM_KEY_PATH,    /* the path without its extension */
    MM_KEY_ARCHIVE, /* the same, for members of every archive with the archive's own key in front */
    MM_KEY_FILE,    /* the path with its extension */
    MM_KEY_BASE,    /* the last part of the path, without extension */
    MM_KEY_REGEX
} mm_key_rule;

typedef struct mm_blob mm_blob;

typedef struct {
    mm_key_rule key_rule;
    const char *key_regex; /* POSIX extended; the first group (or the whole match) of the path is the key */
    const char *root;      /* operands stand for what a walk of this directory finds; NULL: for themselves */
    int64_t max_bytes;     /* of one member or one piped input, decompressed; 0: 4 GiB */
    int max_depth;         /* archives in archives; 0: 4 */
    double max_ratio;      /* decompressed ÷ compressed of one archive; 0: 1000 (counted beyond the first 64 MiB) */
    bool follow;           /* symbolic links to directories */
    bool hidden;           /* names that start with a dot */
    const mm_log *log;
    /* Asked about each regular file that is an operand or was found in a directory, which has its names, size and time
     * of change and is not open yet. It may set `stamp`; true: the file comes as it is, `kept`. NULL: none is. */
    bool (*keep)(void *ctx, mm_blob *b);
    void *keep_ctx;
} mm_source_opts;

/* One input. `bytes` is set when it is in memory (archive members, pipes, small files); else read through fd. */
struct mm_blob {
    mm_str key, src; /* record.h; from the blob's arena */
    mm_str path;     /* below the operand (or opts.root), with its extension; all of it when the operand is the file */
    mm_str given;    /* as given: the operand as typed and what lies below it. Both are cleaned (mm_path_clean); an
                      * archive on the way counts as a directory of its name without extension */
    mm_str dir;      /* the directory's name that holds it, for --label dir */
    msgpack_object label; /* from a file beside it (sidecar.h); MSGPACK_OBJECT_NIL: none */
    bool named;           /* the operand itself, not something found in a directory (or opts.root) or an archive */
    int64_t number;       /* of this input, from 0 */
    int operand;          /* the number of the operand that it comes from */
    bool unfit;           /* the expression that cuts keys out of paths does not fit this one, which keeps its own */
    bool fresh;           /* what came before cannot share a key with this or a later one (unless mm_key_merges) */
    int64_t size;
    int64_t changed;  /* with mm_source_opts.keep: when the file was, in nanoseconds */
    uint64_t stamp;   /* … and what that made of it; members have that of their archive; 0: none */
    bool kept;        /* … which did not want it opened: neither bytes nor fd are there, and it may be an archive */
    const char *file; /* … to open it all the same: mm_blob_open_kept */
    bool inside;      /* of an archive */
    bool unpacked;    /* the single file of a compressed one, and named like it */
    const uint8_t *bytes; /* or NULL */
    int fd;               /* or −1 */
    mm_status status;     /* MM_OK, or MM_SKIP: this input failed, `err` says why; it has key and src still */
    mm_err err;
    const char *code; /* a short constant for the error record: "open", "encrypted", "too-large", "truncated" … */
};

/* Reads up to n bytes at off; the count, 0 at the end, −1 on an I/O error. Thread safe. */
int64_t mm_blob_read(const mm_blob *b, int64_t off, void *out, int64_t n);
/* For a blob that was kept and is no archive; a failure is noted in it. */
void mm_blob_open_kept(mm_blob *b);
void mm_blob_free(mm_blob *b); /* a blob owns its memory: it may outlive the source and go to another thread */

typedef struct mm_source mm_source;

/* operands: paths; "-" is standard input. They must outlive the source. A key is a function of the path as given, never
 * of the other operands, so that a list can be cut into any shards. */
mm_status mm_source_open(mm_source **out, const char *const *operands, int n, const mm_source_opts *o, mm_err *e);
void mm_source_close(mm_source *s);

/* The next input. MM_OK with b->status telling whether it could be read; MM_EOF; MM_FATAL. */
mm_status mm_source_next(mm_source *s, mm_blob **b, mm_err *e);
/* What was passed over so far because it can hold no medium (hidden names, sockets, links that are not followed,
 * empty archives); each was named to the log at MM_LOG_INFO. */
int64_t mm_source_skipped(const mm_source *s);

#endif
