#include "model/packed_model.h"

#include "base/file.h"
#include "base/sha256.h"
#include "model/weights.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A hard link, or a copy where there can be none (another file system). */
static mm_status link_file(const char *from, const char *to, mm_err *e)
{
    if (unlink(to) != 0 && errno != ENOENT)
        return mm_fail(e, MM_FATAL, "%s: %s", to, strerror(errno));
    return link(from, to) == 0 ? MM_OK : mm_file_copy(from, to, e);
}

static bool left_out(const char *name)
{
    return name[0] == '.' || mm_path_ends(name, ".part") || strcmp(name, MM_PANELS_FILE) == 0;
}

/* The files of a directory, and of its folders to the depth that models have (1_Pooling). */
static mm_status take_files(const char *from, const char *to, int depth, mm_err *e)
{
    mm_status s = mm_dir_make(to, e);
    DIR *d = s == MM_OK ? opendir(from) : NULL;
    if (s == MM_OK && !d)
        return mm_fail(e, MM_FATAL, "%s: %s", from, strerror(errno));
    for (struct dirent *f; s == MM_OK && (f = readdir(d));) {
        char a[PATH_MAX], b[PATH_MAX];
        if (left_out(f->d_name))
            continue;
        s = mm_dir_path(a, from, f->d_name, e);
        if (s == MM_OK)
            s = mm_dir_path(b, to, f->d_name, e);
        if (s == MM_OK && mm_dir_exists(a))
            s = depth > 0 ? take_files(a, b, depth - 1, e) : MM_OK;
        else if (s == MM_OK)
            s = (mm_path_ends(f->d_name, ".safetensors") ? link_file : mm_file_copy)(a, b, e);
    }
    if (d)
        closedir(d);
    return s;
}

/* Appends the panels' checksum to those of the other files, for verify.c. */
static mm_status add_sum(const char *dir, mm_err *e)
{
    char sums[PATH_MAX];
    mm_buf b = {0};
    mm_status s = mm_dir_path(sums, dir, "SHA256SUMS", e);
    if (s == MM_OK && mm_file_exists(sums))
        s = mm_file_read(&b, sums, (size_t)1 << 20, e);
    if (s == MM_OK)
        s = mm_sha256_sums_add(&b, dir, MM_PANELS_FILE, NULL, e);
    if (s == MM_OK)
        s = mm_file_write(sums, b.p, b.n, e);
    mm_buf_free(&b);
    return s;
}

static mm_status write_panels(const mm_model *m, const char *dir, const char *layout, const char *precision,
                              const mm_named_tensor *panels, int64_t n, mm_err *e)
{
    char path[PATH_MAX];
    if (mm_dir_path(path, dir, MM_PANELS_FILE, e) != MM_OK)
        return MM_FATAL;
    json_t *about =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "format", MM_PANELS_FORMAT, "version", MM_PANELS_VERSION, "layout",
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
