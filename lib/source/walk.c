#include "source/walk.h"

#include "base/grow.h"
#include "source/clean_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEEPEST = 1000 }; /* nested directories: far more than PATH_MAX allows */

typedef struct {
    char *name;
    bool directory, link, broken;
    int error; /* of broken */
} entry;

typedef struct {
    char *path, *rel;
    dev_t dev;
    ino_t ino;
    entry *entries;
    int64_t n, next;
} level;

struct mm_walk {
    mm_source_opts o;
    int64_t *skipped;
    level *levels;
    int64_t depth, cap;
};

static int compare(const void *va, const void *vb)
{
    const entry *a = va, *b = vb;
    mm_str an = mm_str_of(a->name), bn = mm_str_of(b->name);
    mm_str as = a->directory ? an : mm_path_stem(an), bs = b->directory ? bn : mm_path_stem(bn);
    size_t n = as.n < bs.n ? as.n : bs.n;
    int c = memcmp(as.p, bs.p, n);
    if (c == 0)
        c = (as.n > bs.n) - (as.n < bs.n);
    if (c == 0)
        c = a->directory - b->directory;
    return c ? c : strcmp(a->name, b->name);
}

static void skip(mm_walk *w, const char *dir, const char *name, mm_hint hint, const char *why)
{
    ++*w->skipped;
    mm_say_hint(w->o.log, MM_LOG_INFO, hint, "%s/%s: skipped: %s", dir, name, why);
}

/* An entry that stat fails on is walked, so that it becomes an error rather than silence. */
static bool cannot_be_read(entry *out)
{
    out->broken = true;
    out->error = errno;
    return true;
}

/* Whether the entry is walked, and as what. */
static bool classify(mm_walk *w, const level *l, DIR *d, const struct dirent *de, entry *out)
{
    struct stat st;
    if (de->d_name[0] == '.' && !w->o.hidden) {
        skip(w, l->path, de->d_name, MM_HINT_HIDDEN, "hidden");
        return false;
    }
    if (de->d_type == DT_REG || de->d_type == DT_DIR) {
        out->directory = de->d_type == DT_DIR;
        return true;
    }
    if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot_be_read(out);
    bool link = S_ISLNK(st.st_mode);
    out->link = link;
    if (link && fstatat(dirfd(d), de->d_name, &st, 0) != 0)
        return cannot_be_read(out);
    out->directory = S_ISDIR(st.st_mode);
    if (link && out->directory && !w->o.follow) {
        skip(w, l->path, de->d_name, MM_HINT_FOLLOW, "a link to a directory");
        return false;
    }
    if (!out->directory && !S_ISREG(st.st_mode)) {
        skip(w, l->path, de->d_name, MM_HINT_NONE, "neither a file nor a directory");
        return false;
    }
    return true;
}

static mm_status add_entry(level *l, int64_t *cap, entry x, const char *name, mm_err *e)
{
    x.name = mm_grow(&l->entries, cap, l->n) ? strdup(name) : NULL;
    if (!x.name)
        return mm_fail_memory(e);
    l->entries[l->n++] = x;
    return MM_OK;
}

static mm_status list(mm_walk *w, level *l, mm_err *e)
{
    DIR *d = opendir(l->path);
    struct stat st;
    if (!d)
        return mm_fail(e, MM_SKIP, "%s", strerror(errno));
    if (fstat(dirfd(d), &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    mm_status s = MM_OK;
    int64_t cap = 0;
    for (const struct dirent *de; s == MM_OK && (errno = 0, de = readdir(d));) {
        entry x = {0};
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0 && classify(w, l, d, de, &x))
            s = add_entry(l, &cap, x, de->d_name, e);
    }
    if (s == MM_OK && errno)
        s = mm_fail(e, MM_SKIP, "%s", strerror(errno));
    closedir(d);
    if (l->n)
        qsort(l->entries, (size_t)l->n, sizeof *l->entries, compare);
    return s;
}

static void level_free(level *l)
{
    for (int64_t i = 0; i < l->n; i++)
        free(l->entries[i].name);
    free(l->entries);
    free(l->path);
    free(l->rel);
}

/* A followed link may lead back up, to a directory that is being walked. */
static bool is_loop(const mm_walk *w, const level *l)
{
    for (int64_t i = 0; i < w->depth; i++)
        if (w->levels[i].dev == l->dev && w->levels[i].ino == l->ino)
            return true;
    return false;
}

/* Enters a directory. MM_SKIP when it cannot be listed. */
static mm_status push(mm_walk *w, mm_str path, mm_str rel, mm_err *e)
{
    if (w->depth >= DEEPEST)
        return mm_fail(e, MM_SKIP, "directories are nested more than %d deep", DEEPEST);
    if (!mm_grow(&w->levels, &w->cap, w->depth))
        return mm_fail_memory(e);
    level l = {.path = strndup(path.p, path.n), .rel = strndup(rel.p ? rel.p : "", rel.n)};
    mm_status s = l.path && l.rel ? list(w, &l, e) : mm_fail_memory(e);
    if (s == MM_OK && is_loop(w, &l)) {
        ++*w->skipped;
        mm_say(w->o.log, MM_LOG_INFO, "%s: skipped: the link leads back to a directory above", l.path);
        level_free(&l);
        return MM_OK;
    }
    if (s != MM_OK) {
        level_free(&l);
        return s;
    }
    w->levels[w->depth++] = l;
    return MM_OK;
}

mm_status mm_walk_open(mm_walk **out, const char *root, const mm_source_opts *o, int64_t *skipped, mm_err *e)
{
    mm_walk *w = *out = calloc(1, sizeof *w);
    if (!w)
        return mm_fail_memory(e);
    w->o = *o;
    w->skipped = skipped;
    mm_str path = mm_str_of(root);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    mm_status s = push(w, path, MM_STR(""), e);
    if (s != MM_OK) {
        mm_walk_close(w);
        *out = NULL;
    }
    return s;
}

void mm_walk_close(mm_walk *w)
{
    if (!w)
        return;
    while (w->depth)
        level_free(&w->levels[--w->depth]);
    free(w->levels);
    free(w);
}

mm_status mm_walk_next(mm_walk *w, mm_arena *a, mm_walk_item *item, mm_err *e)
{
    while (w->depth) {
        level *l = &w->levels[w->depth - 1];
        if (l->next == l->n) {
            level_free(l);
            w->depth--;
            continue;
        }
        const entry *x = &l->entries[l->next++];
        *item = (mm_walk_item){.path = mm_path_join(a, mm_str_of(l->path), mm_str_of(x->name)),
                               .rel = mm_path_join(a, mm_str_of(l->rel), mm_str_of(x->name))};
        item->path = mm_str_of(mm_arena_strdup(a, item->path));
        item->rel = mm_str_of(mm_arena_strdup(a, item->rel));
        if (!item->path.p || !item->rel.p)
            return mm_fail_memory(e);
        if (x->broken)
            item->status =
                mm_fail(&item->err, MM_SKIP, "%s%s", x->link ? "a link that leads nowhere: " : "", strerror(x->error));
        else if (x->directory)
            item->status = push(w, item->path, item->rel, &item->err);
        if (item->status == MM_FATAL) {
            *e = item->err;
            return MM_FATAL;
        }
        if (!x->directory || item->status != MM_OK)
            return MM_OK;
    }
    return MM_EOF;
}
