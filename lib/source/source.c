#include "source/source.h"

#include "base/file.h"
#include "format/formats.h"
#include "format/probes.h"
#include "format/volume.h"
#include "source/archive.h"
#include "source/blob_names.h"
#include "source/clean_path.h"
#include "source/embedded_archive.h"
#include "source/sorted_walk.h"
#include "source/special_file.h"
#include "source/walk.h"
#include "stream/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of one directory that may share keys: those of one stem, and when an archive is among them everything below
 * that stem. A walk in the order of keys meets each group once. */
typedef struct {
    mm_buf stem;
    bool archive;
    bool begun; /* the next blob is the group's first */
} mm_group;

struct mm_source {
    const char *const *operands;
    int n;
    int64_t next; /* of all operands */
    mm_source_opts o;
    mm_keyer keyer;
    locale_t utf8; /* libarchive gives no name for a member whose name the locale cannot hold */
    int64_t skipped, number;
    mm_blob *given;          /* mm_source_give */
    mm_archive *archive;     /* the innermost open one */
    mm_walk *walk;           /* the directory that is being walked … */
    mm_sorted_walk *listing; /* … or all of its files, when keys are not their paths */
    const char *directory;   /* the path of that directory, */
    mm_str place;            /* and its path below opts.root */
    mm_arena names;          /* of `place` */
    mm_group group;
};

mm_status mm_source_open(mm_source **out, const char *const *operands, int n, const mm_source_opts *o, mm_err *e)
{
    mm_source *s = *out = calloc(1, sizeof *s);
    if (!s)
        return mm_fail_memory(e);
    s->operands = operands;
    s->n = n;
    s->o = *o;
    s->o.max_bytes = o->max_bytes > 0 ? o->max_bytes : (int64_t)4 << 30;
    s->o.max_depth = o->max_depth > 0 ? o->max_depth : 4;
    s->o.max_ratio = o->max_ratio > 0 ? o->max_ratio : 1000;
    s->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    mm_status st = mm_keyer_open(&s->keyer, o->key_rule, o->key_regex, e);
    if (st != MM_OK) {
        mm_source_close(s);
        *out = NULL;
    }
    return st;
}

static void leave_archive(mm_source *s)
{
    mm_archive *outer = mm_archive_outer(s->archive);
    mm_archive_close(s->archive);
    s->archive = outer;
}

void mm_source_close(mm_source *s)
{
    if (!s)
        return;
    while (s->archive)
        leave_archive(s);
    mm_blob_free(s->given);
    mm_walk_close(s->walk);
    mm_sorted_walk_free(s->listing);
    mm_keyer_close(&s->keyer);
    mm_arena_free(&s->names);
    mm_buf_free(&s->group.stem);
    if (s->utf8)
        freelocale(s->utf8);
    free(s);
}

void mm_source_give(mm_source *s, mm_blob *b)
{
    mm_blob_free(s->given);
    s->given = b;
}

int64_t mm_source_skipped(const mm_source *s)
{
    return s->skipped;
}

static void skip(mm_source *s, mm_blob **b, mm_hint hint, const char *why)
{
    s->skipped++;
    mm_say_hint(s->o.log, MM_LOG_INFO, hint, "%.*s: skipped: %s", MM_STRF((*b)->src), why);
    mm_blob_free(*b);
    *b = NULL;
}

/* ---- what a blob is: a file to hand out, or an archive to enter ---- */

enum { UNREAD_PIPE = -1 }; /* as the size of a blob: its fd is a pipe, and nothing of it was read yet */

/* MAYBE: a program, which may only mention an archive's signature. */
typedef enum { PLAIN, PACKED, CONTAINER, MAYBE } shape;

static shape shape_of(const mm_blob *b, const uint8_t *head, size_t n)
{
    mm_format_kind kind = mm_format_read_as(mm_format_of(head, n, b->path));
    int64_t front;
    if (kind == MM_FORMAT_PACKED)
        return PACKED;
    if (kind == MM_FORMAT_ARCHIVE || kind == MM_FORMAT_TAPE)
        return CONTAINER;
    bool vague = kind == MM_FORMAT_UNKNOWN || kind == MM_FORMAT_PROGRAM;
    if ((vague || kind == MM_FORMAT_TEXT) && mm_blob_ends_as_zip(b, &front))
        return CONTAINER;
    if (kind == MM_FORMAT_PROGRAM && mm_blob_is_self_extracting(b))
        return MAYBE;
    return vague && mm_blob_is_iso(b) ? CONTAINER : PLAIN;
}

