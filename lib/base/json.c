#include "base/json.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static const size_t JSON_FILE_MAX = (size_t)128 << 20;

static bool beyond_int64(const char *digits, size_t n)
{
    return n > 19 || (n == 19 && memcmp(digits, "9223372036854775807", 19) > 0);
}

/* Rewrites integer literals beyond 64 bits in place to exponent form: the last two digits become "e2". */
static void shorten_integers(char *p, size_t n)
{
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
        } else if (p[i] == '"') {
            in_string = true;
        } else if (p[i] >= '0' && p[i] <= '9') {
            size_t from = i;
            while (i < n && p[i] >= '0' && p[i] <= '9')
                i++;
            bool whole = i == n || !strchr(".eE", p[i]);
            bool fraction = from > 0 && strchr(".eE+", p[from - 1]);
            if (whole && !fraction && beyond_int64(p + from, i - from))
                memcpy(p + i - 2, "e2", 2);
            i--;
        }
    }
}

static mm_status parse_owned(json_t **out, char *text, size_t n, const char *name, mm_err *e)
{
    shorten_integers(text, n);
    json_error_t why;
    *out = json_loadb(text, n, JSON_DECODE_ANY, &why);
    if (!*out)
        return mm_fail(e, MM_FATAL, "%s:%d: not valid JSON: %.140s", name, why.line, why.text);
    return MM_OK;
}

mm_status mm_json_parse(json_t **out, const char *text, size_t n, const char *name, mm_err *e)
{
    *out = NULL;
    char *copy = malloc(n + 1);
    if (!copy)
        return mm_fail_memory(e);
    if (n)
        memcpy(copy, text, n);
    mm_status s = parse_owned(out, copy, n, name, e);
    free(copy);
    return s;
}

mm_status mm_json_load(json_t **out, const char *path, mm_err *e)
{
    *out = NULL;
    mm_buf b = {0};
    mm_status s = mm_file_read(&b, path, JSON_FILE_MAX, e);
    if (s == MM_OK && b.n == 0)
        s = mm_fail(e, MM_FATAL, "%s: the file is empty", path);
    if (s == MM_OK)
        s = parse_owned(out, (char *)b.p, b.n, path, e);
    mm_buf_free(&b);
    return s;
}

mm_status mm_json_save(const char *path, const json_t *j, mm_err *e)
{
    mm_part_file p;
    mm_status s = mm_part_file_open(&p, path, e);
    if (s != MM_OK)
        return s;
    if (json_dumpf(j, p.f, JSON_INDENT(2) | JSON_REAL_PRECISION(16)) != 0) {
        mm_part_file_drop(&p);
        return mm_fail(e, MM_FATAL, "%s: cannot be written", path);
    }
    fputc('\n', p.f);
    return mm_part_file_commit(&p, e);
}

const json_t *mm_json_at(const json_t *j, const char *path)
{
    char key[128];
    while (j && *path) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        j = json_object_get(j, key);
        path += n + (path[n] == '.');
    }
    return json_is_null(j) ? NULL : j;
}
