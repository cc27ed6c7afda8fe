#include "source/blob_names.h"

#include "base/file.h"
#include "source/clean_path.h"

#include <stdlib.h>

static const mm_str EMPTY = {"", 0};

static mm_str copy(mm_arena *a, mm_str s)
{
    return mm_str_of(mm_arena_strdup(a, s));
}

static mm_status check_names(const mm_blob *b, mm_err *e)
{
    return b->key.p && b->src.p && b->path.p && b->given.p && b->dir.p ? MM_OK : mm_fail_memory(e);
}

/* ---- operands and files in directories ---- */

void mm_blob_name_stdin(mm_blob *b)
{
    b->named = true;
    b->key = b->src = b->path = b->given = MM_STR("-");
    b->dir = EMPTY;
}

/* The name of the directory at path, or of the one that holds it, where the path does not tell: ".". */
static mm_str real_name(mm_arena *a, const char *path, bool parent)
{
    char *real = realpath(path, NULL);
    mm_str r = mm_str_of(real);
    mm_str name = real ? copy(a, mm_path_escape(a, parent ? mm_path_dir(r) : mm_path_base(r))) : EMPTY;
    free(real);
    return name;
}

/* src and given. */
static bool name_as_given(mm_blob *b, const char *path)
{
    mm_arena *a = mm_blob_arena(b);
    b->given = mm_path_clean(a, mm_str_of(path));
    b->src = copy(a, mm_str_of(path));
    if (b->src.p)
        b->src = mm_path_escape(a, b->src);
    return b->given.p && b->src.p;
}

mm_status mm_blob_name_operand(mm_blob *b, const mm_keyer *k, const char *root, const char *path, mm_err *e)
{
    mm_arena *a = mm_blob_arena(b);
    mm_str above = mm_path_clean(a, mm_str_of(root ? root : ""));
    if (!above.p || !name_as_given(b, path))
        return mm_fail_memory(e);
    b->named = !root;
    b->path = mm_path_below(b->given, above);
    if (!b->path.p || (b->path.n == 0 && !mm_dir_exists(path))) {
        b->path = b->given;
        mm_blob_fail_hint(b, MM_HINT_ROOT, "root", "it does not lie below %s", root);
    }
    b->key = mm_keyer_key(k, a, b->path);
    b->dir = mm_path_dir(b->given);
    if (b->dir.n == 0)
        b->dir = real_name(a, path, true);
    return check_names(b, e);
}

mm_status mm_blob_name_found(mm_blob *b, const mm_keyer *k, const char *directory, mm_str place, mm_str rel,
                             const char *path, mm_err *e)
{
    mm_arena *a = mm_blob_arena(b);
    b->path = mm_path_clean(a, mm_path_join(a, place, rel));
    if (!b->path.p || !name_as_given(b, path))
        return mm_fail_memory(e);
    b->key = mm_keyer_key(k, a, b->path);
    b->dir = mm_path_dir(b->path);
    if (b->dir.n == 0)
        b->dir = real_name(a, directory, false);
    return check_names(b, e);
}

/* ---- members of archives ---- */

mm_status mm_blob_name_member(mm_blob *m, const mm_blob *archive, const mm_keyer *k, mm_str raw, int64_t number,
                              mm_err *e)
{
    mm_arena *a = mm_blob_arena(m);
    mm_str name = mm_path_clean(a, raw);
    if (name.p && name.n == 0)
        name = mm_str_of(mm_arena_printf(a, "unnamed-%lld", (long long)number));
    if (!name.p)
        return mm_fail_memory(e);
    m->path = mm_path_join(a, archive->named ? EMPTY : mm_path_stem(archive->path), name);
    m->given = mm_path_join(a, mm_str_is(archive->given, "-") ? EMPTY : mm_path_stem(archive->given), name);
    m->src = mm_str_of(mm_arena_printf(a, "%.*s!%.*s", MM_STRF(archive->src), MM_STRF(name)));
    if (!m->path.p)
        return mm_fail_memory(e);
    if (mm_key_merges(k->rule)) { /* a key that is cut out of the path is cut out of all of it */
        m->key = mm_keyer_key(k, a, m->path);
    } else { /* a key that is a path continues the archive's own */
        bool bare = archive->named && (k->rule != MM_KEY_ARCHIVE || mm_str_is(archive->key, "-"));
        m->key = mm_path_join(a, bare ? EMPTY : archive->key, mm_keyer_key(k, a, name));
    }
    m->dir = mm_path_dir(m->path);
    if (m->dir.n == 0)
        m->dir = copy(a, mm_path_stem(mm_path_base(archive->path)));
    return check_names(m, e);
}

mm_status mm_blob_name_archive(mm_blob *m, const mm_blob *archive, mm_err *e)
{
    mm_arena *a = mm_blob_arena(m);
    m->path = copy(a, archive->path);
    m->given = copy(a, archive->given);
    m->src = copy(a, archive->src);
    m->key = copy(a, archive->key);
    m->dir = EMPTY;
    return check_names(m, e);
}

mm_status mm_blob_name_unpacked(mm_blob *m, const mm_blob *archive, const mm_keyer *k, mm_err *e)
{
    mm_arena *a = mm_blob_arena(m);
    m->path = copy(a, mm_path_unpacked(archive->path));
    m->given = copy(a, mm_path_unpacked(archive->given));
    m->src = copy(a, archive->src);
    m->dir = copy(a, archive->dir);
    m->named = archive->named;
    bool cut = mm_key_merges(k->rule) && !mm_str_is(archive->key, "-");
    if (m->path.p)
        m->key = cut ? mm_keyer_key(k, a, m->path) : copy(a, archive->key);
    return check_names(m, e);
}
