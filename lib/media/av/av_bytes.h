/* av_bytes.h: the bytes of a container. Those of a file are read at any place. A live input is read once, from front to
 * back; of what has passed, its first and its last 64 KiB can be read again, which is where formats say how long they
 * are and whether they are complete. */
#ifndef MM_MEDIA_AV_AV_BYTES_H
#define MM_MEDIA_AV_AV_BYTES_H

#include "base/log.h"
#include "source/blob.h"

typedef struct {
    const mm_blob *blob;
    int64_t size; /* of a live input: of what has passed */
    /* of a live input */
    mm_buf front;
    uint8_t *back;     /* byte i of the input is at i modulo its length */
    const mm_log *log; /* is told when nothing comes for so long, and when more comes */
    int patience;      /* milliseconds: five seconds, unless a test sets it after mm_av_bytes_open */
} mm_av_bytes;

mm_status mm_av_bytes_open(mm_av_bytes *x, const mm_blob *b, const mm_log *log, mm_fault *f);
void mm_av_bytes_close(mm_av_bytes *x);
/* Up to n bytes at `off`: fewer where they end or have not been kept; −1 on an I/O error. */
int64_t mm_av_bytes_read(const mm_av_bytes *x, int64_t off, void *out, int64_t n);
/* The next bytes of a live input: waits for one, and gives up to n; 0 at the end, −1 on an error. */
int64_t mm_av_bytes_next(mm_av_bytes *x, void *out, int64_t n);

#endif
