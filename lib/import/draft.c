#include "import/draft.h"

#include "base/file.h"
#include "base/grow.h"
#include "base/json.h"
#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

mm_status mm_draft_init(mm_draft *d, mm_err *e)
{
    *d = (mm_draft){.config = json_object(), .metadata = json_pack("{s:s}", "format", "pt")};
    return d->config && d->metadata ? MM_OK : mm_fail_memory(e);
}

void mm_draft_free(mm_draft *d)
{
    json_decref(d->config);
    json_decref(d->preprocessor);
    json_decref(d->metadata);
    for (int i = 0; i < d->maps; i++)
        mm_map_close(&d->mapped[i].map);
    free(d->t);
    mm_arena_free(&d->arena);
    *d = (mm_draft){0};
}

mm_status mm_draft_add(mm_draft *d, const char *name, const mm_tensor *t, mm_err *e)
{
    if (mm_draft_find(d, name))
        return mm_fail(e, MM_FATAL, "two weights are called %s", name);
    char *copy = mm_arena_strdup(&d->arena, mm_str_of(name));
    if (!copy || !mm_grow(&d->t, &d->cap, d->n))
        return mm_fail_memory(e);
    d->t[d->n++] = (mm_named_tensor){copy, *t};
    return MM_OK;
}

mm_status mm_draft_addf(mm_draft *d, const mm_tensor *t, mm_err *e, const char *fmt, ...)
{
    char name[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof name)
        return mm_fail(e, MM_FATAL, "the name of a weight is too long: %.80s…", name);
    return mm_draft_add(d, name, t, e);
}

void mm_draft_remove(mm_draft *d, const char *name)
{
    for (int64_t i = 0; i < d->n; i++)
        if (strcmp(d->t[i].name, name) == 0) {
            memmove(&d->t[i], &d->t[i + 1], (size_t)(d->n - i - 1) * sizeof *d->t);
            d->n--;
            return;
        }
}

const mm_tensor *mm_draft_find(const mm_draft *d, const char *name)
{
    for (int64_t i = 0; i < d->n; i++)
        if (strcmp(d->t[i].name, name) == 0)
            return &d->t[i].t;
    return NULL;
}

mm_status mm_draft_transposed(mm_draft *d, mm_tensor *out, const mm_tensor *in, mm_err *e)
{
    enum { TILE = 32 };
    size_t rows = (size_t)in->s.dim[0], cols = (size_t)in->s.dim[1], w = mm_type_size(in->s.type);
    uint8_t *to = mm_arena_alloc(&d->arena, mm_shape_bytes(&in->s));
    if (!to)
        return mm_fail_memory(e);
    const uint8_t *from = in->data;
    for (size_t r0 = 0; r0 < rows; r0 += TILE) /* by tiles: a row-wise walk would miss the cache on every write */
        for (size_t c0 = 0; c0 < cols; c0 += TILE)
            for (size_t r = r0; r < rows && r < r0 + TILE; r++)
                for (size_t c = c0; c < cols && c < c0 + TILE; c++)
                    memcpy(to + (c * rows + r) * w, from + (r * cols + c) * w, w);
    *out = (mm_tensor){.s = in->s, .data = to};
    out->s.dim[0] = in->s.dim[1];
    out->s.dim[1] = in->s.dim[0];
    return MM_OK;
}

mm_tensor mm_tensor_rows(const mm_tensor *t, int64_t from, int64_t to)
{
    mm_tensor row = *t, out = *t;
    row.s.dim[0] = 1;
    out.s.dim[0] = to - from;
    out.data = (const uint8_t *)t->data + (size_t)from * mm_shape_bytes(&row.s);
    return out;
}

mm_status mm_draft_map(mm_draft *d, const char *dir, const char *name, const mm_map **out, mm_err *e)
{
    for (int i = 0; i < d->maps; i++)
        if (strcmp(d->mapped[i].name, name) == 0) {
            *out = &d->mapped[i].map;
            return MM_OK;
        }
    if (d->maps == (int)(sizeof d->mapped / sizeof *d->mapped))
        return mm_fail(e, MM_FATAL, "%s: the weights are spread over too many files", dir);
    char *path = mm_arena_printf(&d->arena, "%s/%s", dir, name), *copy = mm_arena_strdup(&d->arena, mm_str_of(name));
    if (!path || !copy)
        return mm_fail_memory(e);
    mm_status s = mm_map_open(&d->mapped[d->maps].map, path, e);
    if (s != MM_OK)
        return s;
    d->mapped[d->maps].name = copy;
    *out = &d->mapped[d->maps++].map;
    return MM_OK;
}