/* What to do about a file that is only a part of an archive; an empty text for others. */
static const char *volume_hint(const mm_blob *b, char *out, size_t size)
{
    if (!mm_volume_advice(b->path, out, size) && mm_blob_is_last_zip_volume(b))
        snprintf(out, size, "; the last volume of a set: zip -s 0 %.*s --out whole.zip joins them",
                 MM_STRF(mm_path_base(b->path)));
    return out;
}

/* Whether the name says that the file must not be empty; a text may be. */
static bool promises_content(mm_str path)
{
    mm_format_kind kind = mm_name_promises(path);
    return kind != MM_FORMAT_UNKNOWN && kind != MM_FORMAT_TEXT && kind != MM_FORMAT_DOCUMENT && kind != MM_FORMAT_TABLE;
}

/* Enters the archive *b, so that its members come next: *b becomes NULL, as it does when nothing is in it. Otherwise
 * *b stays to be handed out, with its failure noted. `head`: what was read of a pipe already. */
static mm_status enter(mm_source *s, mm_blob **out, mm_str head, shape is, mm_err *e)
{
    mm_blob *b = *out;
    mm_archive_opts o = {&s->o, &s->keyer, s->archive, &s->skipped};
    mm_archive *inner;
    const char *code = "archive";
    char buffer[160];
    mm_err why = {0};
    if (s->archive && mm_archive_depth(s->archive) >= s->o.max_depth) {
        if (is != MAYBE)
            mm_blob_fail_hint(b, MM_HINT_MAX_DEPTH, "depth", "archives are nested more than %d deep", s->o.max_depth);
        return MM_OK;
    }
    mm_status st = mm_archive_open(&inner, b, head, is == PACKED, &o, &code, &why);
    if (st == MM_FATAL) {
        *e = why;
        return st;
    }
    if (st == MM_OK) {
        s->archive = inner;
        s->group.archive = true;
        *out = NULL;
        return MM_OK;
    }
    const char *hint = volume_hint(b, buffer, sizeof buffer);
    if (st == MM_SKIP) {
        if (is != MAYBE)
            mm_blob_fail(b, code, "%s%s", why.text, hint);
        return MM_OK;
    }
    mm_str unpacked = mm_path_unpacked(b->path);
    bool given = !s->n && !s->o.more; /* whoever handed it in waits for an answer */
    if (*hint || given ||
        (is == PACKED && promises_content(unpacked) && mm_name_promises(unpacked) != MM_FORMAT_ARCHIVE))
        mm_blob_fail(b, "empty", "nothing is in it, or zeros only%s", hint);
    else
        skip(s, out, MM_HINT_NONE, "an empty archive");
    return MM_OK;
}

/* Whether the first n bytes of a pipe tell already that it can be read as it comes: what comes next may be long in
 * coming. */
static bool is_told(const mm_source_opts *o, const uint8_t *head, size_t n)
{
    enum { TAR_BLOCK = 512, CPIO_HEADER = 110, MARK = 16 };
    const mm_format *f = mm_format_marked(head, n);
    switch (mm_format_read_as(f)) {
    case MM_FORMAT_SOUND:
    case MM_FORMAT_VIDEO:
    case MM_FORMAT_PACKED: return true;
    case MM_FORMAT_TAPE: /* the name at a tar's beginning may look like the mark of a cpio; zeros follow it */
        return n >= TAR_BLOCK || (n >= CPIO_HEADER && !memchr(head, 0, CPIO_HEADER));
    default:
        if (!f && o->live_raw)
            return n >= MARK;
        if (!f && (mm_probe_vtt(head, n, (mm_str){0}) || mm_probe_srt(head, n, (mm_str){0})))
            return true;
        return !f && o->live_text && memchr(head, '\n', n) &&
               (mm_bytes_are_text(head, n, (mm_str){0}) || mm_probe_utf16(head, n, (mm_str){0}));
    }
}

/* The first bytes of a pipe, as many as are needed; −1 on an error. */
static int64_t read_head(const mm_source_opts *o, int fd, uint8_t *head, size_t size)
{
    size_t n = 0;
    if (!o->live)
        return mm_pipe_read(fd, head, (int64_t)size);
    while (n < size && !is_told(o, head, n)) {
        ssize_t k = mm_fd_read(fd, head + n, size - n);
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        n += (size_t)k;
    }
    return (int64_t)n;
}

static bool is_live(const mm_source_opts *o, const mm_format *f)
{
    mm_format_kind kind = mm_format_read_as(f);
    return (o->live && (kind == MM_FORMAT_SOUND || kind == MM_FORMAT_VIDEO || mm_format_is_subtitles(f))) ||
           (o->live_text && kind == MM_FORMAT_TEXT) || (o->live_raw && kind != MM_FORMAT_ARCHIVE);
}

