#include "hub/fetch.h"

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "hub/hub.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, MAX_DEPTH = 8 /* folders in a repository */, MAX_WAIT = 120 /* seconds that a hub may ask for */ };
static const size_t ANSWER_MAX = (size_t)32 << 20;
/* What is taken of a file whose size the hub does not state: of weights, and of everything else. */
static const int64_t WEIGHTS_MAX = (int64_t)64 << 30, OTHERS_MAX = (int64_t)64 << 20;

typedef struct {
    CURL *curl;
    struct curl_slist *headers;
    const mm_fetch_opts *o;
    char endpoint[512];
    const char *id;     /* OWNER/NAME */
    char dir[PATH_MAX]; /* DEST.part */
    mm_arena arena;
    int64_t done, total; /* bytes, over all files */
} fetch;

/* Where a response goes: memory, or a file of which `have` bytes are there already. */
typedef struct {
    fetch *f;
    FILE *file;
    mm_buf *memory;
    int64_t have, limit; /* bytes that come at most */
    const char *bound;   /* what a longer one exceeds: "the hub says" */
    bool started, full;
} sink;

/* ---- one request ---- */

static size_t receive(char *p, size_t size, size_t n, void *ctx)
{
    sink *to = ctx;
    n *= size;
    if (!to->started) {
        long code = 0;
        curl_easy_getinfo(to->f->curl, CURLINFO_RESPONSE_CODE, &code);
        if (to->file && to->have && code != 206) { /* no ranges here: the whole file comes again */
            if (fflush(to->file) != 0 || ftruncate(fileno(to->file), 0) != 0)
                return 0;
            rewind(to->file);
            to->f->done -= to->have;
            to->have = 0;
        }
        to->started = true;
    }
    if (to->memory) {
        to->full = to->memory->n + n > ANSWER_MAX;
        return !to->full && mm_buf_append(to->memory, p, n, NULL) == MM_OK ? n : 0;
    }
    if (to->have + (int64_t)n > to->limit) {
        to->full = true;
        return 0;
    }
    to->have += (int64_t)n;
    to->f->done += (int64_t)n;
    if (to->f->o->progress)
        to->f->o->progress(to->f->o->ctx, to->f->done, to->f->total);
    return fwrite(p, 1, n, to->file);
}

static void prepare(fetch *f, const char *url, sink *to)
{
    CURL *c = f->curl;
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, f->headers); /* curl keeps Authorization from other hosts on redirects */
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, strncmp(f->endpoint, "https:", 6) == 0 ? "https" : "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L); /* a minute without a byte is a dead connection */
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "mm-model/" MM_VERSION);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, to);
    char range[32];
    snprintf(range, sizeof range, "%lld-", (long long)to->have);
    if (to->have) /* not RESUME_FROM, which gives up where the server sends the whole file instead */
        curl_easy_setopt(c, CURLOPT_RANGE, range);
}

static mm_status http_failed(const fetch *f, long code, const char *what, mm_err *e)
{
    bool token = f->o->token && f->o->token[0];
    switch (code) {
    case 401:
    case 403:
        return mm_fail(e, MM_FATAL, "%s: the hub refuses it (HTTP %ld): %s", f->id, code,
                       token
                           ? "no such model, or HF_TOKEN has no access; gated models want their terms accepted on the "
                             "model's page first"
                           : "no such model, or a private or gated one, which wants a token in HF_TOKEN");
    case 404: return mm_fail(e, MM_FATAL, "%s: not on %s (HTTP 404): %s", f->id, f->endpoint, what);
    default: return mm_fail(e, MM_FATAL, "%s: %s answers HTTP %ld for %s", f->id, f->endpoint, code, what);
    }
}

static bool unreachable(CURLcode c)
{
    return c == CURLE_COULDNT_RESOLVE_HOST || c == CURLE_COULDNT_RESOLVE_PROXY || c == CURLE_COULDNT_CONNECT;
}

/* The variable that names the proxy which libcurl asks for the endpoint; NULL: none does. */
static const char *proxy_variable(const fetch *f)
{
    static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    for (const char *const *v = strncmp(f->endpoint, "https:", 6) == 0 ? https : http; *v; v++)
        if (getenv(*v))
            return *getenv(*v) ? *v : NULL;
    return NULL;
}

static mm_status transfer_failed(const fetch *f, CURLcode c, const char *what, mm_err *e)
{
    char by_way_of[100] = "";
    const char *proxy = proxy_variable(f);
    if (proxy)
        snprintf(by_way_of, sizeof by_way_of, " through the proxy that %s names (no_proxy lists exceptions)", proxy);
    if (unreachable(c))
        return mm_fail(e, MM_FATAL, "%s cannot be reached%s (%s); models that are here work offline: `mm-model list`",
                       f->endpoint, by_way_of, curl_easy_strerror(c));
    return mm_fail(e, MM_FATAL, "%s: %s: %s%s", f->id, what, curl_easy_strerror(c), by_way_of);
}