mm_status mm_draft_copy(mm_draft *d, const char *dir, const char *name, mm_err *e)
{
    char *from = mm_arena_printf(&d->arena, "%s/%s", dir, name);
    char *to = mm_arena_strdup(&d->arena, mm_str_of(name));
    if (!from || !to)
        return mm_fail_memory(e);
    if (!mm_file_exists(from))
        return MM_OK;
    if (d->copies == (int)(sizeof d->copy / sizeof *d->copy))
        return mm_fail(e, MM_FATAL, "%s: too many files beside the weights", dir);
    d->copy[d->copies].from = from;
    d->copy[d->copies++].name = to;
    return MM_OK;
}

mm_status mm_draft_overlay(json_t **to, const char *path, mm_err *e)
{
    json_t *from = NULL;
    if (!*to)
        *to = json_object();
    mm_status s = mm_json_load(&from, path, e);
    if (s == MM_OK && !json_is_object(from))
        s = mm_fail(e, MM_FATAL, "%s: not a JSON object", path);
    if (s == MM_OK && json_object_update(*to, from) != 0)
        s = mm_fail_memory(e);
    json_decref(from);
    return s;
}

/* ---- writing ---- */

static mm_status write_json(const char *dir, const char *name, const json_t *j, mm_buf *sums, mm_err *e)
{
    char path[PATH_MAX];
    mm_status s = mm_dir_path(path, dir, name, e);
    if (s == MM_OK)
        s = mm_json_save(path, j, e);
    return s == MM_OK ? mm_sha256_sums_add(sums, dir, name, NULL, e) : s;
}

static mm_status write_files(const mm_draft *d, const char *dir, mm_buf *sums, mm_err *e)
{
    char path[PATH_MAX];
    mm_status s = mm_dir_path(path, dir, "model.safetensors", e);
    if (s == MM_OK)
        s = mm_safetensors_write(path, d->t, d->n, d->metadata, e);
    if (s == MM_OK)
        s = mm_sha256_sums_add(sums, dir, "model.safetensors", NULL, e);
    if (s == MM_OK)
        s = write_json(dir, "config.json", d->config, sums, e);
    if (s == MM_OK && d->preprocessor)
        s = write_json(dir, "preprocessor_config.json", d->preprocessor, sums, e);
    for (int i = 0; i < d->copies && s == MM_OK; i++) {
        s = mm_dir_path(path, dir, d->copy[i].name, e);
        if (s == MM_OK)
            s = mm_file_copy(d->copy[i].from, path, e);
        if (s == MM_OK)
            s = mm_sha256_sums_add(sums, dir, d->copy[i].name, NULL, e);
    }
    if (s == MM_OK)
        s = mm_dir_path(path, dir, "SHA256SUMS", e);
    return s == MM_OK ? mm_file_write(path, sums->p, sums->n, e) : s;
}

/* Removes a directory that this code made, and its files. */
static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *f; (f = readdir(d));)
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
            unlinkat(dirfd(d), f->d_name, 0);
    closedir(d);
    rmdir(dir);
}

/* DIR/.NAME.part-PID beside DIR/NAME: hidden, so that it is not listed as a model, and this process's own. */
static mm_status part_name(char part[PATH_MAX], const char *dest, mm_err *e)
{
    int n = (int)strlen(dest);
    while (n > 1 && dest[n - 1] == '/')
        n--;
    int base = n;
    while (base > 0 && dest[base - 1] != '/')
        base--;
    if (snprintf(part, PATH_MAX, "%.*s.%.*s.part-%ld", base, dest, n - base, dest + base, (long)getpid()) >= PATH_MAX)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", dest);
    return MM_OK;
}

mm_status mm_draft_write(mm_draft *d, const char *dest, mm_err *e)
{
    char part[PATH_MAX];
    mm_status s = part_name(part, dest, e);
    if (s != MM_OK)
        return s;
    if (mkdir(part, 0777) != 0)
        return mm_fail(e, MM_FATAL, "%s: cannot be made: %s", part, strerror(errno));
    mm_buf sums = {0};
    s = write_files(d, part, &sums, e);
    mm_buf_free(&sums);
    if (s == MM_OK && rename(part, dest) != 0) /* replaces an empty directory only */
        s = mm_fail(e, MM_FATAL, "%s: %s", dest,
                    errno == ENOTEMPTY || errno == EEXIST ? "is there already; remove it or take another name"
                                                          : strerror(errno));
    if (s != MM_OK)
        remove_dir(part);
    return s;
}
