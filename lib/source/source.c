#include "source/source.h"

#include "base/file.h"
#include "format/claim.h"
#include "format/sniff.h"
#include "source/archive.h"
#include "source/blob.h"
#include "source/embedded_archive.h"
#include "source/path.h"
#include "source/walk.h"
#include "source/walk_by_key.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where keys of one directory may repeat: files of one stem, and with an archive among them what lies below that stem.
 * A walk in the order of keys comes to it once. */
typedef struct {
    mm_buf stem;
    bool archive, begun; /* begun: the next blob is its first */
} mm_group;

struct mm_source {
    const char *const *operands;
    int n, next;
    mm_source_opts o;
    mm_keyer keyer;
    locale_t utf8; /* libarchive gives no name for a member whose name the locale cannot hold */
    int64_t skipped, number;
    mm_archive *archive;   /* the innermost that is open */
    mm_walk *walk;         /* the directory that is being walked … */
    mm_listing *listing;   /* … or all of its files, when keys are not their paths */
    const char *directory; /* that is being walked, and its own path below opts.root */
    mm_str place;
    mm_arena names; /* holds it */
    mm_group group;
};

static void fill_defaults(mm_source_opts *o)
{
    if (o->max_bytes <= 0)
        o->max_bytes = (int64_t)4 << 30;
    if (o->max_depth <= 0)
        o->max_depth = 4;
    if (o->max_ratio <= 0)
        o->max_ratio = 1000;
}

mm_status mm_source_open(mm_source **out, const char *const *operands, int n, const mm_source_opts *o, mm_err *e)
{
    mm_source *s = *out = calloc(1, sizeof *s);
    if (!s)
        return mm_fail_memory(e);
    s->operands = operands;
    s->n = n;
    s->o = *o;
    fill_defaults(&s->o);
    s->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    mm_status st = mm_keyer_open(&s->keyer, o->key_rule, o->key_regex, e);
    if (st != MM_OK) {
        mm_source_close(s);
        *out = NULL;
    }
    return st;
}

static void pop_archive(mm_source *s, mm_archive *outer)
{
    mm_archive_close(s->archive);
    s->archive = outer;
}

void mm_source_close(mm_source *s)
{
    if (!s)
        return;
    while (s->archive)
        pop_archive(s, mm_archive_outer(s->archive));
    mm_walk_close(s->walk);
    mm_listing_free(s->listing);
    mm_keyer_close(&s->keyer);
    mm_arena_free(&s->names);
    mm_buf_free(&s->group.stem);
    if (s->utf8)
        freelocale(s->utf8);
    free(s);
}

int64_t mm_source_skipped(const mm_source *s)
{
    return s->skipped;
}

/* ---- names ---- */

/* The name of the directory at path, or of the one that it lies in, when the path itself does not tell ("."). */
static mm_str real_name(mm_arena *a, const char *path, bool parent)
{
    char *real = realpath(path, NULL);
    mm_str name = {"", 0};
    if (real) {
        mm_str r = mm_str_of(real);
        name = mm_path_escape(a, parent ? mm_path_dir(r) : mm_path_base(r));
        name = mm_str_of(mm_arena_strdup(a, name));
        free(real);
    }
    return name;
}

static mm_status name_given(mm_blob *b, const char *path, mm_err *e)
{
    mm_arena *a = mm_blob_arena(b);
    b->given = mm_path_clean(a, mm_str_of(path));
    b->src = mm_str_of(mm_arena_strdup(a, mm_str_of(path)));
    if (b->src.p)
        b->src = mm_path_escape(a, b->src);
    return b->given.p && b->src.p ? MM_OK : mm_fail_memory(e);
}

/* By all of its path, or by what of it lies below opts.root; an operand that lies elsewhere is noted in b. */
static mm_status name_operand(mm_source *s, mm_blob *b, const char *path, mm_err *e)
{
    mm_arena *a = mm_blob_arena(b);
    mm_str root = mm_path_clean(a, mm_str_of(s->o.root ? s->o.root : ""));
    if (!root.p || name_given(b, path, e) != MM_OK)
        return mm_fail_memory(e);
    b->named = !s->o.root;
    b->path = mm_path_below(b->given, root);
    if (!b->path.p || (b->path.n == 0 && !mm_path_is_directory(path))) {
        b->path = b->given;
        mm_blob_fail(b, "root", "it does not lie below %s (--root)", s->o.root);
    }
    b->key = mm_keyer_key(&s->keyer, a, b->path);
    b->dir = mm_path_dir(b->given);
    if (b->dir.n == 0)
        b->dir = real_name(a, path, true);
    return b->key.p && b->dir.p ? MM_OK : mm_fail_memory(e);
}

