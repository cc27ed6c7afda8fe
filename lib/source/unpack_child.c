#include "source/unpack_child.h"

#include "base/bytes.h"
#include "source/decompress.h"
#include "source/unpack.h"
#include "source/unpack_formats.h"
#include "stream/fdio.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* BAD_BLOCKS: blocks of tar after one damaged header, 1 GiB */
enum { BAD_HEADERS = 64, BAD_BLOCKS = 1 << 21, SKIPPABLE_FRAMES = 1000 };
static const int64_t MOST_A_HEADER = (int64_t)1 << 30; /* unpacked bytes before a header: zeros, say */

typedef struct {
    int fd;
    struct archive *a;
    const mm_blob *b;
    mm_str head; /* what was read of a pipe already, until libarchive has it */
    bool is_pipe, packed, dead;
    int64_t at;                /* the offset of the next read */
    mm_decompress *decompress; /* for the formats that are not left to libarchive */
    int64_t unpacked;          /* its bytes since the last question */
    int bad_headers;
    char complaint[200]; /* about opening, until the first header comes */
    char lost[200];      /* what is lost before `entry`; "": nothing */
    struct archive_entry *entry;
    int found; /* what libarchive returned with `entry` */
    bool held; /* `entry` waits while `lost` is answered first */
    mm_answer answer;
    const char *link;        /* follows the answer */
    int64_t declared, given; /* bytes of the member: by its header, and handed on so far */
    bool padded;             /* bytes past `declared` are padding */
    uint8_t chunk[MM_UNPACK_CHUNK], data[MM_UNPACK_CHUNK], plain[MM_UNPACK_CHUNK];
} serving;

/* ---- the socket ---- */

