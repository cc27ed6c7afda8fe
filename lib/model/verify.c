/* verify.c: checks a model without running it. Opening it has checked headers, offsets, names and the shards' index;
 * here follow the numbers and the files' checksums. */
#include "base/file.h"
#include "base/sha256.h"
#include "model/model.h"

#include <stdio.h>

static const size_t SUMS_MAX = (size_t)1 << 20;

static mm_status check_numbers(const mm_model *m, mm_err *e)
{
    for (int64_t i = 0; i < mm_model_tensor_count(m); i++) {
        mm_tensor t;
        const char *name = mm_model_tensor_at(m, i, &t);
        int64_t at = mm_tensor_not_finite(&t);
        if (at >= 0)
            return mm_fail(e, MM_FATAL, "%s: tensor %s: value %lld is not a finite number", mm_model_path(m), name,
                           (long long)at);
    }
    return MM_OK;
}

/* One line of SHA256SUMS: 64 hex digits, a space, a space or '*', the file's name. */
static mm_status check_sum(const mm_model *m, char *line, int number, mm_err *e)
{
    size_t n = strlen(line);
    if (n == 0 || line[0] == '#')
        return MM_OK;
    char *file = line + 66;
    if (n < 67 || strspn(line, "0123456789abcdefABCDEF") != 64 || line[64] != ' ' || file[0] == '/' ||
        strncmp(file, "../", 3) == 0 || strstr(file, "/../"))
        return mm_fail(e, MM_FATAL, "%s/SHA256SUMS:%d: not `DIGEST  FILE` with a file of this directory",
                       mm_model_path(m), number);
    char path[PATH_MAX], hex[65];
    mm_status s = mm_dir_path(path, mm_model_path(m), file, e);
    if (s == MM_OK)
        s = mm_sha256_file(path, hex, e);
    if (s == MM_OK && strncasecmp(hex, line, 64) != 0)
        s = mm_fail(e, MM_FATAL, "%s: its SHA-256 is not what SHA256SUMS says: the file is damaged or was changed",
                    path);
    return s;
}

static mm_status check_sums(const mm_model *m, mm_err *e)
{
    char path[PATH_MAX];
    if (mm_dir_path(path, mm_model_path(m), "SHA256SUMS", NULL) != MM_OK || !mm_file_exists(path))
        return MM_OK;
    mm_buf b = {0};
    mm_status s = mm_file_read(&b, path, SUMS_MAX, e);
    if (s == MM_OK)
        s = mm_buf_append(&b, "", 1, e);
    int number = 0;
    for (char *line = (char *)b.p; s == MM_OK && line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        s = check_sum(m, line, ++number, e);
        line = end ? end + 1 : NULL;
    }
    mm_buf_free(&b);
    return s;
}

mm_status mm_model_verify(mm_model *m, mm_err *e)
{
    mm_status s = check_numbers(m, e);
    return s == MM_OK ? check_sums(m, e) : s;
}
