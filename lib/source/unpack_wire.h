/* unpack_wire.h: what the two ends of unpack.h say to each other. */
#ifndef MM_SOURCE_UNPACK_WIRE_H
#define MM_SOURCE_UNPACK_WIRE_H

#include "source/unpack.h"

enum { MM_UNPACK_CHUNK = 128 * 1024, MM_UNPACK_TEXT = 4096 };

typedef enum { MM_ASK_NEXT, MM_ASK_DATA } mm_ask;
typedef enum {
    MM_WHY_ARCHIVE,
    MM_WHY_TRUNCATED,
    MM_WHY_ENCRYPTED,
    MM_WHY_UNSUPPORTED,
    MM_WHYS,
} mm_why;

/* Bits of mm_answer's flags. */
enum {
    MM_WIRE_DEAD = 1 << 0,
    MM_WIRE_RAW = 1 << 1,
    MM_WIRE_SKIPS_FREE = 1 << 2,
    MM_WIRE_DIRECTORY = 1 << 3,
    MM_WIRE_REGULAR = 1 << 4,
    MM_WIRE_SYMLINK = 1 << 5,
    MM_WIRE_HARDLINK = 1 << 6,
    MM_WIRE_ENCRYPTED = 1 << 7,
    MM_WIRE_SIZED = 1 << 8,
    MM_WIRE_SHARED = 1 << 9,
};

/* An answer; name, link and text or data follow it. Integers only: what a child that was taken over sends may be any
 * bits, and all of them are values of these types. */
typedef struct {
    int32_t status; /* mm_status: MM_OK, MM_EOF, MM_SKIP */
    uint32_t why;   /* mm_why of MM_SKIP, whose text follows */
    uint32_t flags;
    int64_t taken;
    int64_t size;   /* of MM_ASK_NEXT, whose name follows, … */
    uint32_t link;  /* … and these many bytes of what it links to */
    uint32_t bytes; /* of name, text or data */
} mm_answer;

/* The child: opens the archive, answers MM_OK or MM_SKIP once, then every question that comes, until the other end
 * closes. */
void mm_unpack_serve(int fd, const mm_blob *b, mm_str head, bool packed);

bool mm_wire_send(int fd, const void *p, size_t n); /* all of it; false when the other end has gone */
bool mm_wire_take(int fd, void *p, size_t n);

#endif
