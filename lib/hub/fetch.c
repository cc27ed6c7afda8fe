#include "hub/fetch.h"

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "hub/http.h"
#include "hub/hub.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 8 /* folders in a repository */ };
/* Accepted of a file whose size the hub does not state: of weights, and of everything else. */
static const int64_t WEIGHTS_MAX = (int64_t)64 << 30, OTHERS_MAX = (int64_t)64 << 20;

typedef struct {
    mm_http http;
    const mm_fetch_opts *o;
    const char *id;     /* OWNER/NAME */
    char dir[PATH_MAX]; /* DEST.part */
    mm_arena arena;
} fetch;

/* ---- one file ---- */

/* The most bytes that are accepted for a file. */
static int64_t limit_of(const mm_hub_file *h)
{
    if (h->size >= 0)
        return h->size;
    return fnmatch("*.safetensors", h->name, 0) == 0 ? WEIGHTS_MAX : OTHERS_MAX;
}

static mm_status check_file(const mm_hub_file *h, const char *path, mm_err *e)
{
    char hex[65];
    struct stat st;
    if (stat(path, &st) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    if (h->size >= 0 && st.st_size != h->size)
        return mm_fail(e, MM_FATAL, "%s: %lld bytes instead of %lld", h->name, (long long)st.st_size,
                       (long long)h->size);
    mm_status s = h->sha256 ? mm_sha256_file(path, hex, e) : MM_OK;
    if (s == MM_OK && h->sha256 && strcmp(hex, h->sha256) != 0) {
        unlink(path); /* none of it can be trusted: the next run starts again */
        s = mm_fail(e, MM_FATAL, "%s: its SHA-256 is not what the hub states; run the command again", h->name);
    }
    return s;
}

static mm_status download(fetch *f, const mm_hub_file *h, const char *commit, const char *part, mm_err *e)
{
    char url[2048];
    if (snprintf(url, sizeof url, "%s/%s/resolve/%s/%s", f->http.endpoint, f->id, commit, h->name) >= (int)sizeof url)
        return mm_fail(e, MM_FATAL, "%s: the address is too long", h->name);
    mm_http_sink to = {.limit = limit_of(h),
                       .bound = h->size >= 0 ? "the hub says" : "such a file may be (the hub states no size)"};
    to.file = fopen(part, "abe"); /* appends: the download continues where it stopped */
    if (!to.file)
        return mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
    struct stat st;
    if (fstat(fileno(to.file), &st) == 0)
        to.have = st.st_size;
    mm_status s = MM_OK;
    if (to.have > to.limit) { /* of another file */
        if (ftruncate(fileno(to.file), 0) != 0)
            s = mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
        to.have = 0;
    }
    f->http.done += to.have;
    if (s == MM_OK && to.have != h->size)
        s = mm_http_get(&f->http, url, &to, h->name, e);
    if (fclose(to.file) != 0 && s == MM_OK)
        s = mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
    return s;
}

static mm_status fetch_file(fetch *f, const mm_hub_file *h, const char *commit, mm_err *e)
{
    char path[PATH_MAX], part[PATH_MAX];
    if (mm_dir_path(path, f->dir, h->name, e) != MM_OK)
        return MM_FATAL;
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", h->name);
    if (mm_dir_make_above(path, strlen(f->dir) + 1, e) != MM_OK)
        return MM_FATAL;
    if (mm_file_exists(path)) { /* an earlier run completed it */
        f->http.done += h->size > 0 ? h->size : 0;
        return MM_OK;
    }
    mm_say(f->o->log, MM_LOG_INFO, "%s", h->name);
    mm_status s = download(f, h, commit, part, e);
    if (s == MM_OK)
        s = check_file(h, part, e);
    if (s == MM_OK && rename(part, path) != 0)
        s = mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno));
    return s;
}

/* ---- the repository ---- */