/* Looks at the first bytes of *b and enters it if it is an archive. A pipe is read to its end, unless it is an archive
 * that can be read from front to back. */
static mm_status examine(mm_source *s, mm_blob **out, mm_err *e)
{
    mm_blob *b = *out;
    uint8_t head[MM_FORMAT_HEAD];
    char hint[160];
    bool pipe = b->size == UNREAD_PIPE;
    if (pipe)
        b->size = 0;
    int64_t n = pipe ? read_head(&s->o, b->fd, head, sizeof head) : mm_blob_read(b, 0, head, sizeof head);
    if (n < 0) {
        mm_blob_fail(b, "read", "%s", strerror(errno));
        return MM_OK;
    }
    const mm_format *format = mm_format_of(head, n > 0 ? (size_t)n : 0, b->path);
    mm_format_kind kind = mm_format_read_as(format);
    bool packed = kind == MM_FORMAT_PACKED;
    if (pipe && (packed || kind == MM_FORMAT_TAPE)) {
        mm_str own = {mm_arena_strdup(mm_blob_arena(b), (mm_str){(const char *)head, (size_t)n}), (size_t)n};
        return own.p ? enter(s, out, own, packed ? PACKED : CONTAINER, e) : mm_fail_memory(e);
    }
    if (pipe && n > 0 && is_live(&s->o, format))
        return mm_blob_go_live(b, head, (size_t)n, s->o.max_bytes, e);
    mm_status st = pipe ? mm_blob_swallow(b, head, n, s->o.max_bytes, e) : MM_OK;
    if (st != MM_OK || b->status != MM_OK)
        return st;
    shape is = shape_of(b, head, (size_t)n);
    if (is != PLAIN)
        return enter(s, out, (mm_str){NULL, 0}, is, e);
    if (n == 0 && promises_content(b->path))
        mm_blob_fail(b, "empty", "the file is empty");
    else if (mm_volume_advice(b->path, hint, sizeof hint))
        mm_blob_fail(b, "volume", "%s", hint + strlen("; "));
    return MM_OK;
}

/* ---- operands ---- */

/* Opens the regular file at path, unless opts.keep takes it as it is. */
static void open_file(mm_source *s, mm_blob *b, const char *path)
{
    struct stat st;
    if (s->o.keep && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        b->size = st.st_size;
        b->changed = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        b->file = mm_arena_strdup(mm_blob_arena(b), mm_str_of(path));
        b->kept = b->file && s->o.keep(s->o.keep_ctx, b);
        s->group.archive |= b->kept; /* it may be one */
    }
    if (!b->kept)
        mm_blob_open_file(b, path);
}

static void open_stdin(mm_blob *b)
{
    struct stat st;
    mm_blob_name_stdin(b);
    b->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (b->fd < 0 || fstat(b->fd, &st) != 0)
        mm_blob_fail(b, "open", "standard input: %s", strerror(errno));
    else
        b->size = S_ISREG(st.st_mode) && lseek(b->fd, 0, SEEK_CUR) == 0 ? st.st_size : UNREAD_PIPE;
}

/* Begins to walk the directory *b, which becomes NULL; one that cannot be read stays, with that noted. */
static mm_status enter_directory(mm_source *s, mm_blob **b, const char *path, mm_err *e)
{
    mm_err why = {0};
    mm_status st = mm_walk_open(&s->walk, path, &s->o, &s->skipped, &why);
    if (st == MM_SKIP) {
        mm_blob_fail(*b, "open", "%s", why.text);
        return MM_OK;
    }
    if (st != MM_OK) {
        *e = why;
        return st;
    }
    s->directory = path;
    mm_arena_reset(&s->names);
    s->place = mm_str_of(mm_arena_strdup(&s->names, s->o.root ? (*b)->path : MM_STR("")));
    mm_blob_free(*b);
    *b = NULL;
    if (!s->place.p)
        return mm_fail_memory(e);
    if (!mm_key_merges(s->keyer.rule))
        return MM_OK;
    st = mm_sorted_walk_take(&s->listing, s->walk, s->place, &s->keyer, e);
    mm_walk_close(s->walk);
    s->walk = NULL;
    return st;
}

