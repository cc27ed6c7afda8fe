/* log.h: how a library says something without printing: through a sink that the program hands in.
 * Failures are not logged, they are returned (status.h); this is for warnings and for what -v shows. */
#ifndef MM_BASE_LOG_H
#define MM_BASE_LOG_H

#include "base/status.h"

typedef enum { MM_LOG_WARN = 0, MM_LOG_INFO = 1, MM_LOG_DEBUG = 2 } mm_log_level;

typedef struct {
    void (*say)(void *ctx, mm_log_level level, mm_hint hint, const char *line); /* called from any thread */
    void *ctx;
} mm_log; /* a NULL mm_log, or a NULL say, is silence */

/* Says a line, and what would help. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void mm_say_hint(const mm_log *log, mm_log_level level, mm_hint hint, const char *fmt, ...);
#define mm_say(log, level, ...) mm_say_hint(log, level, MM_HINT_NONE, __VA_ARGS__)

#endif