static mm_status name_found(mm_source *s, mm_blob *b, const mm_walk_item *item, mm_err *e)
{
    mm_arena *a = mm_blob_arena(b);
    b->path = mm_path_clean(a, mm_path_join(a, s->place, item->rel));
    if (!b->path.p || name_given(b, item->path.p, e) != MM_OK)
        return mm_fail_memory(e);
    b->key = mm_keyer_key(&s->keyer, a, b->path);
    b->dir = mm_path_dir(b->path);
    if (b->dir.n == 0)
        b->dir = real_name(a, s->directory, false);
    return b->key.p && b->dir.p ? MM_OK : mm_fail_memory(e);
}

/* ---- one file: a blob to hand out, or an archive to go into ---- */

typedef enum { PLAIN, PACKED, CONTAINER, PERHAPS } shape;

static shape shape_of(const mm_blob *b, const uint8_t *head, size_t n)
{
    if (mm_sniff_is_packed(head, n))
        return PACKED;
    int64_t front;
    mm_sniff is = mm_sniff_bytes(head, n, b->path);
    if (is == MM_SNIFF_ARCHIVE)
        return CONTAINER;
    if ((is == MM_SNIFF_NONE || is == MM_SNIFF_TEXT) && mm_blob_ends_as_zip(b, &front))
        return CONTAINER;
    if (is != MM_SNIFF_NONE)
        return PLAIN;
    if (mm_sniff_is_program(head, n) && mm_blob_is_self_extracting(b))
        return PERHAPS;
    return mm_blob_is_iso(b) ? CONTAINER : PLAIN;
}

/* What to do about a file that is only a part of an archive; an empty text for others. */
static const char *volume_hint(const mm_blob *b, char *out, size_t size)
{
    if (!mm_volume_advice(b->path, out, size) && mm_blob_is_last_zip_volume(b))
        snprintf(out, size, "; the last volume of a set: zip -s 0 %.*s --out whole.zip joins them",
                 MM_STRF(mm_path_base(b->path)));
    return out;
}

/* Goes into b. MM_OK: done, b is the archive's; MM_EOF: there is nothing in it; MM_SKIP: noted in b. */
static mm_status enter(mm_source *s, mm_blob *b, mm_str head, shape is, mm_err *e)
{
    mm_archive_opts ao = {&s->o, &s->keyer, s->archive, &s->skipped};
    mm_archive *inner = NULL;
    const char *code = "archive";
    char hint[160];
    mm_err why = {0};
    if (s->archive && mm_archive_depth(s->archive) >= s->o.max_depth) {
        mm_blob_fail(b, "depth", "archives are nested more than %d deep (--max-depth)", s->o.max_depth);
        return MM_SKIP;
    }
    mm_status st = mm_archive_open(&inner, b, head, is == PACKED, &ao, &code, &why);
    s->group.archive |= st == MM_OK;
    if (st == MM_OK)
        s->archive = inner;
    else if (st == MM_SKIP)
        mm_blob_fail(b, code, "%s%s", why.text, volume_hint(b, hint, sizeof hint));
    else if (st == MM_FATAL)
        *e = why;
    return st;
}

static void pass_over(mm_source *s, mm_blob *b, const char *why)
{
    s->skipped++;
    mm_say(s->o.log, MM_LOG_INFO, "%.*s: skipped: %s", MM_STRF(b->src), why);
    mm_blob_free(b);
}

/* Whether a file of that name should not be empty: a text may be. */
static bool is_promised(mm_str path)
{
    mm_claim claim = mm_name_claims(path);
    return claim != MM_CLAIM_NOTHING && claim != MM_CLAIM_TEXT && claim != MM_CLAIM_DOCUMENT && claim != MM_CLAIM_TABLE;
}

/* Whether an archive without members is a fault: a picture that was packed, a volume of a set. */
static bool should_hold_something(const mm_blob *b, shape is)
{
    char hint[160];
    mm_str path = mm_path_unpacked(b->path);
    return *volume_hint(b, hint, sizeof hint) ||
           (is == PACKED && is_promised(path) && mm_name_claims(path) != MM_CLAIM_ARCHIVE);
}

