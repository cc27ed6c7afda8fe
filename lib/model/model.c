#include "model/model.h"

#include "base/file.h"
#include "base/json.h"
#include "model/snapshot.h"
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct json_file json_file; /* a file of the directory, parsed */
struct json_file {
    json_file *next;
    json_t *j; /* NULL: there is none */
    char name[];
};

struct mm_model {
    char path[PATH_MAX];
    char *name;
    const json_t *config, *preprocessor;
    json_file *files;
    mm_weights weights;
};

/* ---- JSON ---- */

static mm_status json_of(mm_model *m, const char *file, const json_t **out, mm_err *e)
{
    for (json_file *f = m->files; f; f = f->next)
        if (strcmp(f->name, file) == 0) {
            *out = f->j;
            return MM_OK;
        }
    char path[PATH_MAX];
    mm_status s = mm_dir_path(path, m->path, file, e);
    if (s != MM_OK)
        return s;
    json_t *j = NULL;
    if (mm_file_exists(path))
        s = mm_json_load(&j, path, e);
    if (s != MM_OK)
        return s;
    json_file *f = malloc(sizeof *f + strlen(file) + 1);
    if (!f) {
        json_decref(j);
        return mm_fail_memory(e);
    }
    f->next = m->files;
    f->j = j;
    memcpy(f->name, file, strlen(file) + 1);
    m->files = f;
    *out = j;
    return MM_OK;
}

const json_t *mm_model_json(mm_model *m, const char *file, mm_err *e)
{
    const json_t *j = NULL;
    if (e)
        e->status = MM_OK;
    return json_of(m, file, &j, e) == MM_OK ? j : NULL;
}

/* ---- opening ---- */

static mm_status name_of(mm_model *m, mm_err *e)
{
    char *real = realpath(m->path, NULL); /* so that "." and "dir/" have names, too */
    if (!real)
        return mm_fail(e, MM_FATAL, "%s: no such directory", m->path);
    size_t n;
    const char *slash = strrchr(real, '/'), *cached = mm_snapshot_name(real, &n);
    m->name = cached ? strndup(cached, n) : strdup(slash && slash[1] ? slash + 1 : real);
    free(real);
    return m->name ? MM_OK : mm_fail_memory(e);
}

/* Names what the directory holds instead of a model. */
static mm_status no_config(const mm_model *m, mm_err *e)
{
    const char *what =
        m->config                                        ? "config.json holds no object"
        : mm_dir_holds(m->path, "open_clip_config.json") ? "an OpenCLIP model; the same one in transformers' layout "
                                                           "has a config.json, look for it on the hub"
        : mm_dir_holds(m->path, "adapter_config.json") ? "an adapter (PEFT) without its model; merge_and_unload() and "
                                                         "save_pretrained(DIR) make one of both"
                                                       : "no config.json";
    return mm_fail(e, MM_FATAL, "%s: %s; a model is a directory in Hugging Face's layout", m->path, what);
}

/* A packed model has the name of the one that it was made from: its vectors are the same. */
static mm_status take_packed_name(mm_model *m, mm_err *e)
{
    char *name = m->weights.packed_from ? strdup(m->weights.packed_from) : NULL;
    if (!name)
        return m->weights.packed_from ? mm_fail_memory(e) : MM_OK;
    free(m->name);
    m->name = name;
    return MM_OK;
}

static mm_status open_model(mm_model *m, const char *name, mm_err *e)
{
    mm_status s = mm_model_find(name, m->path, sizeof m->path, e);
    if (s == MM_OK)
        s = name_of(m, e);
    if (s == MM_OK)
        s = json_of(m, "config.json", &m->config, e);
    if (s == MM_OK && !json_is_object(m->config))
        s = no_config(m, e);
    if (s == MM_OK)
        s = json_of(m, "preprocessor_config.json", &m->preprocessor, e);
    if (s == MM_OK && !m->preprocessor) /* where newer versions of transformers write it */
        s = json_of(m, "processor_config.json", &m->preprocessor, e);
    if (s == MM_OK && m->preprocessor && !json_is_object(m->preprocessor))
        s = mm_fail(e, MM_FATAL, "%s: preprocessor_config.json holds no object", m->path);
    if (s == MM_OK)
        s = mm_weights_open(&m->weights, m->path, e);
    return s == MM_OK ? take_packed_name(m, e) : s;
}

