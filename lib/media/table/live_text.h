/* live_text.h: a text that comes in pieces, through a pipe: what has come and is still needed, as UTF-8.
 *
 *     mm_live_text l = {.more = more, .ctx = pipe};
 *     while (mm_live_text_more(&l, &e) == MM_OK) {
 *         … take whole lines of l.text …
 *         mm_live_text_drop(&l, taken);
 *     }
 *
 * A byte order mark is dropped and UTF-16 converted, as mm_text_unmark does with a text that is there at once. */
#ifndef MM_MEDIA_TABLE_LIVE_TEXT_H
#define MM_MEDIA_TABLE_LIVE_TEXT_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

typedef struct {
    int64_t (*more)(void *ctx, void *out, int64_t n); /* waits for bytes: 1 to n; 0 at the end; −1: errno */
    void *ctx;
    mm_str text;          /* UTF-8; moves with each call below */
    bool ended;           /* nothing more will come */
    int failed;           /* errno, when that is because reading failed; 0: it did not */
    const char *encoding; /* "utf-16", known with the first piece; otherwise NULL */

    /* What follows belongs to live_text.c. */
    mm_buf held; /* text is here */
    mm_buf raw;  /* bytes that are not converted yet */
    bool begun, big;
} mm_live_text;

/* Waits for more text. MM_OK also when the end came with it, and when reading failed; MM_EOF: it had ended before.
 * MM_FATAL: memory is out. */
mm_status mm_live_text_more(mm_live_text *l, mm_err *e);
/* The first n bytes are not needed any more. */
void mm_live_text_drop(mm_live_text *l, size_t n);
void mm_live_text_free(mm_live_text *l);

#endif
