/* find.c: the search path for models. */
#include "base/file.h"
#include "base/grow.h"
#include "model/model.h"
#include "model/snapshot.h"

#include <dirent.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROOTS = 64 };

/* The user's own directory: $HOME, or, for jobs that run without it, the one in the password file; NULL: none. */
static const char *home_dir(void)
{
    const char *home = getenv("HOME");
    if (home && home[0])
        return home;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

/* The directory for models among the user's data; false when there is none or its path is too long. A relative
 * XDG_DATA_HOME is ignored, as the XDG specification says. */
static bool user_models(char *path, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = home_dir();
    bool xdg = data && data[0] == '/';
    return (xdg || home) &&
           (size_t)snprintf(path, size, "%s%s/mm/models", xdg ? data : home, xdg ? "" : "/.local/share") < size;
}

bool mm_model_home(char *path, size_t size)
{
    const char *models = getenv("MM_MODELS");
    size_t first = models ? strcspn(models, ":") : 0;
    return first ? (size_t)snprintf(path, size, "%.*s", (int)first, models) < size : user_models(path, size);
}

mm_status mm_model_destination(char path[PATH_MAX], const char *name, mm_err *e)
{
    char home[PATH_MAX];
    int n;
    if (strchr(name, '/') || mm_dir_exists(name))
        n = snprintf(path, PATH_MAX, "%s", name);
    else if (mm_model_home(home, sizeof home))
        n = snprintf(path, PATH_MAX, "%s/%s", home, name);
    else
        return mm_fail(e, MM_FATAL, "neither MM_MODELS nor a home directory: name a directory, with a slash in it");
    if (n >= PATH_MAX)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", name);
    return mm_dir_make_above(path, 1, e);
}

static void add_root(char root[MAX_ROOTS][PATH_MAX], int *n, const char *text, int len, const char *tail)
{
    if (len > 0 && *n < MAX_ROOTS && snprintf(root[*n], PATH_MAX, "%.*s%s", len, text, tail) < PATH_MAX)
        ++*n;
}

/* The directories to search, in order; returns how many. */
static int roots(char root[MAX_ROOTS][PATH_MAX])
{
    int n = 0;
    for (const char *p = getenv("MM_MODELS"); p && *p; p += *p == ':') {
        size_t len = strcspn(p, ":");
        add_root(root, &n, p, (int)len, "");
        p += len;
    }
    if (n < MAX_ROOTS && user_models(root[n], PATH_MAX))
        n++;
    add_root(root, &n, MM_PREFIX, (int)strlen(MM_PREFIX), "/share/mm/models");
    return n;
}

/* ---- hints when there is no such model ---- */

/* Models that people call by their bare names, and who publishes them: the first pattern that matches. */
static const struct {
    const char *pattern, *owner;
} KNOWN[] = {
    {"bert-*", "google-bert"},
    {"distilbert-*", "distilbert"},
    {"all-MiniLM-*", "sentence-transformers"},
    {"multi-qa-MiniLM-*", "sentence-transformers"},
    {"paraphrase-MiniLM-*", "sentence-transformers"},
    {"msmarco-*", "sentence-transformers"},
    {"bge-*", "BAAI"},
    {"e5-*", "intfloat"},
    {"gte-*", "thenlper"},
    {"clip-vit-*", "openai"},
    {"whisper-*", "openai"},
    {"wav2vec2-*", "facebook"},
    {"hubert-*", "facebook"},
    {"dinov2-*", "facebook"},
    {"deit-*", "facebook"},
    {"vit-*", "google"},
};

static const char *owner_of(const char *name)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (fnmatch(KNOWN[i].pattern, name, 0) == 0)
            return KNOWN[i].owner;
    return NULL;
}

/* Suggests `mm-model fetch` or `make models` for a name that looks like one of theirs; else "". */
static void hint(const char *name, char *out, size_t size)
{
    static const char *const defaults[] = {"minilm-l6", "imgfocus-vits14", "whisper-base"};
    static const char hub[] = "https://huggingface.co/";
    if (strncmp(name, hub, strlen(hub)) == 0)
        name += strlen(hub);
    const char *slash = strchr(name, '/'), *owner = slash ? NULL : owner_of(name);
    out[0] = 0;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (strcmp(name, defaults[i]) == 0) {
            snprintf(out, size, "`make models` in the source directory installs it");
            return;
        }
    if (owner)
        snprintf(out, size, "`mm-model fetch %s/%.60s` downloads it", owner, name);
    else if (slash && slash[1] && !strchr(slash + 1, '/'))
        snprintf(out, size, "`mm-model fetch %.100s` downloads it, and then it is called %.60s", name, slash + 1);
}

