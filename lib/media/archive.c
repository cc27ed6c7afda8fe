#include "media/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, BAD_HEADERS = 64, NAME_BYTES = 4096 };
#define ENCRYPTED "encrypted: extract it with its password first"
static const int64_t RATIO_FREE = (int64_t)64 << 20; /* small files that expand a lot are no bombs */

struct mm_archive {
    mm_archive_opts o;
    struct archive *a;
    mm_blob *b;
    mm_str head; /* of a pipe, until it has been handed on */
    bool is_pipe, packed;
    int64_t at;                 /* where the next read is */
    int64_t out;                /* decompressed so far, with the members of inner archives */
    struct archive_entry *next; /* a header that was read ahead */
    bool dead;                  /* nothing more can be had */
    int bad_headers;
    int64_t members;
    uint8_t chunk[CHUNK];
};

/* ---- what libarchive reads ---- */

static int64_t read_pipe(int fd, void *out, size_t n)
{
    for (;;) {
        ssize_t k = read(fd, out, n);
        if (k >= 0 || errno != EINTR)
            return k;
    }
}

static la_ssize_t on_read(struct archive *ar, void *ctx, const void **bytes)
{
    mm_archive *a = ctx;
    int64_t n;
    *bytes = a->chunk;
    if (a->head.n) {
        *bytes = a->head.p;
        n = (int64_t)a->head.n;
        a->head.n = 0;
    } else {
        n = a->is_pipe ? read_pipe(a->b->fd, a->chunk, CHUNK) : mm_blob_read(a->b, a->at, a->chunk, CHUNK);
    }
    if (n < 0) {
        archive_set_error(ar, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    a->at += n;
    return (la_ssize_t)n;
}

static la_int64_t on_seek(struct archive *ar, void *ctx, la_int64_t off, int whence)
{
    mm_archive *a = ctx;
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
    mm_archive *a = ctx;
    (void)ar;
    int64_t left = a->b->size - a->at;
    if (n < 0 || left <= 0)
        return 0;
    n = n < left ? n : left;
    a->at += n;
    return n;
}

/* ---- which formats ---- */

typedef struct {
    const char *magic;
    size_t n;
    int code; /* ARCHIVE_FILTER_… */
    int (*support)(struct archive *);
} packer;

#define PACKER(magic, name, low)                                                                                       \
    {                                                                                                                  \
        magic, sizeof(magic) - 1, ARCHIVE_FILTER_##name, archive_read_support_filter_##low                             \
    }
static const packer PACKERS[] = {
    PACKER("\x1f\x8b", GZIP, gzip),         PACKER("BZh", BZIP2, bzip2),          PACKER("\xfd\x37zXZ", XZ, xz),
    PACKER("\x28\xb5\x2f\xfd", ZSTD, zstd), PACKER("\x04\x22\x4d\x18", LZ4, lz4), PACKER("\x02\x21\x4c\x18", LZ4, lz4),
    PACKER("\x1f\x9d", COMPRESS, compress), PACKER("LZIP", LZIP, lzip),           PACKER("\x5d\0\0", LZMA, lzma),
    PACKER("\x89LZO", LZOP, lzop),          PACKER("\xed\xab\xee\xdb", RPM, rpm),
};
#undef PACKER

/* libarchive warns when a decompressor is not compiled in and it would start a program instead: ask a scratch object,
 * so that the real one never learns of it. */
static bool in_process(int (*support)(struct archive *))
{
    struct archive *scratch = archive_read_new();
    bool yes = scratch && support(scratch) == ARCHIVE_OK;
    archive_read_free(scratch);
    return yes;
}

/* Exactly the decompressor that the first bytes name. Left to itself libarchive stacks up to 25, each with a buffer
 * that doubles: a gzip file that expands to itself takes gigabytes. Here a stream in a stream is an archive in an
 * archive and counts against the depth. An rpm is the one case of two: its payload is compressed as well. */
static bool enable_packer(struct archive *ar, const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < sizeof PACKERS / sizeof *PACKERS; i++) {
        const packer *p = &PACKERS[i];
        if (n < p->n || memcmp(head, p->magic, p->n) != 0)
            continue;
        if (!in_process(p->support))
            return false;
        if (p->code == ARCHIVE_FILTER_COMPRESS) /* libarchive 3.6 crashes when that one is appended by its code */
            return p->support(ar) == ARCHIVE_OK;
        if (p->code != ARCHIVE_FILTER_RPM)
            return archive_read_append_filter(ar, p->code) == ARCHIVE_OK;
        for (size_t k = 0; k < sizeof PACKERS / sizeof *PACKERS; k++)
            if (in_process(PACKERS[k].support))
                PACKERS[k].support(ar);
        return true;
    }
    return false;
}

static void enable_tapes(struct archive *ar)
{
    archive_read_support_format_tar(ar);
    archive_read_support_format_cpio(ar);
    archive_read_support_format_iso9660(ar);
    archive_read_support_format_empty(ar);
    archive_read_support_format_raw(ar); /* last: anything else is a compressed single file */
}

static void enable_containers(struct archive *ar)
{
    archive_read_support_format_tar(ar);
    archive_read_support_format_cpio(ar);
    archive_read_support_format_ar(ar);
    archive_read_support_format_zip(ar);
    archive_read_support_format_7zip(ar);
    archive_read_support_format_rar(ar);
    archive_read_support_format_rar5(ar);
    archive_read_support_format_cab(ar);
    archive_read_support_format_lha(ar);
    archive_read_support_format_xar(ar);
    archive_read_support_format_iso9660(ar);
}

/* ---- open and close ---- */

/* "truncated" and "encrypted" are worth telling apart from other damage. `header`: names were being read, and
 * libarchive may not say that it failed because they are encrypted (asked before it knows the format, libarchive 3.6
 * reads out of bounds). */
static const char *why(mm_archive *a, bool header, mm_err *e)
{
    const char *text = archive_error_string(a->a);
    if ((text && (strcasestr(text, "encrypt") || strcasestr(text, "passphrase"))) ||
        (header && archive_format(a->a) != 0 && archive_read_has_encrypted_entries(a->a) > 0)) {
        mm_fail(e, MM_SKIP, ENCRYPTED);
        return "encrypted";
    }
    mm_fail(e, MM_SKIP, "%s", text ? text : "not an archive that libarchive can read");
    return text && (strcasestr(text, "truncated") || strcasestr(text, "unexpected end")) ? "truncated" : "archive";
}

/* Reads headers up to the next one that is usable. MM_SKIP: one is damaged and the next call may find another. */
static mm_status next_header(mm_archive *a, struct archive_entry **out, const char **code, mm_err *e)
{
    if (a->dead)
        return MM_EOF;
    int r;
    do
        r = archive_read_next_header(a->a, out);
    while (r == ARCHIVE_RETRY && ++a->bad_headers < BAD_HEADERS);
    if (r == ARCHIVE_EOF) {
        a->dead = true;
        return MM_EOF;
    }
    if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
        return MM_OK;
    *code = why(a, true, e);
    a->dead = r != ARCHIVE_FAILED || ++a->bad_headers >= BAD_HEADERS;
    return MM_SKIP;
}

static mm_status start(mm_archive *a, const char **code, mm_err *e)
{
    uint8_t first[16];
    const uint8_t *head = a->is_pipe ? (const uint8_t *)a->head.p : first;
    size_t n = a->head.n;
    if (!a->is_pipe) {
        int64_t got = mm_blob_read(a->b, 0, first, sizeof first);
        n = got > 0 ? (size_t)got : 0;
    }
    a->a = archive_read_new();
    if (!a->a)
        return mm_fail_memory(e);
    if (!a->packed) {
        enable_containers(a->a);
    } else if (enable_packer(a->a, head, n)) {
        enable_tapes(a->a);
    } else {
        *code = "unsupported";
        return mm_fail(e, MM_SKIP, "compressed in a way that is not read here: decompress it first");
    }
    archive_read_set_read_callback(a->a, on_read);
    if (!a->is_pipe) {
        archive_read_set_seek_callback(a->a, on_seek);
        archive_read_set_skip_callback(a->a, on_skip);
    }
    archive_read_set_callback_data(a->a, a);
    if (archive_read_open1(a->a) != ARCHIVE_OK) {
        *code = why(a, true, e);
        return MM_SKIP;
    }
    return next_header(a, &a->next, code, e);
}

mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e)
{
    mm_archive *a = *out = calloc(1, sizeof *a);
    if (!a)
        return mm_fail_memory(e);
    a->o = *o;
    a->b = b;
    a->head = head;
    a->is_pipe = head.p != NULL;
    a->packed = packed;
    mm_status s = start(a, code, e);
    if (s != MM_OK) {
        a->b = NULL;
        mm_archive_close(a);
        *out = NULL;
    }
    return s;
}