/* Decides about a blob whose bytes can be had. *out is the blob, or NULL when it was an archive. */
static mm_status settle(mm_source *s, mm_blob *b, mm_blob **out, mm_err *e)
{
    *out = b;
    if (b->status != MM_OK)
        return MM_OK;
    uint8_t head[MM_SNIFF_HEAD];
    int64_t n = mm_blob_read(b, 0, head, sizeof head);
    if (n < 0) {
        mm_blob_fail(b, "read", "%s", strerror(errno));
        return MM_OK;
    }
    if (n == 0 && is_promised(b->path)) {
        mm_blob_fail(b, "empty", "the file is empty");
        return MM_OK;
    }
    shape is = shape_of(b, head, (size_t)n);
    if (is == PLAIN) {
        char hint[160];
        if (mm_volume_advice(b->path, hint, sizeof hint))
            mm_blob_fail(b, "volume", "%s", hint + strlen("; "));
        return MM_OK;
    }
    mm_status st = enter(s, b, (mm_str){NULL, 0}, is, e);
    if (st == MM_FATAL)
        return st;
    if (st == MM_SKIP && is == PERHAPS) { /* a program that only mentions an archive's signature */
        b->status = MM_OK;
        return MM_OK;
    }
    if (st == MM_EOF && should_hold_something(b, is)) {
        mm_blob_fail(b, "empty", "nothing is in it, or zeros only%s", volume_hint(b, (char[160]){""}, 160));
        return MM_OK;
    }
    if (st == MM_EOF)
        pass_over(s, b, "an empty archive");
    if (st != MM_SKIP)
        *out = NULL;
    return MM_OK;
}

/* ---- pipes ---- */

static mm_status settle_pipe(mm_source *s, mm_blob *b, mm_blob **out, mm_err *e)
{
    uint8_t *head = mm_arena_alloc(mm_blob_arena(b), MM_SNIFF_HEAD);
    int64_t n = head ? mm_pipe_read(b->fd, head, MM_SNIFF_HEAD) : 0;
    *out = b;
    if (!head)
        return mm_fail_memory(e);
    if (n < 0) {
        mm_blob_fail(b, "read", "%s", strerror(errno));
        return MM_OK;
    }
    bool packed = mm_sniff_is_packed(head, (size_t)n);
    if (packed || (mm_sniff_is_tape(head, (size_t)n))) {
        mm_status st = enter(s, b, (mm_str){(char *)head, (size_t)n}, packed ? PACKED : CONTAINER, e);
        if (st == MM_EOF)
            pass_over(s, b, "an empty archive");
        if (st == MM_OK || st == MM_EOF)
            *out = NULL;
        return st == MM_FATAL ? st : MM_OK;
    }
    mm_status st = mm_blob_swallow(b, head, n, s->o.max_bytes, e);
    return st == MM_OK ? settle(s, b, out, e) : st;
}

/* ---- regular files ---- */

