#include "source/archive.h"

#include "format/claim.h"
#include "source/archive_links.h"
#include "source/embedded_archive.h"
#include "source/path.h"
#include "source/unpack.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 128 * 1024, WALKS = 64 };
#define ENCRYPTED "encrypted: extract it with its password first"
static const int64_t RATIO_FREE = (int64_t)64 << 20; /* small files that expand a lot are no bombs */

struct mm_archive {
    mm_archive_opts o;
    mm_unpack *u;
    mm_blob *b;
    bool is_pipe;
    bool dead;  /* a limit ended it */
    bool ahead; /* `first` has been read and not yet handed out */
    mm_unpack_entry first;
    int64_t out;     /* decompressed so far, with the members of inner archives */
    int64_t members; /* entries that came so far */
    bool packed;
    mm_links links;
    mm_unpack *again; /* a second reader, for what links lead to */
    int64_t again_at; /* the number of its next member */
    int64_t walked;   /* members that it has passed */
    mm_arena scratch; /* of one entry */
    mm_err broken;    /* of a member that was passed over, with its code, or NULL: nothing can be read after it */
    const char *broken_code;
    int64_t unread; /* bytes in front of it that are an archive, too, and are not read */
    char hint[160]; /* what to do about damage: it is a volume of a set */
    uint8_t chunk[CHUNK];
};

/* ---- open and close ---- */

static bool is_zip(const mm_blob *b)
{
    uint8_t mark[4];
    return mm_blob_read(b, 0, mark, 4) == 4 && memcmp(mark, "PK\3\4", 4) == 0;
}

mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e)
{
    mm_archive *a = *out = calloc(1, sizeof *a);
    if (!a)
        return mm_fail_memory(e);
    a->o = *o;
    a->b = b;
    a->is_pipe = head.p != NULL;
    a->packed = packed;
    mm_volume_advice(b->path, a->hint, sizeof a->hint);
    if (!a->is_pipe && !packed && is_zip(b) && (!mm_blob_ends_as_zip(b, &a->unread) || a->unread < 0))
        a->unread = 0;
    mm_status s = mm_unpack_open(&a->u, b, head, packed, code, e);
    if (s == MM_OK)
        s = mm_unpack_next(a->u, &a->first, code, e); /* what has no first member is no archive */
    a->ahead = s == MM_OK;
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
    mm_unpack_close(a->u);
    mm_unpack_close(a->again);
    mm_links_free(&a->links);
    mm_arena_free(&a->scratch);
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
        int64_t in = x->is_pipe ? mm_unpack_taken(x->u) : x->b->size;
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

/* Passes over the rest of the current member, under the same limits as if it were wanted. When nothing can be read
 * after it, that is said at the end. */
static void drain(mm_archive *a)
{
    const char *code = "archive";
    mm_err why;
    int64_t n = 0;
    if (mm_unpack_skips_free(a->u) || mm_unpack_dead(a->u))
        return;
    while (!a->dead && (n = mm_unpack_data(a->u, a->chunk, sizeof a->chunk, &code, &why)) > 0)
        if (account(a, n, &why) != MM_OK)
            return;
    if (n < 0 && mm_unpack_dead(a->u)) {
        a->broken = why;
        a->broken_code = code;
    }
}

/* ---- members ---- */

/* The data of u's current member into the spool. What fails is noted in the blob. MM_FATAL only when memory is out. */
static mm_status read_member(mm_archive *a, mm_unpack *u, mm_blob *m, mm_spool *s, mm_err *e)
{
    const char *code = "archive";
    mm_err why;
    mm_status st = MM_OK;
    int64_t n;
    while (st == MM_OK && (n = mm_unpack_data(u, a->chunk, sizeof a->chunk, &code, &why)) != 0) {
        if (n < 0) {
            mm_blob_fail(m, code, "%s%s%s", why.text,
                         mm_unpack_dead(u) ? "; the rest of the archive cannot be read" : "", a->hint);
            break;
        }
        if (account(a, n, &why) != MM_OK) {
            mm_blob_fail(m, "ratio", "%s", why.text);
            break;
        }
        if (s->n + n > a->o.o->max_bytes) {
            mm_blob_fail(m, "too-large", "more than %lld bytes (--max-bytes)", (long long)a->o.o->max_bytes);
            break;
        }
        st = mm_spool_add(s, a->chunk, (size_t)n, e);
        if (st == MM_SKIP)
            mm_blob_fail(m, "temporary", "%s", e->text);
    }
    return st == MM_SKIP ? MM_OK : st;
}

/* Reads u's current member into m. */
static mm_status fill(mm_archive *a, mm_unpack *u, const mm_unpack_entry *x, mm_blob *m, mm_err *e)
{
    mm_spool s;
    mm_spool_init(&s);
    if (x->encrypted) {
        mm_blob_fail(m, "encrypted", ENCRYPTED);
        return MM_OK;
    }
    mm_status st = read_member(a, u, m, &s, e);
    if (st == MM_OK && m->status == MM_OK)
        mm_spool_into(&s, m);
    mm_spool_free(&s);
    return st;
}

/* The single file of a compressed stream: the stream's own names without its extension. */
static void name_unpacked(const mm_archive *a, mm_blob *m)
{
    mm_arena *arena = mm_blob_arena(m);
    const mm_blob *b = a->b;
    bool cut = mm_key_merges(a->o.keyer->rule) && !mm_str_is(b->key, "-");
    m->path = mm_str_of(mm_arena_strdup(arena, mm_path_unpacked(b->path)));
    m->given = mm_str_of(mm_arena_strdup(arena, mm_path_unpacked(b->given)));
    m->src = mm_str_of(mm_arena_strdup(arena, b->src));
    m->dir = mm_str_of(mm_arena_strdup(arena, b->dir));
    m->named = b->named;
    if (m->path.p)
        m->key = cut ? mm_keyer_key(a->o.keyer, arena, m->path) : mm_str_of(mm_arena_strdup(arena, b->key));
}

/* A key that is a path continues the archive's own; one that is cut out of the path is cut out of all of it. */
static mm_str key_inside(const mm_archive *a, mm_arena *arena, mm_str name, mm_str path)
{
    const mm_keyer *k = a->o.keyer;
    bool bare = a->b->named && (k->rule != MM_KEY_ARCHIVE || mm_str_is(a->b->key, "-"));
    if (mm_key_merges(k->rule))
        return mm_keyer_key(k, arena, path);
    return mm_path_join(arena, bare ? (mm_str){"", 0} : a->b->key, mm_keyer_key(k, arena, name));
}

static void name_inside(const mm_archive *a, mm_blob *m, mm_str raw)
{
    mm_arena *arena = mm_blob_arena(m);
    const mm_blob *b = a->b;
    const mm_str none = {"", 0};
    mm_str name = mm_path_clean(arena, raw);
    if (name.p && name.n == 0)
        name = mm_str_of(mm_arena_printf(arena, "unnamed-%lld", (long long)a->members));
    if (!name.p)
        return;
    m->path = mm_path_join(arena, b->named ? none : mm_path_stem(b->path), name);
    m->given = mm_path_join(arena, mm_str_is(b->given, "-") ? none : mm_path_stem(b->given), name);
    m->src = mm_str_of(mm_arena_printf(arena, "%.*s!%.*s", MM_STRF(b->src), MM_STRF(name)));
    if (!m->path.p)
        return;
    m->key = key_inside(a, arena, name, m->path);
    m->dir = mm_path_dir(m->path);
    if (m->dir.n == 0)
        m->dir = mm_str_of(mm_arena_strdup(arena, mm_path_stem(mm_path_base(b->path))));
}

/* path, given, key, src and dir of a member. False when memory is out. */
static bool name_member(const mm_archive *a, mm_blob *m, mm_str raw)
{
    m->stamp = a->b->stamp;
    m->inside = true;
    m->unpacked = mm_unpack_is_raw(a->u) && (!a->b->inside || a->b->unpacked);
    if (mm_unpack_is_raw(a->u))
        name_unpacked(a, m);
    else
        name_inside(a, m, raw);
    return m->path.p && m->given.p && m->src.p && m->dir.p && m->key.p;
}

static void pass_over(mm_archive *a, mm_str name, const char *why)
{
    ++*a->o.skipped;
    mm_say(a->o.o->log, MM_LOG_INFO, "%.*s!%.*s: skipped: %s", MM_STRF(a->b->src), MM_STRF(name), why);
}

/* ---- links: what they lead to is read a second time ---- */

/* Takes the second reader to member `at`. What fails is noted in the blob. */
static bool find_again(mm_archive *a, int64_t at, mm_unpack_entry *x, mm_blob *m)
{
    const char *code = "archive";
    mm_err why = {0};
    mm_status st = MM_OK;
    if (a->again && a->again_at > at) {
        mm_unpack_close(a->again);
        a->again = NULL;
    }
    if (!a->again) {
        st = mm_unpack_open(&a->again, a->b, (mm_str){NULL, 0}, a->packed, &code, &why);
        a->again_at = 0;
    }
    while (st != MM_EOF && a->again && a->again_at <= at && a->walked <= WALKS * (a->members + WALKS)) {
        st = mm_unpack_next(a->again, x, &code, &why);
        a->again_at += st == MM_OK;
        a->walked++;
    }
    if (st == MM_OK && a->again_at > at)
        return true;
    if (st == MM_OK)
        mm_blob_fail(m, "link", "links lead back and forth in the archive too often: unpack it first");
    else
        mm_blob_fail(m, code, "the member that it links to: %s", st == MM_EOF ? "not found again" : why.text);
    return false;
}

/* m becomes what member `at` holds. */
static mm_status fill_link(mm_archive *a, int64_t at, mm_blob *m, mm_err *e)
{
    mm_unpack_entry x;
    if (a->is_pipe) {
        mm_blob_fail(m, "link", "a link to a member that has gone by: give the archive as a file, a pipe is read once");
        return MM_OK;
    }
    return find_again(a, at, &x, m) ? fill(a, a->again, &x, m, e) : MM_OK;
}

/* A link by its cleaned name. MM_EOF: passed over, or kept for the end. */
static mm_status take_link(mm_archive *a, const mm_unpack_entry *x, int64_t own, mm_str name, mm_blob *m, mm_err *e)
{
    mm_str target = x->shared    ? name
                    : x->symlink ? mm_link_target(&a->scratch, name, x->link)
                                 : mm_path_clean(&a->scratch, x->link);
    int64_t at = mm_links_find(&a->links, target);
    if (x->shared || at == MM_LEADS_NOWHERE)
        return mm_links_defer(&a->links, name, target, x->shared ? own : MM_LEADS_NOWHERE) ? MM_EOF : mm_fail_memory(e);
    if (!mm_links_note(&a->links, name, at))
        return mm_fail_memory(e);
    if (at == MM_LEADS_TO_DIRECTORY) {
        pass_over(a, name, "a link to a directory");
        return MM_EOF;
    }
    return name_member(a, m, x->name) ? fill_link(a, at, m, e) : mm_fail_memory(e);
}

/* At the end of the archive: links whose targets came after them, then those that lead nowhere. */
static mm_status take_late_link(mm_archive *a, mm_blob *m, mm_err *e)
{
    int64_t at;
    const mm_late_link *link;
    while ((link = mm_links_next_late(&a->links, &at)) && at == MM_LEADS_TO_DIRECTORY) {
        pass_over(a, link->name, "a link to a directory");
        if (!mm_links_note(&a->links, link->name, at))
            return mm_fail_memory(e);
    }
    if (!link)
        return MM_EOF;
    if (!name_member(a, m, link->name) || (at >= 0 && !mm_links_note(&a->links, link->name, at)))
        return mm_fail_memory(e);
    if (at >= 0)
        return fill_link(a, at, m, e);
    if (link->target.p)
        mm_blob_fail(m, "link", "a link that leads nowhere: the archive has no %.*s", MM_STRF(link->target));
    else
        mm_blob_fail(m, "link", "a link that leads out of the archive");
    return MM_OK;
}

/* ---- the next member ---- */

/* Why an entry is nothing to decode; NULL when it may be. */
static const char *no_file(const mm_archive *a, const mm_unpack_entry *x, mm_str name)
{
    if (!x->symlink && !x->hardlink && !x->regular)
        return "neither a file nor a directory";
    if (!a->o.o->hidden && !mm_unpack_is_raw(a->u) && name.n && mm_path_hidden(name))
        return "hidden (--hidden takes it)";
    return NULL;
}

/* Notes where the entry's name leads. False when memory is out. */
static bool note(mm_archive *a, const mm_unpack_entry *x, mm_str name, int64_t at)
{
    if (x->directory)
        return mm_links_note(&a->links, name, MM_LEADS_TO_DIRECTORY);
    if (x->symlink || x->shared || (x->hardlink && x->size <= 0))
        return true;
    if (!x->hardlink)
        return mm_links_note(&a->links, name, at);
    mm_str first = mm_path_clean(&a->scratch, x->link); /* cpio keeps the data of several names at the last of them */
    return first.p && mm_links_note(&a->links, name, at) && mm_links_note(&a->links, first, at);
}

/* MM_OK: m is the entry's file, or says why it is none; MM_EOF: passed over. */
static mm_status take_entry(mm_archive *a, const mm_unpack_entry *x, int64_t at, mm_blob *m, mm_err *e)
{
    mm_str name = mm_path_clean(&a->scratch, x->name);
    if (!name.p || !note(a, x, name, at))
        return mm_fail_memory(e);
    const char *no = x->directory ? NULL : no_file(a, x, name);
    if (no)
        pass_over(a, name, no);
    if (no || x->directory)
        return MM_EOF;
    if (x->symlink || x->shared || (x->hardlink && x->size <= 0))
        return take_link(a, x, at, name, m, e);
    return name_member(a, m, x->name) ? fill(a, a->u, x, m, e) : mm_fail_memory(e);
}

/* m becomes an error of the archive as a whole. */
static mm_status fail_whole(const mm_archive *a, mm_blob *m, const char *code, const char *why, mm_err *e)
{
    mm_arena *arena = mm_blob_arena(m);
    m->path = mm_str_of(mm_arena_strdup(arena, a->b->path));
    m->given = mm_str_of(mm_arena_strdup(arena, a->b->given));
    m->src = mm_str_of(mm_arena_strdup(arena, a->b->src));
    m->key = mm_str_of(mm_arena_strdup(arena, a->b->key));
    m->dir = (mm_str){"", 0};
    m->stamp = a->b->stamp;
    m->inside = true;
    mm_blob_fail(m, code, "%s%s", why, a->hint);
    return m->path.p && m->given.p && m->src.p && m->key.p ? MM_OK : mm_fail_memory(e);
}

static mm_status broken_header(mm_archive *a, mm_blob *m, const char *code, const mm_err *why_not, mm_err *e)
{
    char why[sizeof why_not->text + 64];
    snprintf(why, sizeof why, "%s%s", why_not->text,
             mm_unpack_dead(a->u) ? "; the rest of the archive cannot be read" : "");
    return fail_whole(a, m, code, why, e);
}

static mm_status at_end(mm_archive *a, mm_blob *m, mm_err *e)
{
    char why[120];
    mm_status s = take_late_link(a, m, e);
    const char *code = a->broken_code;
    if (s == MM_EOF && code) {
        a->broken_code = NULL;
        return broken_header(a, m, code, &a->broken, e);
    }
    if (s != MM_EOF || a->unread == 0)
        return s;
    snprintf(why, sizeof why, "%lld bytes in front of it are another archive: cut the file in two to read that, too",
             (long long)a->unread);
    a->unread = 0;
    return fail_whole(a, m, "archive", why, e);
}

static mm_status next_member(mm_archive *a, mm_blob *m, mm_err *e)
{
    for (;;) {
        mm_unpack_entry x = a->first;
        const char *code = "archive";
        mm_err why = {0};
        if (a->dead)
            return MM_EOF;
        mm_status s = a->ahead ? MM_OK : mm_unpack_next(a->u, &x, &code, &why);
        a->ahead = false;
        if (s == MM_SKIP)
            return broken_header(a, m, code, &why, e);
        if (s == MM_EOF)
            return at_end(a, m, e);
        if (s == MM_OK)
            s = take_entry(a, &x, a->members++, m, e);
        mm_arena_reset(&a->scratch);
        if (!x.encrypted && (s == MM_EOF || m->status != MM_OK)) /* there may be data left */
            drain(a);
        if (s != MM_EOF)
            return s;
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