void mm_archive_close(mm_archive *a)
{
    if (!a)
        return;
    archive_read_free(a->a);
    mm_blob_free(a->b);
    free(a);
}

int mm_archive_depth(const mm_archive *a)
{
    int n = 0;
    for (; a; a = a->o.outer)
        n++;
    return n;
}

mm_archive *mm_archive_outer(const mm_archive *a)
{
    return a->o.outer;
}

/* ---- limits ---- */

/* Counts n decompressed bytes here and in the archives around; MM_SKIP when one of them has grown too much, which
 * ends it and all within it. */
static mm_status account(mm_archive *a, int64_t n, mm_err *e)
{
    mm_archive *bomb = NULL;
    double most = a->o.o->max_ratio;
    for (mm_archive *x = a; x; x = x->o.outer) {
        x->out += n;
        int64_t in = x->is_pipe ? x->at : x->b->size;
        if (x->out > RATIO_FREE && (double)x->out > most * (double)in)
            bomb = x;
    }
    if (!bomb)
        return MM_OK;
    for (mm_archive *x = a;; x = x->o.outer) {
        x->dead = true;
        if (x == bomb)
            break;
    }
    return mm_fail(e, MM_SKIP, "%.*s expands to more than %.0f times its size: the rest is not read (--max-ratio)",
                   MM_STRF(bomb->b->src), most);
}