static bool is_kept(mm_source *s, mm_blob *b, const char *path)
{
    struct stat st;
    if (!s->o.keep || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    b->size = st.st_size;
    b->changed = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    b->file = mm_arena_strdup(mm_blob_arena(b), mm_str_of(path));
    b->kept = b->file && s->o.keep(s->o.keep_ctx, b);
    s->group.archive |= b->kept; /* it may be one */
    return b->kept;
}

static mm_status open_regular(mm_source *s, mm_blob *b, const char *path, mm_blob **out, mm_err *e)
{
    *out = b;
    if (is_kept(s, b, path))
        return MM_OK;
    mm_blob_open_file(b, path);
    return settle(s, b, out, e);
}

/* ---- operands ---- */

static mm_status open_stdin(mm_source *s, mm_blob *b, mm_blob **out, mm_err *e)
{
    struct stat st;
    b->named = true;
    b->key = b->src = b->path = b->given = MM_STR("-");
    b->dir = (mm_str){"", 0};
    b->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (b->fd < 0 || fstat(b->fd, &st) != 0) {
        mm_blob_fail(b, "open", "standard input: %s", strerror(errno));
        *out = b;
        return MM_OK;
    }
    if (S_ISREG(st.st_mode) && lseek(b->fd, 0, SEEK_CUR) == 0) {
        b->size = st.st_size;
        return settle(s, b, out, e);
    }
    return settle_pipe(s, b, out, e);
}

static mm_status open_directory(mm_source *s, mm_blob *b, const char *path, mm_blob **out, mm_err *e)
{
    mm_err why = {0};
    mm_status st = mm_walk_open(&s->walk, path, &s->o, &s->skipped, &why);
    *out = b;
    if (st == MM_SKIP) {
        mm_blob_fail(b, "open", "%s", why.text);
        return MM_OK;
    }
    if (st != MM_OK) {
        *e = why;
        return st;
    }
    s->directory = path;
    s->place = mm_str_of(mm_arena_strdup(&s->names, s->o.root ? b->path : MM_STR("")));
    *out = NULL;
    mm_blob_free(b);
    if (!s->place.p)
        return mm_fail_memory(e);
    if (!mm_key_merges(s->keyer.rule))
        return MM_OK;
    st = mm_listing_take(&s->listing, s->walk, s->place, &s->keyer, e);
    mm_walk_close(s->walk);
    s->walk = NULL;
    return st;
}

static mm_status open_operand(mm_source *s, const char *path, mm_blob **out, mm_err *e)
{
    mm_blob *b = mm_blob_new();
    struct stat st;
    char why[128];
    if (!b)
        return mm_fail_memory(e);
    if (strcmp(path, "-") == 0)
        return open_stdin(s, b, out, e);
    *out = b;
    if (name_operand(s, b, path, e) != MM_OK)
        return MM_FATAL;
    if (b->status != MM_OK)
        return MM_OK;
    if (!b->named && !s->o.hidden && mm_path_hidden(b->path)) {
        pass_over(s, b, "hidden (--hidden takes it)");
        *out = NULL;
        return MM_OK;
    }
    if (stat(path, &st) != 0) {
        mm_blob_fail(b, "open", "%s", mm_open_failure(path, "mm-decode", why, sizeof why));
        return MM_OK;
    }
    if (S_ISDIR(st.st_mode))
        return open_directory(s, b, path, out, e);
    if (S_ISREG(st.st_mode))
        return open_regular(s, b, path, out, e);
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (b->fd < 0) {
        mm_blob_fail(b, "open", "%s", strerror(errno));
        return MM_OK;
    }
    return settle_pipe(s, b, out, e);
}

/* ---- directories ---- */

static bool in_group(const mm_group *g, mm_str stem)
{
    mm_str below = g->stem.p ? mm_path_below(stem, (mm_str){(const char *)g->stem.p, g->stem.n}) : (mm_str){NULL, 0};
    return below.p && (below.n == 0 || g->archive);
}

static mm_status follow_groups(mm_group *g, mm_str rel, mm_err *e)
{
    mm_str stem = mm_path_stem(rel);
    if (in_group(g, stem))
        return MM_OK;
    g->stem.n = 0;
    g->archive = false;
    g->begun = true;
    return mm_buf_append(&g->stem, stem.p, stem.n, e);
}

static mm_status open_found(mm_source *s, const mm_walk_item *item, mm_blob **out, mm_err *e)
{
    mm_blob *b = *out = mm_blob_new();
    if (!b || name_found(s, b, item, e) != MM_OK)
        return mm_fail_memory(e);
    if (item->status == MM_OK)
        return open_regular(s, b, item->path.p, out, e);
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
    else if (st == MM_EOF) {
        mm_walk_close(s->walk);
        s->walk = NULL;
    }
    mm_arena_free(&scratch);
    return st;
}

static mm_status next_listed(mm_source *s, mm_blob **out, mm_err *e)
{
    const mm_walk_item *item = mm_listing_next(s->listing);
    if (item)
        return open_found(s, item, out, e);
    mm_listing_free(s->listing);
    s->listing = NULL;
    return MM_EOF;
}

/* ---- next ---- */

static mm_status next_member(mm_source *s, mm_blob **out, mm_err *e)
{
    mm_blob *m;
    mm_status st = mm_archive_next(s->archive, &m, e);
    if (st == MM_EOF)
        pop_archive(s, mm_archive_outer(s->archive));
    return st == MM_OK ? settle(s, m, out, e) : st;
}

static mm_status step(mm_source *s, mm_blob **out, mm_err *e)
{
    mm_status st = MM_EOF;
    *out = NULL;
    if (s->archive)
        st = next_member(s, out, e);
    else if (s->listing)
        st = next_listed(s, out, e);
    else if (s->walk)
        st = next_walked(s, out, e);
    else if (s->next < s->n)
        st = open_operand(s, s->operands[s->next++], out, e);
    else
        return MM_EOF;
    return st == MM_EOF ? MM_OK : st;
}

mm_status mm_source_next(mm_source *s, mm_blob **b, mm_err *e)
{
    locale_t before = s->utf8 ? uselocale(s->utf8) : (locale_t)0;
    mm_status st;
    do
        st = step(s, b, e);
    while (st == MM_OK && !*b);
    if (st != MM_OK) {
        mm_blob_free(*b);
        *b = NULL;
    } else {
        (*b)->number = s->number++;
        (*b)->operand = s->next - 1;
        (*b)->unfit = !mm_keyer_fits(&s->keyer, mm_blob_arena(*b), (*b)->path);
        (*b)->fresh = s->group.begun && s->n == 1;
        s->group.begun = false;
    }
    if (s->utf8)
        uselocale(before);
    return st;
}
