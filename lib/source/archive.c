#include "source/archive.h"

#include "format/volume.h"
#include "source/archive_links.h"
#include "source/blob_names.h"
#include "source/clean_path.h"
#include "source/embedded_archive.h"
#include "source/unpack.h"
#include "stream/object.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 128 * 1024, REWINDS = 64 };
static const int64_t RATIO_FREE = (int64_t)64 << 20; /* small files that expand a lot are no bombs */

struct mm_archive {
    mm_archive_opts o;
    mm_unpack *u;
    mm_blob *b;
    bool is_pipe, packed;
    bool dead;  /* a limit ended it */
    bool ahead; /* `first` has been read and not yet handed out */
    mm_unpack_entry first;
    int64_t out;      /* decompressed so far, members of inner archives included */
    int64_t members;  /* entries so far */
    mm_arena scratch; /* of one entry */

    mm_links links;
    mm_unpack *again; /* a second reader, for what links lead to */
    int64_t again_at; /* the number of its next member */
    int64_t walked;   /* members that it has read past */

    mm_err broken; /* of a skipped member after which nothing can be read; with its code, or NULL */
    const char *broken_code;
    int64_t unread; /* bytes before this archive that are another one, which is not read */
    char hint[160]; /* what to do about damage when it is a volume of a set; "" otherwise */
    uint8_t chunk[CHUNK];
};

/* ---- open and close ---- */

mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e)
{
    mm_archive *a = *out = calloc(1, sizeof *a);
    uint8_t mark[4];
    if (!a)
        return mm_fail_memory(e);
    a->o = *o;
    a->b = b;
    a->is_pipe = head.p != NULL;
    a->packed = packed;
    mm_volume_advice(b->path, a->hint, sizeof a->hint);
    bool zip = !a->is_pipe && !packed && mm_blob_read(b, 0, mark, 4) == 4 && memcmp(mark, "PK\3\4", 4) == 0;
    if (zip && (!mm_blob_ends_as_zip(b, &a->unread) || a->unread < 0))
        a->unread = 0;
    mm_status s = mm_unpack_open(&a->u, b, head, packed, code, e);
    if (s == MM_OK)
        s = mm_unpack_next(a->u, &a->first, code, e); /* no first member: not an archive */
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

/* Counts n decompressed bytes here and in the archives around. MM_SKIP when one of them has grown too much: it and all
 * archives within it end. */
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
    return mm_fail_hint(e, MM_SKIP, MM_HINT_MAX_RATIO,
                        "%.*s expands to more than %.0f times its size: the rest is not read", MM_STRF(bomb->b->src),
                        most);
}

/* Reads past the rest of the current member, under the same limits as if it were wanted. If nothing can be read after
 * it, that is reported at the end of the archive. */
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

/* ---- one member ---- */

static void skip(mm_archive *a, mm_str name, mm_hint hint, const char *why)
{
    ++*a->o.skipped;
    mm_say_hint(a->o.o->log, MM_LOG_INFO, hint, "%.*s!%.*s: skipped: %s", MM_STRF(a->b->src), MM_STRF(name), why);
}

/* What the archive's own record says of all that comes of it. */
static mm_status inherit(const mm_archive *a, mm_blob *m, mm_err *e)
{
    const mm_blob *b = a->b;
    mm_arena *arena = mm_blob_arena(m);
    m->stamp = b->stamp;
    m->inside = true;
    m->timed = b->timed;
    memcpy(m->time, b->time, sizeof m->time);
    m->of = mm_str_of(b->of.p ? mm_arena_strdup(arena, b->of) : NULL);
    if (b->of.p && !m->of.p)
        return mm_fail_memory(e);
    return mm_object_copy(&m->label, &b->label, MM_COPY_BYTES, arena, e);
}

static mm_status name_member(const mm_archive *a, mm_blob *m, mm_str raw, mm_err *e)
{
    bool single = mm_unpack_is_raw(a->u);
    if (inherit(a, m, e) != MM_OK)
        return MM_FATAL;
    m->unpacked = single && (!a->b->inside || a->b->unpacked);
    return single ? mm_blob_name_unpacked(m, a->b, a->o.keyer, e)
                  : mm_blob_name_member(m, a->b, a->o.keyer, raw, a->members, e);
}

/* Reads the data of u's current member, `x`, into m. Failures are noted in m. MM_FATAL when memory is out. */
static mm_status fill(mm_archive *a, mm_unpack *u, const mm_unpack_entry *x, mm_blob *m, mm_err *e)
{
    const char *code = "archive";
    int64_t n, most = a->o.o->max_bytes;
    mm_spool s;
    mm_err why;
    mm_status st = MM_OK;
    if (x->encrypted) {
        mm_blob_fail(m, "encrypted", MM_ENCRYPTED);
        return MM_OK;
    }
    mm_spool_init(&s);
    while (m->status == MM_OK && !mm_unpack_has_all(u) &&
           (n = mm_unpack_data(u, a->chunk, sizeof a->chunk, &code, &why)) != 0) {
        if (n < 0)
            mm_blob_fail(m, code, "%s%s%s", why.text,
                         mm_unpack_dead(u) ? "; the rest of the archive cannot be read" : "", a->hint);
        else if (account(a, n, &why) != MM_OK)
            mm_blob_fail_hint(m, why.hint, "ratio", "%s", why.text);
        else if (s.n + n > most)
            mm_blob_fail_hint(m, MM_HINT_MAX_BYTES, "too-large", "more than %lld bytes", (long long)most);
        else if ((st = mm_spool_add(&s, a->chunk, (size_t)n, e)) == MM_SKIP)
            mm_blob_fail(m, "temporary", "%s", e->text);
        else if (st == MM_FATAL)
            break;
    }
    if (st != MM_FATAL && m->status == MM_OK)
        mm_spool_into(&s, m);
    mm_spool_free(&s);
    return st == MM_FATAL ? st : MM_OK;
}