/* Passing over data is free where the format says how long it is and nothing is compressed around it. */
static bool skip_is_cheap(const mm_archive *a)
{
    int format = archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK;
    return !a->packed && (format == ARCHIVE_FORMAT_TAR || format == ARCHIVE_FORMAT_ZIP ||
                          format == ARCHIVE_FORMAT_CPIO || format == ARCHIVE_FORMAT_AR);
}

/* Passes over the rest of the current member, under the same limits as if it were wanted. */
static void drain(mm_archive *a)
{
    char sink[16 * 1024];
    mm_err ignored;
    if (a->dead || skip_is_cheap(a))
        return; /* libarchive skips by itself at the next header */
    for (;;) {
        la_ssize_t n = archive_read_data(a->a, sink, sizeof sink);
        if (n <= 0)
            return;
        if (account(a, n, &ignored) != MM_OK)
            return;
    }
}

/* ---- members ---- */

static void note_read_failure(mm_archive *a, mm_blob *m, la_ssize_t r)
{
    mm_err e = {0};
    const char *code = why(a, false, &e);
    mm_blob_fail(m, code, "%s%s", e.text, r == ARCHIVE_FATAL ? "; the rest of the archive cannot be read" : "");
    if (r == ARCHIVE_FATAL)
        a->dead = true;
}