bool mm_wire_send(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

bool mm_wire_take(int fd, void *p, size_t n)
{
    for (char *at = p; n;) {
        ssize_t k = recv(fd, at, n, 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---- what libarchive reads ---- */

/* The next bytes of the archive file; below 0: errno. */
static int64_t read_more(void *ctx, const uint8_t **bytes)
{
    serving *a = ctx;
    int64_t n;
    *bytes = a->chunk;
    if (a->head.n) {
        *bytes = (const uint8_t *)a->head.p;
        n = (int64_t)a->head.n;
        a->head.n = 0;
    } else {
        n = a->is_pipe ? mm_fd_read(a->b->fd, a->chunk, MM_UNPACK_CHUNK)
                       : mm_blob_read(a->b, a->at, a->chunk, MM_UNPACK_CHUNK);
    }
    a->at += n > 0 ? n : 0;
    return n;
}

static la_ssize_t on_read(struct archive *ar, void *ctx, const void **bytes)
{
    const uint8_t *p = NULL;
    int64_t n = read_more(ctx, &p);
    *bytes = p;
    if (n < 0) {
        archive_set_error(ar, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    return (la_ssize_t)n;
}

static la_ssize_t on_read_unpacked(struct archive *ar, void *ctx, const void **bytes)
{
    serving *a = ctx;
    const char *why = NULL;
    *bytes = a->plain;
    int64_t n = mm_decompress_read(a->decompress, a->plain, sizeof a->plain, &why);
    a->unpacked += n;
    if (n >= 0 && a->unpacked > MOST_A_HEADER)
        why = "more than 1 GiB of it without a header";
    if (!why || n > 0)
        return (la_ssize_t)n;
    archive_set_error(ar, EIO, "%s", why);
    return ARCHIVE_FATAL;
}

static la_int64_t on_seek(struct archive *ar, void *ctx, la_int64_t off, int whence)
{
    serving *a = ctx;
    int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? a->at : a->b->size;
    (void)ar;
    if (off > 0 && from > INT64_MAX - off)
        return ARCHIVE_FATAL;
    if (from + off < 0)
        return ARCHIVE_FATAL;
    return a->at = from + off;
}

static la_int64_t on_skip(struct archive *ar, void *ctx, la_int64_t n)
{
    serving *a = ctx;
    (void)ar;
    int64_t left = a->b->size - a->at;
    if (n < 0 || left <= 0)
        return 0;
    n = n < left ? n : left;
    a->at += n;
    return n;
}

/* ---- answers ---- */

static bool answer(serving *a, mm_status status, const void *bytes, size_t n)
{
    mm_answer *x = &a->answer;
    int format = archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK;
    bool skips_free = !a->packed && (format == ARCHIVE_FORMAT_TAR || format == ARCHIVE_FORMAT_ZIP ||
                                     format == ARCHIVE_FORMAT_CPIO || format == ARCHIVE_FORMAT_AR);
    size_t link = a->link ? strlen(a->link) : 0;
    x->status = status;
    x->flags |= (a->dead ? MM_WIRE_DEAD : 0u) | (skips_free ? MM_WIRE_SKIPS_FREE : 0u) |
                (archive_format(a->a) == ARCHIVE_FORMAT_RAW ? MM_WIRE_RAW : 0u);
    x->taken = a->at;
    x->bytes = (uint32_t)n;
    x->link = (uint32_t)(link < MM_UNPACK_TEXT ? link : MM_UNPACK_TEXT);
    bool sent =
        mm_wire_send(a->fd, x, sizeof *x) && mm_wire_send(a->fd, bytes, n) && mm_wire_send(a->fd, a->link, x->link);
    *x = (mm_answer){0};
    a->link = NULL;
    a->unpacked = 0;
    return sent;
}

static bool answer_failure(serving *a, mm_why why, const char *text)
{
    size_t n = strlen(text);
    a->answer.why = why;
    return answer(a, MM_SKIP, text, n < MM_UNPACK_TEXT ? n : MM_UNPACK_TEXT);
}

static bool answer_damage(serving *a, const char *text)
{
    bool truncated = strcasestr(text, "truncated") || strcasestr(text, "unexpected end");
    return answer_failure(a, truncated ? MM_WHY_TRUNCATED : MM_WHY_ARCHIVE, text);
}

/* "truncated" and "encrypted" are told apart from other damage. `header`: names were being read; libarchive may not say
 * that it failed because they are encrypted (asked before it knows the format, libarchive 3.6 reads out of bounds). */
static bool answer_error(serving *a, bool header)
{
    const char *text = archive_error_string(a->a);
    if ((text && (strcasestr(text, "encrypt") || strcasestr(text, "passphrase"))) ||
        (header && archive_format(a->a) != 0 && archive_read_has_encrypted_entries(a->a) > 0))
        return answer_failure(a, MM_WHY_ENCRYPTED, MM_ENCRYPTED);
    return answer_damage(a, text ? text : "not an archive that libarchive can read");
}

/* ---- questions ---- */

static bool answer_entry(serving *a, struct archive_entry *x)
{
    const char *name = archive_entry_pathname_utf8(x);
    if (!name)
        name = archive_entry_pathname(x);
    size_t n = name ? strlen(name) : 0;
    /* libarchive 3.6 appends zeros to a member of xar, as many as the members before it have bytes */
    a->padded = archive_format(a->a) == ARCHIVE_FORMAT_XAR && archive_entry_size_is_set(x);
    a->declared = archive_entry_size_is_set(x) ? archive_entry_size(x) : 0;
    a->given = 0;
    unsigned type = archive_entry_filetype(x);
    bool directory = type == AE_IFDIR || (type == 0 && n && name[n - 1] == '/');
    const char *hard = archive_entry_hardlink_utf8(x) ? archive_entry_hardlink_utf8(x) : archive_entry_hardlink(x);
    const char *soft = archive_entry_symlink_utf8(x) ? archive_entry_symlink_utf8(x) : archive_entry_symlink(x);
    a->link = hard ? hard : soft;
    bool shared = type == AE_IFREG && !hard && archive_entry_nlink(x) > 1 && archive_entry_size(x) == 0;
    a->answer.size = archive_entry_size(x);
    a->answer.flags = (directory ? MM_WIRE_DIRECTORY : 0u) | (type == AE_IFREG || type == 0 ? MM_WIRE_REGULAR : 0u) |
                      (type == AE_IFLNK || soft ? MM_WIRE_SYMLINK : 0u) | (hard ? MM_WIRE_HARDLINK : 0u) |
                      (archive_entry_is_data_encrypted(x) ? MM_WIRE_ENCRYPTED : 0u) |
                      (archive_entry_size_is_set(x) ? MM_WIRE_SIZED : 0u) | (shared ? MM_WIRE_SHARED : 0u);
    return answer(a, MM_OK, name, n < MM_UNPACK_TEXT ? n : MM_UNPACK_TEXT);
}

/* Finds the next header. libarchive searches a tar block by block, a cpio byte by byte: what it reads past was a member
 * with a damaged header. */
static void find_header(serving *a)
{
    int blocks = 0;
    a->lost[0] = 0;
    while ((a->found = archive_read_next_header(a->a, &a->entry)) == ARCHIVE_RETRY && ++blocks < BAD_BLOCKS)
        ;
    const char *text = a->found == ARCHIVE_WARN ? archive_error_string(a->a) : NULL;
    if (blocks)
        snprintf(a->lost, sizeof a->lost, "a damaged header: what it names is lost");
    else if (text && strncmp(text, "Skipped ", 8) == 0)
        snprintf(a->lost, sizeof a->lost, "a damaged header: what it names is lost (%s)", text);
}

/* Whether `lost` has to be answered before `entry`. */
static bool has_lost(serving *a)
{
    if (!a->lost[0] || (a->found != ARCHIVE_OK && a->found != ARCHIVE_WARN && a->found != ARCHIVE_EOF))
        return false;
    return ++a->bad_headers < BAD_HEADERS;
}

/* Where the archive ends that was read; −1: unknown, or libarchive reads on by itself. */
static int64_t end_of(const serving *a)
{
    enum { TRAILER = 128 }; /* cpio's last header, and its name */
    uint8_t head[32];
    int format = archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK;
    if (a->is_pipe || a->packed)
        return -1;
    if (format == ARCHIVE_FORMAT_CPIO)
        return archive_read_header_position(a->a) + TRAILER;
    if (format != ARCHIVE_FORMAT_7ZIP || mm_blob_read(a->b, 0, head, sizeof head) != sizeof head ||
        memcmp(head, "7z\xbc\xaf\x27\x1c", 6) != 0)
        return -1;
    uint64_t at = mm_le64(head + 12), size = mm_le64(head + 20), most = (uint64_t)a->b->size;
    return at < most && size < most ? (int64_t)(sizeof head + at + size) : -1;
}

/* Whether more than zeros follows the archive, as in `cat a.cpio b.cpio`: only the first is read. */
static bool is_followed(serving *a)
{
    int64_t at = end_of(a);
    for (int64_t n; at >= 0 && (n = mm_blob_read(a->b, at, a->chunk, MM_UNPACK_CHUNK)) > 0; at += n)
        for (int64_t i = 0; i < n; i++)
            if (a->chunk[i])
                return true;
    return false;
}

static bool answer_next(serving *a)
{
    if (!a->held)
        find_header(a);
    a->held = !a->held && has_lost(a);
    if (a->held)
        return answer_damage(a, a->lost);
    int r = a->found;
    bool complained = a->complaint[0] != 0;
    if ((r == ARCHIVE_OK || r == ARCHIVE_WARN) && a->bad_headers < BAD_HEADERS) {
        a->complaint[0] = 0;
        return answer_entry(a, a->entry);
    }
    a->dead = r != ARCHIVE_FAILED || ++a->bad_headers >= BAD_HEADERS;
    if (r == ARCHIVE_EOF && complained) /* to libarchive a file that is cut before its first block looks empty */
        return answer_damage(a, a->complaint);
    if (r == ARCHIVE_EOF && a->decompress && mm_decompress_trailing(a->decompress))
        return answer_damage(a, "something else follows the compressed data and is not read");
    if (r == ARCHIVE_EOF && is_followed(a))
        return answer_damage(a, "something else follows the archive and is not read: cut the file in two");
    return r == ARCHIVE_EOF ? answer(a, MM_EOF, NULL, 0) : answer_error(a, true);
}

/* The end of a member's data. libarchive leaves out a hole at the end of a sparse file, which tar may hold; in other
 * formats missing data are lost. */
static bool answer_end(serving *a)
{
    char why[100];
    int64_t missing = a->declared - a->given;
    if (missing <= 0)
        return answer(a, MM_EOF, NULL, 0);
    if ((archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR) {
        size_t n = missing < MM_UNPACK_CHUNK ? (size_t)missing : MM_UNPACK_CHUNK;
        memset(a->data, 0, n);
        a->given += (int64_t)n;
        return answer(a, MM_OK, a->data, n);
    }
    snprintf(why, sizeof why, "truncated: %lld of %lld bytes are there", (long long)a->given, (long long)a->declared);
    a->declared = 0;
    return answer_damage(a, why);
}

/* Bytes to ask libarchive for. At the end of a tar's or cpio's member it would wait for the padding. */
static size_t data_wanted(const serving *a, bool *counted)
{
    int format = archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK;
    int64_t left = a->declared - a->given;
    *counted = (format == ARCHIVE_FORMAT_TAR || format == ARCHIVE_FORMAT_CPIO) && left > 0;
    return *counted && left < MM_UNPACK_CHUNK ? (size_t)left : MM_UNPACK_CHUNK;
}

static bool answer_data(serving *a)
{
    bool counted;
    size_t wanted = data_wanted(a, &counted);
    la_ssize_t n = archive_read_data(a->a, a->data, wanted);
    if (n > 0 && a->padded && n > a->declared - a->given)
        n = (la_ssize_t)(a->declared - a->given);
    if (n > 0) {
        a->given += n;
        a->answer.flags = counted && a->given == a->declared ? MM_WIRE_LAST : 0u;
        return answer(a, MM_OK, a->data, (size_t)n);
    }
    if (n == 0)
        return answer_end(a);
    a->dead = n == ARCHIVE_FATAL; /* ARCHIVE_RETRY is not retried: rar5 returns it for ever (libarchive 3.6) */
    return answer_error(a, false);
}

/* The first bytes after the frames that zstd and lz4 skip: they tell what it is. */
static size_t read_first(const serving *a, uint8_t *first, size_t size)
{
    int64_t at = 0, n = 0;
    for (int frames = 0; frames < SKIPPABLE_FRAMES; frames++) {
        if (!a->is_pipe)
            n = mm_blob_read(a->b, at, first, (int64_t)size);
        else
            n = at < (int64_t)a->head.n ? (int64_t)a->head.n - at : 0;
        n = n > (int64_t)size ? (int64_t)size : n > 0 ? n : 0;
        if (a->is_pipe && n)
            memcpy(first, a->head.p + at, (size_t)n);
        if (n < 8 || (first[0] & 0xf0) != 0x50 || memcmp(first + 1, "\x2a\x4d\x18", 3) != 0)
            break;
        at += 8 + (int64_t)mm_le32(first + 4);
    }
    return (size_t)n;
}

static bool start(serving *a)
{
    uint8_t head[16];
    size_t n = read_first(a, head, sizeof head);
    a->decompress = a->packed ? mm_decompress_open(head, n, read_more, a) : NULL;
    if (!a->packed && a->is_pipe) {
        mm_unpack_enable_tapes(a->a); /* to tell others apart takes bytes that have not come yet */
    } else if (!a->packed) {
        mm_unpack_enable_archives(a->a);
    } else if (a->decompress || mm_unpack_enable_decompressor(a->a, head, n)) {
        mm_unpack_enable_streams(a->a);
    } else {
        return answer_failure(a, MM_WHY_UNSUPPORTED, "a compression that is not read here: decompress it first");
    }
    archive_read_set_read_callback(a->a, a->decompress ? on_read_unpacked : on_read);
    if (!a->is_pipe && !a->decompress) {
        archive_read_set_seek_callback(a->a, on_seek);
        archive_read_set_skip_callback(a->a, on_skip);
    }
    archive_read_set_callback_data(a->a, a);
    if (archive_read_open1(a->a) != ARCHIVE_OK)
        return answer_error(a, true);
    if (archive_errno(a->a) && archive_error_string(a->a))
        snprintf(a->complaint, sizeof a->complaint, "%s", archive_error_string(a->a));
    return answer(a, MM_OK, NULL, 0);
}

void mm_unpack_serve(int fd, const mm_blob *b, mm_str head, bool packed)
{
    serving *a = calloc(1, sizeof *a);
    mm_ask ask;
    if (!a)
        return;
    a->fd = fd;
    a->b = b;
    a->head = head;
    a->is_pipe = head.p != NULL;
    a->packed = packed;
    a->a = archive_read_new();
    bool going = a->a && start(a);
    while (going && mm_wire_take(fd, &ask, sizeof ask))
        going = ask == MM_ASK_NEXT ? answer_next(a) : answer_data(a);
    archive_read_free(a->a);
    mm_decompress_close(a->decompress);
    free(a);
}
