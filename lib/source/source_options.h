/* source_options.h: what a run asks of its inputs: how they are named, which are left out, and the limits that keep
 * hostile ones harmless. */
#ifndef MM_SOURCE_SOURCE_OPTIONS_H
#define MM_SOURCE_SOURCE_OPTIONS_H

#include "base/log.h"
#include "source/blob.h"
#include "source/key.h"

typedef struct {
    mm_key_rule key_rule;
    const char *key_regex; /* POSIX extended; the key is the first group (or the whole match) in the path */
    const char *root;      /* name operands as a walk of this directory would; NULL: as they are given */
    int64_t max_bytes;     /* of one archive member or one piped input, decompressed; 0: 4 GiB */
    int max_depth;         /* archives inside archives; 0: 4 */
    double max_ratio;      /* decompressed ÷ compressed size of one archive; 0: 1000 (from 64 MiB of output on) */
    bool follow;           /* symbolic links to directories */
    bool hidden;           /* names that start with a dot */
    bool live;             /* hand out pipes of sound and video as live blobs (blob.h), read as they come … */
    bool live_text;        /* … and pipes of text; */
    bool live_raw;         /* … and of what has no format. Others are read to their end first */
    const mm_log *log;
    /* Called for each regular file that is an operand or was found in a directory, before it is opened: it has its
     * names, size and time of change, and the callback may set `stamp`. True: hand it out unopened, as `kept`.
     * NULL: open every file. */
    bool (*keep)(void *ctx, mm_blob *b);
    void *keep_ctx;
    /* More operands, after those of mm_source_open: waits for the next, whose path lives until the call after it.
     * MM_OK, MM_EOF, MM_FATAL. NULL: there are none. */
    mm_status (*more)(void *ctx, const char **path, mm_err *e);
    void *more_ctx;
} mm_source_opts;

#endif