static void remove_tree(const char *dir, int depth)
{
    DIR *d = opendir(dir);
    char path[PATH_MAX];
    for (struct dirent *x; d && (x = readdir(d));) {
        if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0 ||
            mm_dir_path(path, dir, x->d_name, NULL) != MM_OK)
            continue;
        if (unlink(path) != 0 && depth > 0)
            remove_tree(path, depth - 1);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

/* DEST.part for this commit: files that an earlier run left are kept if it fetched the same commit, else removed. A
 * directory without a run's mark is not ours. */
static mm_status open_dir(fetch *f, const char *commit, mm_err *e)
{
    char mark[PATH_MAX];
    mm_buf b = {0};
    if (mm_dir_path(mark, f->dir, ".commit", e) != MM_OK)
        return MM_FATAL;
    bool same = mm_file_read(&b, mark, 256, NULL) == MM_OK && b.n == strlen(commit) && memcmp(b.p, commit, b.n) == 0;
    mm_buf_free(&b);
    if (same)
        return MM_OK;
    if (mm_file_exists(mark))
        remove_tree(f->dir, MAX_DEPTH);
    rmdir(f->dir); /* if it is empty */
    if (mkdir(f->dir, 0777) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", f->dir,
                       errno == EEXIST ? "is in the way and not an earlier download; remove it" : strerror(errno));
    return mm_file_write(mark, commit, strlen(commit), e);
}

static mm_status write_sums(const fetch *f, const mm_hub_repo *r, mm_err *e)
{
    mm_buf b = {0};
    mm_status s = MM_OK;
    char path[PATH_MAX];
    for (int i = 0; i < r->files && s == MM_OK; i++)
        s = mm_sha256_sums_add(&b, f->dir, r->file[i].name, r->file[i].sha256, e);
    if (s == MM_OK)
        s = mm_dir_path(path, f->dir, "SHA256SUMS", e);
    if (s == MM_OK)
        s = mm_file_write(path, b.p ? b.p : (const void *)"", b.n, e);
    mm_buf_free(&b);
    return s;
}

static mm_status finish(const fetch *f, const mm_hub_repo *r, const char *dest, mm_err *e)
{
    char mark[PATH_MAX];
    mm_status s = write_sums(f, r, e);
    if (s == MM_OK)
        s = mm_dir_path(mark, f->dir, ".commit", e);
    if (s != MM_OK)
        return s;
    unlink(mark);
    if (rename(f->dir, dest) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", dest, strerror(errno));
    return MM_OK;
}

static mm_status ask(fetch *f, const char *rev, json_t **answer, mm_err *e)
{
    char url[2048], what[300];
    char *escaped = curl_easy_escape(f->http.curl, rev, 0); /* "refs/pr/3" is one segment here */
    if (!escaped)
        return mm_fail_memory(e);
    snprintf(url, sizeof url, "%s/api/models/%s/revision/%s?blobs=true", f->http.endpoint, f->id, escaped);
    curl_free(escaped);
    snprintf(what, sizeof what, "no such model, or no revision %.200s of it", rev);
    mm_buf b = {0};
    mm_http_sink to = {.memory = &b, .bound = "a hub's answer may be"};
    mm_status s = mm_http_get(&f->http, url, &to, what, e);
    if (s == MM_OK)
        s = mm_json_parse(answer, (const char *)b.p, b.n, url, e);
    mm_buf_free(&b);
    return s;
}

static mm_status fetch_all(fetch *f, const char *rev, const char *dest, mm_err *e)
{
    json_t *answer = NULL;
    mm_hub_repo r = {0};
    mm_status s = ask(f, rev, &answer, e);
    if (s == MM_OK)
        s = mm_hub_read(&r, answer, f->id, f->o->all, &f->arena, e);
    json_decref(answer);
    if (s == MM_OK)
        s = open_dir(f, r.commit, e);
    for (int i = 0; i < r.files; i++)
        f->http.total += r.file[i].size > 0 ? r.file[i].size : 0;
    for (int i = 0; i < r.files && s == MM_OK; i++)
        s = fetch_file(f, &r.file[i], r.commit, e);
    return s == MM_OK ? finish(f, &r, dest, e) : s;
}

mm_status mm_fetch(const char *repo, const char *dest, const mm_fetch_opts *o, mm_err *e)
{
    fetch *f = calloc(1, sizeof *f);
    if (!f)
        return mm_fail_memory(e);
    f->o = o;
    const char *rev = NULL;
    mm_status s = mm_hub_split(repo, &f->arena, &f->id, &rev, e);
    if (s == MM_OK && (mm_dir_exists(dest) || mm_file_exists(dest)))
        s = mm_fail(e, MM_FATAL, "%s is there already; remove it, or name another directory", dest);
    if (s == MM_OK && snprintf(f->dir, sizeof f->dir, "%s.part", dest) >= (int)sizeof f->dir)
        s = mm_fail(e, MM_FATAL, "%s: the path is too long", dest);
    f->http.id = f->id;
    f->http.log = o->log;
    f->http.progress = o->progress;
    f->http.ctx = o->ctx;
    const char *endpoint = o->endpoint && *o->endpoint ? o->endpoint : "https://huggingface.co";
    if (s == MM_OK)
        s = mm_http_open(&f->http, endpoint, o->token, e);
    if (s == MM_OK)
        s = fetch_all(f, rev, dest, e);
    mm_http_close(&f->http);
    mm_arena_free(&f->arena);
    free(f);
    return s;
}
