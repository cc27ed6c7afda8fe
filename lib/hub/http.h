/* http.h: requests to a hub, tried again after broken connections. */
#ifndef MM_HUB_HTTP_H
#define MM_HUB_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    CURL *curl;
    struct curl_slist *headers;
    char endpoint[512]; /* without a slash at its end */
    bool has_token;
    const char *id; /* OWNER/NAME, for messages */
    const mm_log *log;
    void (*progress)(void *ctx, int64_t done, int64_t total); /* may be NULL */
    void *ctx;
    int64_t done, total; /* bytes over all files, for progress */
} mm_http;

/* Where a response goes: memory, or a file that already has `have` bytes. */
typedef struct {
    FILE *file;
    mm_buf *memory;
    int64_t have, limit; /* bytes of the whole at most */
    const char *bound;   /* what a longer one exceeds: "the hub says" */
    /* of the request under way */
    mm_http *http;
    bool started, full;
} mm_http_sink;

/* Into zeros; close after a failure, too. The token may be NULL or "". */
mm_status mm_http_open(mm_http *h, const char *endpoint, const char *token, mm_err *e);
void mm_http_close(mm_http *h);

/* Fetches url into *to. MM_FATAL says what failed and what helps; `what` names the thing for messages. */
mm_status mm_http_get(mm_http *h, const char *url, mm_http_sink *to, const char *what, mm_err *e);

#endif
