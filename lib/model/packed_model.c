#include "model/packed_model.h"

#include "base/file.h"
#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "1"

/* ---- reading ---- */

static const char *text_of(const mm_safetensors *panels, const char *key)
{
    return json_string_value(json_object_get(mm_safetensors_metadata(panels), key));
}

mm_status mm_panels_read(mm_panels_info *out, const mm_safetensors *panels, const char *path, const char *digest,
                         mm_err *e)
{
    const char *format = text_of(panels, "format"), *version = text_of(panels, "version"),
               *weights = text_of(panels, "weights");
    *out = (mm_panels_info){text_of(panels, "layout"), text_of(panels, "precision"), text_of(panels, "name")};
    if (!format || strcmp(format, "mm-panels") != 0 || !weights || !out->layout || !out->precision || !out->name ||
        !*out->name || strchr(out->name, '/'))
        return mm_fail(e, MM_FATAL, "%s/" MM_PANELS_FILE ": not what `mm-model pack` writes", path);
    if (!version || strcmp(version, VERSION) != 0)
        return mm_fail(e, MM_FATAL,
                       "%s/" MM_PANELS_FILE ": version %s, but this program reads " VERSION ": `mm-model pack` anew",
                       path, version ? version : "unknown");
    if (strcmp(weights, digest) != 0)
        return mm_fail(
            e, MM_FATAL,
            "%s/" MM_PANELS_FILE
            " is stale: it was packed from other weights than those beside it (%s, not %s): `mm-model pack` anew",
            path, weights, digest);
    return MM_OK;
}

/* ---- writing ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static mm_status copy_file(const char *from, const char *to, mm_err *e)
{
    mm_map map;
    mm_status s = mm_map_open(&map, from, e);
    if (s != MM_OK)
        return s;
    s = mm_file_write(to, map.p ? (const void *)map.p : "", map.n, e);
    mm_map_close(&map);
    return s;
}

/* A second name for the same bytes, or a copy where there can be none (another file system). */
static mm_status link_file(const char *from, const char *to, mm_err *e)
{
    if (unlink(to) != 0 && errno != ENOENT)
        return mm_fail(e, MM_FATAL, "%s: %s", to, strerror(errno));
    return link(from, to) == 0 ? MM_OK : copy_file(from, to, e);
}

static mm_status make_dir(const char *dir, mm_err *e)
{
    return mkdir(dir, 0777) == 0 || errno == EEXIST ? MM_OK : mm_fail(e, MM_FATAL, "%s: %s", dir, strerror(errno));
}

static bool left_out(const char *name)
{
    return name[0] == '.' || ends_with(name, ".part") || strcmp(name, MM_PANELS_FILE) == 0;
}

/* The files of a directory, and of directories below it as far as models have them (1_Pooling). */
static mm_status take_files(const char *from, const char *to, int depth, mm_err *e)
{
    mm_status s = make_dir(to, e);
    DIR *d = s == MM_OK ? opendir(from) : NULL;
    if (s == MM_OK && !d)
        return mm_fail(e, MM_FATAL, "%s: %s", from, strerror(errno));
    for (struct dirent *f; s == MM_OK && (f = readdir(d));) {
        char a[PATH_MAX], b[PATH_MAX];
        if (left_out(f->d_name))
            continue;
        if (snprintf(a, sizeof a, "%s/%s", from, f->d_name) >= (int)sizeof a ||
            snprintf(b, sizeof b, "%s/%s", to, f->d_name) >= (int)sizeof b)
            s = mm_fail(e, MM_FATAL, "%s/%s: the path is too long", from, f->d_name);
        else if (mm_dir_exists(a))
            s = depth > 0 ? take_files(a, b, depth - 1, e) : MM_OK;
        else
            s = (ends_with(f->d_name, ".safetensors") ? link_file : copy_file)(a, b, e);
    }
    if (d)
        closedir(d);
    return s;
}

/* The panels' checksum after those of the other files, for `mm-model verify`. */
static mm_status add_sum(const char *dir, mm_err *e)
{
    char sums[PATH_MAX], panels[PATH_MAX], hex[65];
    if (snprintf(sums, sizeof sums, "%s/SHA256SUMS", dir) >= (int)sizeof sums ||
        snprintf(panels, sizeof panels, "%s/" MM_PANELS_FILE, dir) >= (int)sizeof panels)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", dir);
    mm_buf b = {0};
    char line[128];
    mm_status s = mm_sha256_file(panels, hex, e);
    if (s == MM_OK && mm_file_exists(sums))
        s = mm_file_read(&b, sums, (size_t)1 << 20, e);
    if (s == MM_OK) {
        int n = snprintf(line, sizeof line, "%s  " MM_PANELS_FILE "\n", hex);
        s = mm_buf_append(&b, line, (size_t)n, e);
    }
    if (s == MM_OK)
        s = mm_file_write(sums, b.p, b.n, e);
    mm_buf_free(&b);
    return s;
}

static mm_status write_panels(const mm_model *m, const char *dir, const char *layout, const char *precision,
                              const mm_named_tensor *panels, int64_t n, mm_err *e)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" MM_PANELS_FILE, dir) >= (int)sizeof path)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", dir);
    json_t *about = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "format", "mm-panels", "version", VERSION, "layout",
                              layout, "precision", precision, "weights", mm_model_digest(m), "name", mm_model_name(m));
    mm_status s = about ? mm_safetensors_write(path, panels, n, about, e) : mm_fail_memory(e);
    json_decref(about);
    return s == MM_OK ? add_sum(dir, e) : s;
}

mm_status mm_model_pack(const mm_model *m, const char *dir, const char *layout, const char *precision,
                        const mm_named_tensor *panels, int64_t n, mm_err *e)
{
    char part[PATH_MAX];
    if (mm_model_layout(m))
        return mm_fail(e, MM_FATAL, "%s is packed already: pack the model that it was made from", mm_model_path(m));
    if (mm_dir_exists(dir) || mm_file_exists(dir))
        return mm_fail(e, MM_FATAL, "%s is there already", dir);
    if (snprintf(part, sizeof part, "%s.part", dir) >= (int)sizeof part)
        return mm_fail(e, MM_FATAL, "%s: the path is too long", dir);
    mm_status s = take_files(mm_model_path(m), part, 1, e);
    if (s == MM_OK)
        s = write_panels(m, part, layout, precision, panels, n, e);
    if (s == MM_OK && rename(part, dir) != 0)
        s = mm_fail(e, MM_FATAL, "%s: %s", dir, strerror(errno));
    return s;
}
