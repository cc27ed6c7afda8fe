/* unpack_wire.h: what the two ends of unpack.h say to each other. Both run the same program: plain structs will do. */
#ifndef MM_MEDIA_UNPACK_WIRE_H
#define MM_MEDIA_UNPACK_WIRE_H

#include "media/unpack.h"

enum { MM_UNPACK_CHUNK = 128 * 1024, MM_UNPACK_TEXT = 4096 };

typedef enum { MM_ASK_NEXT, MM_ASK_DATA } mm_ask;
typedef enum { MM_WHY_ARCHIVE, MM_WHY_TRUNCATED, MM_WHY_ENCRYPTED, MM_WHY_UNSUPPORTED } mm_why;

/* An answer; `bytes` of name, text or data follow it. */
typedef struct {
    mm_status status; /* MM_OK, MM_EOF, MM_SKIP */
    mm_why why;       /* of MM_SKIP, whose text follows */
    bool dead, raw, skips_free;
    int64_t taken;
    mm_unpack_entry entry; /* of MM_ASK_NEXT; its name follows */
    size_t bytes;
} mm_answer;

/* The child: opens the archive, answers MM_OK or MM_SKIP once, then every question that comes, until the other end
 * closes. */
void mm_unpack_serve(int fd, const mm_blob *b, mm_str head, bool packed);

bool mm_wire_send(int fd, const void *p, size_t n); /* all of it; false when the other end has gone */
bool mm_wire_take(int fd, void *p, size_t n);

#endif