/* The member's data into the spool. What fails is noted in the blob. MM_FATAL only when memory is out. */
static mm_status read_member(mm_archive *a, mm_blob *m, mm_spool *s, mm_err *e)
{
    char *buf = malloc(CHUNK);
    if (!buf)
        return mm_fail_memory(e);
    mm_status st = MM_OK;
    for (;;) {
        la_ssize_t n = archive_read_data(a->a, buf, CHUNK);
        if (n < 0) /* ARCHIVE_RETRY too: rar5 says so for ever, or from memory that it has freed (libarchive 3.6) */
            note_read_failure(a, m, n);
        if (n <= 0)
            break;
        mm_err why_not;
        if (account(a, n, &why_not) != MM_OK) {
            mm_blob_fail(m, "ratio", "%s", why_not.text);
            break;
        }
        if (s->n + n > a->o.o->max_bytes) {
            mm_blob_fail(m, "too-large", "more than %lld bytes (--max-bytes)", (long long)a->o.o->max_bytes);
            drain(a);
            break;
        }
        st = mm_spool_add(s, buf, (size_t)n, e);
        if (st == MM_SKIP) {
            mm_blob_fail(m, "temporary", "%s", e->text);
            drain(a);
            st = MM_OK;
            break;
        }
        if (st != MM_OK)
            break;
    }
    free(buf);
    return st;
}

/* The name as UTF-8 where libarchive can tell, else as the bytes that are there. */
static mm_str raw_name(struct archive_entry *x)
{
    const char *p = archive_entry_pathname_utf8(x);
    if (!p)
        p = archive_entry_pathname(x);
    return mm_str_of(p ? p : "");
}

static bool is_raw(const mm_archive *a)
{
    return archive_format(a->a) == ARCHIVE_FORMAT_RAW;
}

/* path, key, src and dir of a member. False when memory is out. */
static bool name_member(mm_archive *a, mm_blob *m, mm_str raw)
{
    mm_arena *arena = mm_blob_arena(m);
    if (is_raw(a)) {
        m->path = mm_path_unpacked(a->b->path);
        m->path = mm_str_of(mm_arena_strdup(arena, m->path));
        m->src = mm_str_of(mm_arena_strdup(arena, a->b->src));
        m->dir = mm_str_of(mm_arena_strdup(arena, a->b->dir));
        m->named = a->b->named;
    } else {
        mm_str name = mm_path_clean(arena, raw);
        if (name.p && name.n == 0)
            name = mm_str_of(mm_arena_printf(arena, "unnamed-%lld", (long long)a->members));
        mm_str prefix = a->o.root ? (mm_str){"", 0} : mm_path_stem(a->b->path);
        m->path =
            name.p
                ? mm_str_of(mm_arena_printf(arena, "%.*s%s%.*s", MM_STRF(prefix), prefix.n ? "/" : "", MM_STRF(name)))
                : name;
        m->src = mm_str_of(mm_arena_printf(arena, "%.*s!%.*s", MM_STRF(a->b->src), MM_STRF(name)));
        m->dir = m->path.p ? mm_path_dir(m->path) : m->path;
        if (m->dir.p && m->dir.n == 0)
            m->dir = mm_str_of(mm_arena_strdup(arena, mm_path_stem(mm_path_base(a->b->path))));
    }
    if (!m->path.p || !m->src.p || !m->dir.p)
        return false;
    bool same = is_raw(a) && (mm_str_is(a->b->key, "-") || (m->named && a->o.keyer->rule == MM_KEY_PATH));
    m->key = same ? mm_str_of(mm_arena_strdup(arena, a->b->key)) : mm_keyer_key(a->o.keyer, arena, m->path);
    return m->key.p != NULL;
}

/* Why a member is no file to decode; NULL when it is one. */
static const char *no_file(const mm_archive *a, struct archive_entry *x, mm_str name)
{
    if (archive_entry_filetype(x) == AE_IFLNK || archive_entry_symlink(x))
        return "a symbolic link";
    if (archive_entry_hardlink(x) && archive_entry_size(x) <= 0)
        return "another name of a member that is there already";
    if (archive_entry_filetype(x) != AE_IFREG && archive_entry_filetype(x) != 0)
        return "neither a file nor a directory";
    if (!a->o.o->hidden && !is_raw(a) && name.n && mm_path_hidden(name))
        return "hidden (--hidden takes it)";
    return NULL;
}

static bool is_directory(struct archive_entry *x, mm_str name)
{
    return archive_entry_filetype(x) == AE_IFDIR ||
           (archive_entry_filetype(x) == 0 && name.n && name.p[name.n - 1] == '/');
}