static mm_status open_operand(mm_source *s, const char *path, mm_blob **out, mm_err *e)
{
    struct stat st;
    char why[128];
    mm_blob *b = *out = mm_blob_new();
    if (!b)
        return mm_fail_memory(e);
    if (strcmp(path, "-") == 0) {
        open_stdin(b);
        return MM_OK;
    }
    if (mm_blob_name_operand(b, &s->keyer, s->o.root, path, e) != MM_OK)
        return MM_FATAL;
    if (b->status != MM_OK)
        return MM_OK;
    if (!b->named && !s->o.hidden && mm_path_hidden(b->path)) {
        skip(s, out, MM_HINT_HIDDEN, "hidden");
    } else if (stat(path, &st) != 0) {
        mm_blob_fail(b, "open", "%s", mm_open_failure(path, "mm-decode", why, sizeof why));
    } else if (S_ISDIR(st.st_mode)) {
        return enter_directory(s, out, path, e);
    } else if (S_ISREG(st.st_mode)) {
        open_file(s, b, path);
    } else {
        b->fd = mm_open_special(path, &st);
        b->size = b->fd < 0 ? 0 : UNREAD_PIPE;
        if (b->fd < 0)
            mm_blob_fail(b, "open", "%s", strerror(errno));
    }
    return MM_OK;
}

static mm_status next_operand(mm_source *s, mm_blob **out, mm_err *e)
{
    const char *path;
    mm_status st = MM_OK;
    if (s->next < s->n)
        path = s->operands[s->next];
    else
        st = s->o.more ? s->o.more(s->o.more_ctx, &path, e) : MM_EOF;
    if (st != MM_OK)
        return st;
    s->next++;
    return open_operand(s, path, out, e);
}

/* ---- directories ---- */

/* Notes whether a file begins a new group. */
static mm_status follow_groups(mm_group *g, mm_str rel, mm_err *e)
{
    mm_str stem = mm_path_stem(rel), none = {NULL, 0};
    mm_str below = g->stem.p ? mm_path_below(stem, (mm_str){(const char *)g->stem.p, g->stem.n}) : none;
    if (below.p && (below.n == 0 || g->archive))
        return MM_OK;
    g->stem.n = 0;
    g->archive = false;
    g->begun = true;
    return mm_buf_append(&g->stem, stem.p, stem.n, e);
}

static mm_status open_found(mm_source *s, const mm_walk_item *item, mm_blob **out, mm_err *e)
{
    mm_blob *b = *out = mm_blob_new();
    if (!b)
        return mm_fail_memory(e);
    if (mm_blob_name_found(b, &s->keyer, s->directory, s->place, item->rel, item->path.p, e) != MM_OK)
        return MM_FATAL;
    if (item->status == MM_OK)
        open_file(s, b, item->path.p);
    else
        mm_blob_fail(b, "open", "%s", item->err.text);
    return MM_OK;
}

static mm_status next_walked(mm_source *s, mm_blob **out, mm_err *e)
{
    mm_arena scratch = {0};
    mm_walk_item item;
    mm_status st = mm_walk_next(s->walk, &scratch, &item, e);
    if (st == MM_OK)
        st = follow_groups(&s->group, item.rel, e);
    if (st == MM_OK)
        st = open_found(s, &item, out, e);
    mm_arena_free(&scratch);
    return st;
}

/* ---- next ---- */

/* The next blob, or *out NULL when the innermost of archive, directory and list of operands is at its end. */
static mm_status next_blob(mm_source *s, mm_blob **out, mm_err *e)
{
    mm_status st;
    const mm_walk_item *item;
    *out = NULL;
    if (s->archive) {
        st = mm_archive_next(s->archive, out, e);
        if (st == MM_EOF)
            leave_archive(s);
    } else if (s->listing) {
        item = mm_sorted_walk_next(s->listing);
        st = item ? open_found(s, item, out, e) : MM_EOF;
        if (st == MM_EOF) {
            mm_sorted_walk_free(s->listing);
            s->listing = NULL;
        }
    } else if (s->walk) {
        st = next_walked(s, out, e);
        if (st == MM_EOF) {
            mm_walk_close(s->walk);
            s->walk = NULL;
        }
    } else if (s->given) {
        *out = s->given;
        s->given = NULL;
        return MM_OK;
    } else {
        return next_operand(s, out, e);
    }
    return st == MM_EOF ? MM_OK : st;
}

mm_status mm_source_next(mm_source *s, mm_blob **b, mm_err *e)
{
    locale_t before = s->utf8 ? uselocale(s->utf8) : (locale_t)0;
    mm_status st;
    do {
        st = next_blob(s, b, e);
        if (st == MM_OK && *b && (*b)->status == MM_OK && !(*b)->kept)
            st = examine(s, b, e);
    } while (st == MM_OK && !*b);
    if (st == MM_OK) {
        (*b)->number = s->number++;
        (*b)->operand = s->next - 1;
        (*b)->unfit = !mm_keyer_fits(&s->keyer, mm_blob_arena(*b), (*b)->path);
        (*b)->fresh = s->group.begun && s->n == 1 && !s->o.more;
        s->group.begun = false;
    } else {
        mm_blob_free(*b);
        *b = NULL;
    }
    if (s->utf8)
        uselocale(before);
    return st;
}