/* Whether another try may help: the connection broke, or the server has a bad moment. */
static bool transient(CURLcode c, long code)
{
    if (c == CURLE_HTTP_RETURNED_ERROR)
        return code == 429 || code == 408 || code >= 500;
    return c == CURLE_PARTIAL_FILE || c == CURLE_RECV_ERROR || c == CURLE_SEND_ERROR || c == CURLE_GOT_NOTHING ||
           c == CURLE_OPERATION_TIMEDOUT || c == CURLE_HTTP2 || c == CURLE_HTTP2_STREAM || c == CURLE_SSL_CONNECT_ERROR;
}

/* Waits before the next try: as long as the server asks for (Retry-After), at least `wait` seconds. MM_FATAL when that
 * is longer than anyone would sit here. */
static mm_status pause_for(const fetch *f, int wait, mm_err *e)
{
    curl_off_t asked = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > MAX_WAIT)
        return mm_fail(e, MM_FATAL,
                       "%s: %s asks to come back in %lld s: run the same command then, it goes on from here", f->id,
                       f->endpoint, (long long)asked);
    nanosleep(&(struct timespec){.tv_sec = asked > wait ? (time_t)asked : wait}, NULL);
    return MM_OK;
}

/* The bytes of a file that come at most. */
static int64_t limit_of(const mm_hub_file *h)
{
    if (h->size >= 0)
        return h->size;
    return fnmatch("*.safetensors", h->name, 0) == 0 ? WEIGHTS_MAX : OTHERS_MAX;
}

/* Fetches url into *to, going on after broken connections. */
static mm_status get(fetch *f, const char *url, sink *to, const char *what, mm_err *e)
{
    for (int left = TRIES, wait = 1;; wait *= 2) {
        int64_t before = to->have;
        long code = 0;
        to->started = false;
        prepare(f, url, to);
        CURLcode c = curl_easy_perform(f->curl);
        curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &code);
        if (c == CURLE_OK)
            return MM_OK;
        if (c == CURLE_WRITE_ERROR)
            return to->full ? mm_fail(e, MM_FATAL, "%s: %s: longer than %s", f->id, what, to->bound)
                            : mm_fail(e, MM_FATAL, "%s: %s: cannot be written (is the disk full?)", f->id, what);
        if (code == 416 && to->limit == to->have)
            return MM_OK;        /* it was complete already */
        if (to->have > before) { /* it moved: the number of tries is for a server that gives nothing */
            left = TRIES;
            wait = 1;
        }
        if (!transient(c, code) || --left == 0)
            return c == CURLE_HTTP_RETURNED_ERROR ? http_failed(f, code, what, e) : transfer_failed(f, c, what, e);
        mm_say(f->o->log, MM_LOG_INFO, "%s: %s; trying again", what, curl_easy_strerror(c));
        mm_status s = pause_for(f, wait, e);
        if (s != MM_OK)
            return s;
        if (to->memory)
            to->memory->n = 0;
    }
}

/* ---- one file ---- */

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
        unlink(path); /* nothing of it can be trusted: the next run starts it anew */
        s = mm_fail(e, MM_FATAL, "%s: its SHA-256 is not what the hub states; run the command again", h->name);
    }
    return s;
}

static mm_status download(fetch *f, const mm_hub_file *h, const char *commit, const char *part, mm_err *e)
{
    char url[2048];
    if (snprintf(url, sizeof url, "%s/%s/resolve/%s/%s", f->endpoint, f->id, commit, h->name) >= (int)sizeof url)
        return mm_fail(e, MM_FATAL, "%s: the address is too long", h->name);
    sink to = {.f = f,
               .limit = limit_of(h),
               .bound = h->size >= 0 ? "the hub says" : "such a file may be (the hub states no size)"};
    to.file = fopen(part, "abe"); /* what is there stays: the download goes on after it */
    if (!to.file)
        return mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
    struct stat st;
    if (fstat(fileno(to.file), &st) == 0)
        to.have = st.st_size;
    mm_status s = MM_OK;
    if (to.have > to.limit) { /* not the beginning of this file */
        if (ftruncate(fileno(to.file), 0) != 0)
            s = mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
        to.have = 0;
    }
    f->done += to.have;
    if (s == MM_OK && to.have != h->size)
        s = get(f, url, &to, h->name, e);
    if (fclose(to.file) != 0 && s == MM_OK)
        s = mm_fail(e, MM_FATAL, "%s: %s", part, strerror(errno));
    return s;
}