/* Whether the entry is a file to decode; says so when something else than a directory is passed over. */
static bool wanted(mm_archive *a, struct archive_entry *x, mm_str raw)
{
    if (is_directory(x, raw))
        return false;
    mm_arena scratch = {0};
    mm_str name = mm_path_clean(&scratch, raw);
    const char *no = no_file(a, x, name);
    if (no) {
        ++*a->o.skipped;
        mm_say(a->o.o->log, MM_LOG_INFO, "%.*s!%.*s: skipped: %s", MM_STRF(a->b->src), MM_STRF(name), no);
    }
    mm_arena_free(&scratch);
    return !no;
}

static mm_status fill(mm_archive *a, struct archive_entry *x, mm_blob *m, mm_err *e)
{
    mm_spool s;
    mm_spool_init(&s);
    if (archive_entry_is_data_encrypted(x)) {
        mm_blob_fail(m, "encrypted", ENCRYPTED);
        return MM_OK;
    }
    mm_status st = read_member(a, m, &s, e);
    if (st == MM_OK && m->status == MM_OK)
        mm_spool_into(&s, m);
    mm_spool_free(&s);
    return st;
}

/* The error of a header that could not be read: it belongs to the archive as a whole. */
static mm_status broken_header(mm_archive *a, mm_blob *m, const char *code, const mm_err *why_not, mm_err *e)
{
    mm_arena *arena = mm_blob_arena(m);
    m->path = mm_str_of(mm_arena_strdup(arena, a->b->path));
    m->src = mm_str_of(mm_arena_strdup(arena, a->b->src));
    m->key = mm_str_of(mm_arena_strdup(arena, a->b->key));
    m->dir = (mm_str){"", 0};
    mm_blob_fail(m, code, "%s%s", why_not->text, a->dead ? "; the rest of the archive cannot be read" : "");
    return m->path.p && m->src.p && m->key.p ? MM_OK : mm_fail_memory(e);
}

static mm_status next_member(mm_archive *a, mm_blob *m, mm_err *e)
{
    for (;;) {
        struct archive_entry *x = a->next;
        const char *code = "archive";
        mm_err why_not = {0};
        a->next = NULL;
        mm_status s = x ? MM_OK : next_header(a, &x, &code, &why_not);
        if (s == MM_SKIP)
            return broken_header(a, m, code, &why_not, e);
        if (s != MM_OK)
            return s;
        mm_str raw = raw_name(x);
        a->members++;
        if (!wanted(a, x, raw)) {
            drain(a);
            continue;
        }
        if (raw.n > NAME_BYTES)
            raw.n = NAME_BYTES;
        return name_member(a, m, raw) ? fill(a, x, m, e) : mm_fail_memory(e);
    }
}

mm_status mm_archive_next(mm_archive *a, mm_blob **out, mm_err *e)
{
    mm_blob *m = *out = mm_blob_new();
    if (!m)
        return mm_fail_memory(e);
    mm_status s = next_member(a, m, e);
    if (s != MM_OK) {
        mm_blob_free(m);
        *out = NULL;
    }
    return s;
}

/* ---- archives that do not say so in their first bytes ---- */

bool mm_blob_is_iso(const mm_blob *b)
{
    char mark[5];
    return b->size > 34 * 1024 && mm_blob_read(b, 32769, mark, 5) == 5 && memcmp(mark, "CD001", 5) == 0;
}

bool mm_blob_is_self_extracting(const mm_blob *b)
{
    enum { TAIL = 66 * 1024, FRONT = 1 << 20 };
    char *p = malloc(FRONT);
    bool found = false;
    if (p) {
        int64_t from = b->size > TAIL ? b->size - TAIL : 0, n = mm_blob_read(b, from, p, TAIL);
        found = n > 0 && memmem(p, (size_t)n, "PK\5\6", 4);
        n = found ? 0 : mm_blob_read(b, 0, p, FRONT);
        if (n > 0)
            found = memmem(p, (size_t)n, "7z\xbc\xaf\x27\x1c", 6) || memmem(p, (size_t)n, "Rar!\x1a\7", 6);
    }
    free(p);
    return found;
}
