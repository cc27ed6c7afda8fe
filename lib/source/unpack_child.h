/* unpack_child.h: the process that reads an archive for unpack.h with libarchive, and what it is asked: one thing at a
 * time. */
#ifndef MM_SOURCE_UNPACK_CHILD_H
#define MM_SOURCE_UNPACK_CHILD_H

#include "source/blob.h"

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
    MM_WIRE_LAST = 1 << 10, /* with data: there is no more of this entry */
};

/* An answer, followed by name and link, a text, or data. Integers only: a child that was taken over may send any bits,
 * and every pattern of bits is a value of these types. */
typedef struct {
    int32_t status; /* mm_status: MM_OK, MM_EOF, MM_SKIP */
    uint32_t why;   /* mm_why of MM_SKIP; its text follows */
    uint32_t flags;
    int64_t taken;  /* bytes of the archive read so far */
    int64_t size;   /* of the entry, to MM_ASK_NEXT; its name follows, */
    uint32_t link;  /* … then this many bytes of what it links to */
    uint32_t bytes; /* of name, text or data */
} mm_answer;

bool mm_wire_send(int fd, const void *p, size_t n); /* all of it; false when the other end is gone */
bool mm_wire_take(int fd, void *p, size_t n);

/* What the child runs: opens the archive and answers MM_OK or MM_SKIP once, then answers questions until
 * the other end closes. */
void mm_unpack_serve(int fd, const mm_blob *b, mm_str head, bool packed);

#endif