mm_status mm_model_open(mm_model **out, const char *name, const mm_log *log, mm_err *e)
{
    *out = NULL;
    mm_model *m = calloc(1, sizeof *m);
    if (!m)
        return mm_fail_memory(e);
    mm_status s = open_model(m, name, e);
    if (s != MM_OK) {
        mm_model_close(m);
        return s;
    }
    mm_say(log, MM_LOG_INFO, "model %s: %s, %lld tensors, digest %s", m->name, m->path, (long long)m->weights.count,
           m->weights.digest);
    *out = m;
    return MM_OK;
}

void mm_model_close(mm_model *m)
{
    if (!m)
        return;
    for (json_file *f = m->files, *next; f; f = next) {
        next = f->next;
        json_decref(f->j);
        free(f);
    }
    mm_weights_close(&m->weights);
    free(m->name);
    free(m);
}

const char *mm_model_name(const mm_model *m)
{
    return m->name;
}

const char *mm_model_path(const mm_model *m)
{
    return m->path;
}

const char *mm_model_digest(const mm_model *m)
{
    return m->weights.digest;
}

const json_t *mm_model_config(const mm_model *m)
{
    return m->config;
}

const json_t *mm_model_preprocessor(const mm_model *m)
{
    return m->preprocessor;
}

/* ---- tensors ---- */

bool mm_model_has(const mm_model *m, const char *tensor)
{
    return mm_weights_find(&m->weights, tensor) != NULL;
}

mm_status mm_model_tensor(const mm_model *m, mm_tensor *out, const char *tensor, mm_err *e)
{
    const mm_named_tensor *t = mm_weights_find(&m->weights, tensor);
    if (!t)
        return mm_fail(e, MM_FATAL, "%s: the weights have no tensor %s", m->path, tensor);
    *out = t->t;
    return MM_OK;
}

mm_status mm_model_tensor_shaped(const mm_model *m, mm_tensor *out, const char *tensor, int rank, const int64_t *dim,
                                 mm_err *e)
{
    mm_status s = mm_model_tensor(m, out, tensor, e);
    mm_shape want;
    if (s == MM_OK)
        s = mm_shape_make(&want, out->s.type, rank, dim, e);
    if (s != MM_OK || mm_shape_eq(&want, &out->s))
        return s;
    char have[128], wanted[128];
    return mm_fail(e, MM_FATAL, "%s: tensor %s is %s, but config.json makes it %s", m->path, tensor,
                   mm_shape_text(&out->s, have, sizeof have), mm_shape_text(&want, wanted, sizeof wanted));
}

int64_t mm_model_tensor_count(const mm_model *m)
{
    return m->weights.count;
}

const char *mm_model_tensor_at(const mm_model *m, int64_t i, mm_tensor *out)
{
    *out = m->weights.t[i]->t;
    return m->weights.t[i]->name;
}

const char *mm_model_layout(const mm_model *m)
{
    return m->weights.layout;
}

const char *mm_model_precision(const mm_model *m)
{
    return m->weights.precision;
}

bool mm_model_panel(const mm_model *m, mm_tensor *out, const char *weight, const char *part)
{
    char name[512];
    if (!m->weights.panels || snprintf(name, sizeof name, "%s.%s", weight, part) >= (int)sizeof name)
        return false;
    const mm_named_tensor *t = mm_safetensors_find(m->weights.panels, name);
    if (t)
        *out = t->t;
    return t != NULL;
}
