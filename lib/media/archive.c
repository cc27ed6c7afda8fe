#include "media/archive.h"

#include "media/unpack.h"

#include <stdlib.h>

enum { CHUNK = 128 * 1024 };
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
    int64_t out; /* decompressed so far, with the members of inner archives */
    int64_t members;
    uint8_t chunk[CHUNK];
};

/* ---- open and close ---- */

mm_status mm_archive_open(mm_archive **out, mm_blob *b, mm_str head, bool packed, const mm_archive_opts *o,
                          const char **code, mm_err *e)
{
    mm_archive *a = *out = calloc(1, sizeof *a);
    if (!a)
        return mm_fail_memory(e);
    a->o = *o;
    a->b = b;
    a->is_pipe = head.p != NULL;
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

/* Passes over the rest of the current member, under the same limits as if it were wanted. */
static void drain(mm_archive *a)
{
    const char *code;
    mm_err ignored;
    if (mm_unpack_skips_free(a->u))
        return;
    for (int64_t n; !a->dead && (n = mm_unpack_data(a->u, a->chunk, sizeof a->chunk, &code, &ignored)) > 0;)
        if (account(a, n, &ignored) != MM_OK)
            return;
}

/* ---- members ---- */

/* The member's data into the spool. What fails is noted in the blob. MM_FATAL only when memory is out. */
static mm_status read_member(mm_archive *a, mm_blob *m, mm_spool *s, mm_err *e)
{
    const char *code = "archive";
    mm_err why;
    mm_status st = MM_OK;
    int64_t n;
    while (st == MM_OK && (n = mm_unpack_data(a->u, a->chunk, sizeof a->chunk, &code, &why)) != 0) {
        if (n < 0) {
            mm_blob_fail(m, code, "%s%s", why.text,
                         mm_unpack_dead(a->u) ? "; the rest of the archive cannot be read" : "");
            break;
        }
        if (account(a, n, &why) != MM_OK) {
            mm_blob_fail(m, "ratio", "%s", why.text);
            break;
        }
        if (s->n + n > a->o.o->max_bytes) {
            mm_blob_fail(m, "too-large", "more than %lld bytes (--max-bytes)", (long long)a->o.o->max_bytes);
            drain(a);
            break;
        }
        st = mm_spool_add(s, a->chunk, (size_t)n, e);
        if (st == MM_SKIP) {
            mm_blob_fail(m, "temporary", "%s", e->text);
            drain(a);
            return MM_OK;
        }
    }
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
    if (mm_unpack_is_raw(a->u))
        name_unpacked(a, m);
    else
        name_inside(a, m, raw);
    return m->path.p && m->given.p && m->src.p && m->dir.p && m->key.p;
}

/* Why a member is no file to decode; NULL when it is one. */
static const char *no_file(const mm_archive *a, const mm_unpack_entry *x, mm_str name)
{
    if (x->symlink)
        return "a symbolic link";
    if (x->hardlink && x->size <= 0)
        return "another name of a member that is there already";
    if (!x->regular)
        return "neither a file nor a directory";
    if (!a->o.o->hidden && !mm_unpack_is_raw(a->u) && name.n && mm_path_hidden(name))
        return "hidden (--hidden takes it)";
    return NULL;
}

/* Whether the entry is a file to decode; says so when something else than a directory is passed over. */
static bool wanted(mm_archive *a, const mm_unpack_entry *x)
{
    if (x->directory)
        return false;
    mm_arena scratch = {0};
    mm_str name = mm_path_clean(&scratch, x->name);
    const char *no = no_file(a, x, name);
    if (no) {
        ++*a->o.skipped;
        mm_say(a->o.o->log, MM_LOG_INFO, "%.*s!%.*s: skipped: %s", MM_STRF(a->b->src), MM_STRF(name), no);
    }
    mm_arena_free(&scratch);
    return !no;
}

static mm_status fill(mm_archive *a, const mm_unpack_entry *x, mm_blob *m, mm_err *e)
{
    mm_spool s;
    mm_spool_init(&s);
    if (x->encrypted) {
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
    m->given = mm_str_of(mm_arena_strdup(arena, a->b->given));
    m->src = mm_str_of(mm_arena_strdup(arena, a->b->src));
    m->key = mm_str_of(mm_arena_strdup(arena, a->b->key));
    m->dir = (mm_str){"", 0};
    mm_blob_fail(m, code, "%s%s", why_not->text,
                 mm_unpack_dead(a->u) ? "; the rest of the archive cannot be read" : "");
    return m->path.p && m->given.p && m->src.p && m->key.p ? MM_OK : mm_fail_memory(e);
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
        if (s != MM_OK)
            return s;
        a->members++;
        if (!wanted(a, &x)) {
            drain(a);
            continue;
        }
        return name_member(a, m, x.name) ? fill(a, &x, m, e) : mm_fail_memory(e);
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