/* ---- links: what they lead to is read a second time ---- */

/* Fills m with what member `at` holds. */
static mm_status fill_link(mm_archive *a, int64_t at, mm_blob *m, mm_err *e)
{
    const char *code = "archive";
    mm_unpack_entry x;
    mm_err why = {0};
    mm_status st = MM_OK;
    if (a->is_pipe) {
        mm_blob_fail(m, "link", "a link to an earlier member: give the archive as a file, a pipe is read only once");
        return MM_OK;
    }
    if (a->again && a->again_at > at) {
        mm_unpack_close(a->again);
        a->again = NULL;
    }
    if (!a->again) {
        st = mm_unpack_open(&a->again, a->b, (mm_str){NULL, 0}, a->packed, &code, &why);
        a->again_at = 0;
    }
    while (st != MM_EOF && a->again && a->again_at <= at && a->walked <= REWINDS * (a->members + REWINDS)) {
        st = mm_unpack_next(a->again, &x, &code, &why);
        a->again_at += st == MM_OK;
        a->walked++;
    }
    if (st == MM_OK && a->again_at > at)
        return fill(a, a->again, &x, m, e);
    if (st == MM_OK)
        mm_blob_fail(m, "link", "links lead back and forth in the archive too often: unpack it first");
    else
        mm_blob_fail(m, code, "the member that it links to: %s", st == MM_EOF ? "not found again" : why.text);
    return MM_OK;
}

/* A link by its cleaned name. MM_EOF: skipped, or kept for the end. */
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
        skip(a, name, MM_HINT_NONE, "a link to a directory");
        return MM_EOF;
    }
    mm_status s = name_member(a, m, x->name, e);
    return s == MM_OK ? fill_link(a, at, m, e) : s;
}

/* At the end of the archive: links to members that came after them, then links that lead nowhere. */
static mm_status take_late_link(mm_archive *a, mm_blob *m, mm_err *e)
{
    int64_t at;
    const mm_late_link *link;
    while ((link = mm_links_next_late(&a->links, &at)) && at == MM_LEADS_TO_DIRECTORY) {
        skip(a, link->name, MM_HINT_NONE, "a link to a directory");
        if (!mm_links_note(&a->links, link->name, at))
            return mm_fail_memory(e);
    }
    if (!link)
        return MM_EOF;
    mm_status s = name_member(a, m, link->name, e);
    if (s == MM_OK && at >= 0 && !mm_links_note(&a->links, link->name, at))
        s = mm_fail_memory(e);
    if (s != MM_OK || at >= 0)
        return s == MM_OK ? fill_link(a, at, m, e) : s;
    if (link->target.p)
        mm_blob_fail(m, "link", "a link that leads nowhere: the archive has no %.*s", MM_STRF(link->target));
    else
        mm_blob_fail(m, "link", "a link that leads out of the archive");
    return MM_OK;
}

/* ---- the next member ---- */

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

/* MM_OK: m is the entry's file, or says why it failed; MM_EOF: the entry is skipped. */
static mm_status take_entry(mm_archive *a, const mm_unpack_entry *x, int64_t at, mm_blob *m, mm_err *e)
{
    mm_str name = mm_path_clean(&a->scratch, x->name);
    if (!name.p || !note(a, x, name, at))
        return mm_fail_memory(e);
    if (x->directory)
        return MM_EOF;
    if (!x->symlink && !x->hardlink && !x->regular) {
        skip(a, name, MM_HINT_NONE, "neither a file nor a directory");
        return MM_EOF;
    }
    if (!a->o.o->hidden && !mm_unpack_is_raw(a->u) && name.n && mm_path_hidden(name)) {
        skip(a, name, MM_HINT_HIDDEN, "hidden");
        return MM_EOF;
    }
    if (x->symlink || x->shared || (x->hardlink && x->size <= 0))
        return take_link(a, x, at, name, m, e);
    mm_status s = name_member(a, m, x->name, e);
    return s == MM_OK ? fill(a, a->u, x, m, e) : s;
}

/* m becomes an error of the archive as a whole. */
static mm_status fail_whole(const mm_archive *a, mm_blob *m, const char *code, const char *why, mm_err *e)
{
    if (inherit(a, m, e) != MM_OK)
        return MM_FATAL;
    mm_blob_fail(m, code, "%s%s", why, a->hint);
    return mm_blob_name_archive(m, a->b, e);
}

static mm_status fail_broken(const mm_archive *a, mm_blob *m, const char *code, const mm_err *broken, mm_err *e)
{
    char why[sizeof broken->text + 64];
    snprintf(why, sizeof why, "%s%s", broken->text,
             mm_unpack_dead(a->u) ? "; the rest of the archive cannot be read" : "");
    return fail_whole(a, m, code, why, e);
}

/* What is left to say when all entries have come, one thing a call. MM_EOF: nothing. */
static mm_status at_end(mm_archive *a, mm_blob *m, mm_err *e)
{
    char why[120];
    mm_status s = take_late_link(a, m, e);
    if (s != MM_EOF)
        return s;
    if (a->broken_code) {
        const char *code = a->broken_code;
        a->broken_code = NULL;
        return fail_broken(a, m, code, &a->broken, e);
    }
    if (a->unread == 0)
        return MM_EOF;
    snprintf(why, sizeof why, "the %lld bytes before it are another archive: cut the file in two to read that as well",
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
            return fail_broken(a, m, code, &why, e);
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
