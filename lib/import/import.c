/* import.c: chooses the importer and applies the caller's overrides. */
#include "import/import.h"

#include "base/file.h"
#include "base/json.h"

#include <dirent.h>
#include <stdlib.h>

/* "hidden_size=768": the value is JSON where it parses as such, else a string. */
static mm_status set_member(json_t *to, const char *text, mm_err *e)
{
    const char *eq = strchr(text, '=');
    char key[128];
    if (!eq || eq == text || (size_t)(eq - text) >= sizeof key)
        return mm_fail(e, MM_FATAL, "%.100s: expected KEY=VALUE", text);
    memcpy(key, text, (size_t)(eq - text));
    key[eq - text] = 0;
    json_t *v = NULL;
    if (!eq[1] || mm_json_parse(&v, eq + 1, strlen(eq + 1), key, NULL) != MM_OK)
        v = json_string(eq + 1);
    if (!v)
        return mm_fail(e, MM_FATAL, "%.100s: the value is not UTF-8", text);
    return json_object_set_new(to, key, v) == 0 ? MM_OK : mm_fail_memory(e);
}

static mm_status apply(json_t **to, const char *file, const char *const *set, int sets, mm_err *e)
{
    if (!*to && sets)
        *to = json_object();
    mm_status s = file ? mm_draft_overlay(to, file, e) : MM_OK;
    for (int i = 0; i < sets && s == MM_OK; i++)
        s = set_member(*to, set[i], e);
    return s;
}

/* The file that holds the weights: src itself or, in a directory, model.bin, model.onnx, the onnx/model.onnx of
 * exporters, or the only .onnx file. */
static mm_status weights_file(const char *src, char path[PATH_MAX], mm_err *e)
{
    static const char *const usual[] = {"model.bin", "model.onnx", "onnx/model.onnx"};
    if (!mm_dir_exists(src)) {
        if (snprintf(path, PATH_MAX, "%s", src) >= PATH_MAX)
            return mm_fail(e, MM_FATAL, "%s: the path is too long", src);
        return MM_OK;
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (mm_dir_path(path, src, usual[i], NULL) == MM_OK && mm_file_exists(path))
            return MM_OK;
    int found = 0;
    DIR *d = opendir(src);
    for (struct dirent *f; d && (f = readdir(d));)
        if (mm_path_ends(f->d_name, ".onnx") && mm_dir_path(path, src, f->d_name, NULL) == MM_OK)
            found++;
    if (d)
        closedir(d);
    if (found == 1)
        return MM_OK;
    return mm_fail(e, MM_FATAL, "%s: holds %s; name the file", src,
                   found ? "several .onnx files" : "neither model.bin nor an .onnx file");
}

/* The directory part of a path. */
static void dir_of(const char *path, char dir[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(dir, PATH_MAX, "%.*s", (int)(slash - path), path);
    else
        snprintf(dir, PATH_MAX, ".");
}

/* The one number that follows from neither names nor shapes, under the key of this architecture. */
static mm_status check_heads(const json_t *config, const char *path, mm_err *e)
{
    static const char *const key[] = {"num_attention_heads", "encoder_attention_heads",
                                      "vision_config.num_attention_heads", "text_config.num_attention_heads"};
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        if (mm_json_at(config, key[i]))
            return MM_OK;
    return mm_fail_hint(e, MM_FATAL, MM_HINT_HEADS, "%s: the number of attention heads does not follow from the graph",
                        path);
}

static mm_status fill(mm_draft *d, const mm_map *m, const char *path, const mm_import_opts *o, mm_err *e)
{
    char dir[PATH_MAX];
    dir_of(path, dir);
    mm_status s;
    /* an ONNX file is a protobuf whose first field is ir_version: 08 and a small number */
    if (m->n >= 2 && m->p[0] == 0x08 && m->p[1] < 0x20)
        s = mm_import_onnx(d, m->p, m->n, path, dir, o, e);
    else if (m->n >= 4 && memcmp(m->p + 1, "\0\0\0", 3) == 0)
        s = mm_import_ct2(d, m->p, m->n, path, dir, o, e);
    else
        s = mm_fail(e, MM_FATAL, "%s: neither an ONNX file nor a CTranslate2 model", path);
    if (s == MM_OK)
        s = apply(&d->config, o->config, o->set, o->sets, e);
    if (s == MM_OK)
        s = apply(&d->preprocessor, o->preprocessor, o->set_prep, o->set_preps, e);
    return s == MM_OK ? check_heads(d->config, path, e) : s;
}

mm_status mm_import(const char *src, const char *dest, const mm_import_opts *o, mm_err *e)
{
    char path[PATH_MAX];
    mm_draft d;
    mm_map m;
    mm_status s = weights_file(src, path, e);
    if (s == MM_OK)
        s = mm_map_open(&m, path, e);
    if (s != MM_OK)
        return s;
    s = mm_draft_init(&d, e);
    if (s == MM_OK)
        s = fill(&d, &m, path, o, e);
    if (s == MM_OK) /* before unmapping: the draft points into the map */
        s = mm_draft_write(&d, dest, e);
    mm_draft_free(&d);
    mm_map_close(&m);
    return s;
}