static mm_status fetch_file(fetch *f, const mm_hub_file *h, const char *commit, mm_err *e)
{
    char path[PATH_MAX], part[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", f->dir, h->name) >= (int)sizeof path ||
        snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", h->name);
    for (char *p = strchr(path + strlen(f->dir) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return mm_fail(e, MM_FATAL, "%s: cannot be made: %s", path, strerror(errno));
        *p = '/';
    }
    if (mm_file_exists(path)) { /* complete since an earlier run */
        f->done += h->size > 0 ? h->size : 0;
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
            snprintf(path, sizeof path, "%s/%s", dir, x->d_name) >= (int)sizeof path)
            continue;
        if (unlink(path) != 0 && depth > 0)
            remove_tree(path, depth - 1);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

/* DEST.part for this commit: what an earlier run left is kept if it was the same one, removed if it was another. A
 * directory without a run's mark is somebody else's. */
static mm_status open_dir(fetch *f, const char *commit, mm_err *e)
{
    char mark[PATH_MAX];
    mm_buf b = {0};
    if (snprintf(mark, sizeof mark, "%s/.commit", f->dir) >= (int)sizeof mark)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", f->dir);
    bool same = mm_file_read(&b, mark, 256, NULL) == MM_OK && b.n == strlen(commit) && memcmp(b.p, commit, b.n) == 0;
    mm_buf_free(&b);
    if (same)
        return MM_OK;
    if (mm_file_exists(mark))
        remove_tree(f->dir, MAX_DEPTH);
    rmdir(f->dir); /* if it is empty */
    if (mkdir(f->dir, 0777) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", f->dir,
                       errno == EEXIST ? "is in the way, and no download of mm-model's; remove it" : strerror(errno));
    return mm_file_write(mark, commit, strlen(commit), e);
}

static mm_status write_sums(const fetch *f, const mm_hub_repo *r, mm_err *e)
{
    mm_buf b = {0};
    mm_status s = MM_OK;
    char path[PATH_MAX], line[400];
    for (int i = 0; i < r->files && s == MM_OK; i++) {
        char hex[65];
        snprintf(path, sizeof path, "%.*s/%.200s", PATH_MAX - 300, f->dir, r->file[i].name);
        if (r->file[i].sha256)
            memcpy(hex, r->file[i].sha256, 65);
        else
            s = mm_sha256_file(path, hex, e);
        int n = s == MM_OK ? snprintf(line, sizeof line, "%s  %s\n", hex, r->file[i].name) : 0;
        if (s == MM_OK)
            s = mm_buf_append(&b, line, (size_t)n, e);
    }
    snprintf(path, sizeof path, "%.*s/SHA256SUMS", PATH_MAX - 300, f->dir);
    if (s == MM_OK)
        s = mm_file_write(path, b.p ? b.p : (const void *)"", b.n, e);
    mm_buf_free(&b);
    return s;
}

static mm_status finish(const fetch *f, const mm_hub_repo *r, const char *dest, mm_err *e)
{
    char mark[PATH_MAX + 16];
    mm_status s = write_sums(f, r, e);
    if (s != MM_OK)
        return s;
    snprintf(mark, sizeof mark, "%s/.commit", f->dir);
    unlink(mark);
    if (rename(f->dir, dest) != 0)
        return mm_fail(e, MM_FATAL, "%s: %s", dest, strerror(errno));
    return MM_OK;
}

static mm_status ask(fetch *f, const char *rev, json_t **answer, mm_err *e)
{
    char url[2048], what[300];
    char *escaped = curl_easy_escape(f->curl, rev, 0); /* "refs/pr/3" is one segment here */
    if (!escaped)
        return mm_fail_memory(e);
    snprintf(url, sizeof url, "%s/api/models/%s/revision/%s?blobs=true", f->endpoint, f->id, escaped);
    curl_free(escaped);
    snprintf(what, sizeof what, "no such model, or no revision %.200s of it", rev);
    mm_buf b = {0};
    sink to = {.f = f, .memory = &b, .bound = "a hub's answer may be"};
    mm_status s = get(f, url, &to, what, e);
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
        f->total += r.file[i].size > 0 ? r.file[i].size : 0;
    for (int i = 0; i < r.files && s == MM_OK; i++)
        s = fetch_file(f, &r.file[i], r.commit, e);
    return s == MM_OK ? finish(f, &r, dest, e) : s;
}

static mm_status setup(fetch *f, const mm_fetch_opts *o, mm_err *e)
{
    const char *endpoint = o->endpoint && o->endpoint[0] ? o->endpoint : "https://huggingface.co";
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/')
        n--;
    if (n >= sizeof f->endpoint || (strncmp(endpoint, "https://", 8) != 0 && strncmp(endpoint, "http://", 7) != 0))
        return mm_fail(e, MM_FATAL, "HF_ENDPOINT is not an http or https address: %.100s", endpoint);
    snprintf(f->endpoint, sizeof f->endpoint, "%.*s", (int)n, endpoint);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    f->curl = curl_easy_init();
    if (!f->curl)
        return mm_fail_memory(e);
    if (o->token && o->token[0]) {
        if (strpbrk(o->token, "\r\n"))
            return mm_fail(e, MM_FATAL, "HF_TOKEN has a line break in it");
        char *line = mm_arena_printf(&f->arena, "Authorization: Bearer %s", o->token);
        f->headers = line ? curl_slist_append(NULL, line) : NULL;
        if (!f->headers)
            return mm_fail_memory(e);
    }
    return MM_OK;
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
    if (s == MM_OK)
        s = setup(f, o, e);
    if (s == MM_OK)
        s = fetch_all(f, rev, dest, e);
    curl_slist_free_all(f->headers);
    if (f->curl) {
        curl_easy_cleanup(f->curl);
        curl_global_cleanup();
    }
    mm_arena_free(&f->arena);
    free(f);
    return s;
}
