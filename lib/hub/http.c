#include "hub/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, MAX_WAIT = 120 /* seconds that a hub may ask for */ };
static const size_t ANSWER_MAX = (size_t)32 << 20; /* of a response into memory */

static size_t receive(char *p, size_t size, size_t n, void *ctx)
{
    mm_http_sink *to = ctx;
    n *= size;
    if (!to->started) {
        long code = 0;
        curl_easy_getinfo(to->http->curl, CURLINFO_RESPONSE_CODE, &code);
        if (to->file && to->have && code != 206) { /* the server has no ranges and sends the whole file */
            if (fflush(to->file) != 0 || ftruncate(fileno(to->file), 0) != 0)
                return 0;
            rewind(to->file);
            to->http->done -= to->have;
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
    to->http->done += (int64_t)n;
    if (to->http->progress)
        to->http->progress(to->http->ctx, to->http->done, to->http->total);
    return fwrite(p, 1, n, to->file);
}

static void prepare(mm_http *h, const char *url, mm_http_sink *to)
{
    CURL *c = h->curl;
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers); /* curl keeps Authorization from other hosts on redirects */
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, strncmp(h->endpoint, "https:", 6) == 0 ? "https" : "http,https");
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
    if (to->have) /* not RESUME_FROM, which fails when the server sends the whole file instead */
        curl_easy_setopt(c, CURLOPT_RANGE, range);
}

static mm_status http_failed(const mm_http *h, long code, const char *what, mm_err *e)
{
    switch (code) {
    case 401:
    case 403:
        return mm_fail(e, MM_FATAL, "%s: the hub refuses it (HTTP %ld): %s", h->id, code,
                       h->has_token
                           ? "no such model, or HF_TOKEN has no access; gated models want their terms accepted on the "
                             "model's page first"
                           : "no such model, or a private or gated one, which wants a token in HF_TOKEN");
    case 404: return mm_fail(e, MM_FATAL, "%s: not on %s (HTTP 404): %s", h->id, h->endpoint, what);
    default: return mm_fail(e, MM_FATAL, "%s: %s answers HTTP %ld for %s", h->id, h->endpoint, code, what);
    }
}

static bool unreachable(CURLcode c)
{
    return c == CURLE_COULDNT_RESOLVE_HOST || c == CURLE_COULDNT_RESOLVE_PROXY || c == CURLE_COULDNT_CONNECT;
}

/* The environment variable that names libcurl's proxy for the endpoint; NULL: none. */
static const char *proxy_variable(const mm_http *h)
{
    static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    for (const char *const *v = strncmp(h->endpoint, "https:", 6) == 0 ? https : http; *v; v++)
        if (getenv(*v))
            return *getenv(*v) ? *v : NULL;
    return NULL;
}

static mm_status transfer_failed(const mm_http *h, CURLcode c, const char *what, mm_err *e)
{
    char via[100] = "";
    const char *proxy = proxy_variable(h);
    if (proxy)
        snprintf(via, sizeof via, " through the proxy that %s names (no_proxy lists exceptions)", proxy);
    if (unreachable(c))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_MODELS, "%s cannot be reached%s (%s); installed models work offline",
                            h->endpoint, via, curl_easy_strerror(c));
    return mm_fail(e, MM_FATAL, "%s: %s: %s%s", h->id, what, curl_easy_strerror(c), via);
}

/* Whether another try may help: a broken connection, or a temporary failure of the server. */
static bool transient(CURLcode c, long code)
{
    if (c == CURLE_HTTP_RETURNED_ERROR)
        return code == 429 || code == 408 || code >= 500;
    return c == CURLE_PARTIAL_FILE || c == CURLE_RECV_ERROR || c == CURLE_SEND_ERROR || c == CURLE_GOT_NOTHING ||
           c == CURLE_OPERATION_TIMEDOUT || c == CURLE_HTTP2 || c == CURLE_HTTP2_STREAM || c == CURLE_SSL_CONNECT_ERROR;
}

/* Waits before the next try: as long as the server asks for (Retry-After), at least `wait` seconds. MM_FATAL when it
 * asks for more than MAX_WAIT. */
static mm_status pause_for(const mm_http *h, int wait, mm_err *e)
{
    curl_off_t asked = 0;
    curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > MAX_WAIT)
        return mm_fail(e, MM_FATAL, "%s: %s asks to come back in %lld s: run the same command then, and it continues",
                       h->id, h->endpoint, (long long)asked);
    nanosleep(&(struct timespec){.tv_sec = asked > wait ? (time_t)asked : wait}, NULL);
    return MM_OK;
}

mm_status mm_http_get(mm_http *h, const char *url, mm_http_sink *to, const char *what, mm_err *e)
{
    for (int left = TRIES, wait = 1;; wait *= 2) {
        int64_t before = to->have;
        long code = 0;
        to->http = h;
        to->started = false;
        prepare(h, url, to);
        CURLcode c = curl_easy_perform(h->curl);
        curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code);
        if (c == CURLE_OK)
            return MM_OK;
        if (c == CURLE_WRITE_ERROR)
            return to->full ? mm_fail(e, MM_FATAL, "%s: %s: longer than %s", h->id, what, to->bound)
                            : mm_fail(e, MM_FATAL, "%s: %s: cannot be written (is the disk full?)", h->id, what);
        if (code == 416 && to->limit == to->have)
            return MM_OK;        /* the file was complete */
        if (to->have > before) { /* tries without progress are counted */
            left = TRIES;
            wait = 1;
        }
        if (!transient(c, code) || --left == 0)
            return c == CURLE_HTTP_RETURNED_ERROR ? http_failed(h, code, what, e) : transfer_failed(h, c, what, e);
        mm_say(h->log, MM_LOG_INFO, "%s: %s; trying again", what, curl_easy_strerror(c));
        mm_status s = pause_for(h, wait, e);
        if (s != MM_OK)
            return s;
        if (to->memory)
            to->memory->n = 0;
    }
}

mm_status mm_http_open(mm_http *h, const char *endpoint, const char *token, mm_err *e)
{
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/')
        n--;
    if (n >= sizeof h->endpoint || (strncmp(endpoint, "https://", 8) != 0 && strncmp(endpoint, "http://", 7) != 0))
        return mm_fail(e, MM_FATAL, "HF_ENDPOINT is not an http or https address: %.100s", endpoint);
    snprintf(h->endpoint, sizeof h->endpoint, "%.*s", (int)n, endpoint);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    h->curl = curl_easy_init();
    if (!h->curl)
        return mm_fail_memory(e);
    if (!token || !*token)
        return MM_OK;
    if (strpbrk(token, "\r\n"))
        return mm_fail(e, MM_FATAL, "HF_TOKEN has a line break in it");
    mm_arena a = {0};
    const char *line = mm_arena_printf(&a, "Authorization: Bearer %s", token);
    h->headers = line ? curl_slist_append(NULL, line) : NULL; /* copies the line */
    h->has_token = h->headers;
    mm_arena_free(&a);
    return h->headers ? MM_OK : mm_fail_memory(e);
}

void mm_http_close(mm_http *h)
{
    curl_slist_free_all(h->headers);
    if (!h->curl)
        return;
    curl_easy_cleanup(h->curl);
    curl_global_cleanup();
}