static mm_status not_found(const char *name, char root[MAX_ROOTS][PATH_MAX], int n, mm_err *e)
{
    char places[160] = "", helps[256];
    size_t at = 0;
    for (int i = 0; i < n && at < sizeof places; i++)
        at += (size_t)snprintf(places + at, sizeof places - at, "%s%s", i ? ", " : "", root[i]);
    hint(name, helps, sizeof helps);
    return mm_fail_hint(e, MM_FATAL, MM_HINT_MODELS, "no model %.60s in %s%s%s%s", name, places,
                        at >= sizeof places ? "…" : "", *helps ? "; " : "", helps);
}

/* `name` is a file, not a directory. */
static mm_status is_a_file(const char *name, mm_err *e)
{
    if (mm_path_ends(name, ".onnx"))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_IMPORT, "%s: not a model's directory, but an ONNX file", name);
    if (mm_path_ends(name, ".safetensors"))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_HEAD, "%s: a model is a directory that holds such a file", name);
    return mm_fail(e, MM_FATAL, "%s: is a file; a model is a directory", name);
}

mm_status mm_model_find(const char *name, char *path, size_t size, mm_err *e)
{
    if (!*name)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_MODELS, "an empty model name");
    if (mm_dir_exists(name)) {
        if ((size_t)snprintf(path, size, "%s", name) >= size)
            return mm_fail(e, MM_FATAL, "%s: the path is too long", name);
        return mm_snapshot_find(path, size, e);
    }
    if (mm_file_exists(name))
        return is_a_file(name, e);
    if (name[0] == '/' || name[0] == '.')
        return mm_fail_hint(e, MM_FATAL, MM_HINT_MODELS, "%s: no such directory", name);
    char(*root)[PATH_MAX] = malloc(MAX_ROOTS * sizeof *root);
    if (!root)
        return mm_fail_memory(e);
    int n = roots(root);
    mm_status s = MM_EOF;
    for (int i = 0; i < n && s == MM_EOF; i++)
        if ((size_t)snprintf(path, size, "%s/%s", root[i], name) < size && mm_dir_exists(path) &&
            (s = mm_snapshot_find(path, size, e)) == MM_OK && !mm_dir_holds(path, "config.json"))
            s = MM_EOF;
    if (s == MM_EOF)
        s = not_found(name, root, n, e);
    free(root);
    return s;
}

/* ---- listing ---- */

typedef struct {
    char *name, *path;
} entry;

typedef struct {
    entry *v;
    int64_t n, cap;
} entries;

static bool known(const entries *l, const char *name)
{
    for (int64_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].name, name) == 0)
            return true;
    return false;
}

static bool add(entries *l, const char *name, const char *path)
{
    if (!mm_grow(&l->v, &l->cap, l->n))
        return false;
    entry x = {strdup(name), strdup(path)};
    l->v[l->n++] = x;
    return x.name && x.path;
}

static bool add_dir(entries *l, const char *root)
{
    DIR *d = opendir(root);
    if (!d)
        return true; /* directories of the search path need not exist */
    bool ok = true;
    for (struct dirent *f; ok && (f = readdir(d));) {
        char path[PATH_MAX];
        if (f->d_name[0] != '.' && !mm_path_ends(f->d_name, ".part") && /* a download that is not complete */
            mm_dir_path(path, root, f->d_name, NULL) == MM_OK && mm_snapshot_find(path, sizeof path, NULL) == MM_OK &&
            mm_dir_holds(path, "config.json") && !known(l, f->d_name))
            ok = add(l, f->d_name, path);
    }
    closedir(d);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

mm_status mm_model_each(bool (*visit)(void *ctx, const char *name, const char *path), void *ctx, mm_err *e)
{
    char(*root)[PATH_MAX] = malloc(MAX_ROOTS * sizeof *root);
    if (!root)
        return mm_fail_memory(e);
    entries l = {0};
    bool ok = true;
    for (int i = 0, n = roots(root); i < n && ok; i++)
        ok = add_dir(&l, root[i]);
    free(root);
    if (ok && l.n)
        qsort(l.v, (size_t)l.n, sizeof *l.v, by_name);
    for (int64_t i = 0; ok && i < l.n; i++)
        if (!visit(ctx, l.v[i].name, l.v[i].path))
            break;
    for (int64_t i = 0; i < l.n; i++) {
        free(l.v[i].name);
        free(l.v[i].path);
    }
    free(l.v);
    return ok ? MM_OK : mm_fail_memory(e);
}
