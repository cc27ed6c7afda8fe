#include "model/model.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/find.h"
#include "model/packed_model.h"
#include "model/safetensors.h"
#include "model/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SHARDS = 1024 };

typedef struct json_file json_file; /* a file of the directory that was asked for before */
struct json_file {
    json_file *next;
    json_t *j; /* NULL: there is none */
    char name[];
};

struct mm_model {
    char path[PATH_MAX];
    char *name;
    char digest[17];
    const json_t *config, *preprocessor;
    json_file *files;
    mm_safetensors **shard; /* [shards] in order of name */
    int shards;
    const mm_named_tensor **t;       /* [count] in the order of the files */
    const mm_named_tensor **by_name; /* [count] */
    int64_t count;
    mm_safetensors *panels; /* of a packed model, else NULL */
    mm_panels_info packed;
};

static mm_status path_of(const mm_model *m, const char *file, char out[PATH_MAX], mm_err *e)
{
    if (snprintf(out, PATH_MAX, "%s/%s", m->path, file) >= PATH_MAX)
        return mm_fail(e, MM_FATAL, "%s/%s: the path is too long", m->path, file);
    return MM_OK;
}

static bool holds(const mm_model *m, const char *file)
{
    char path[PATH_MAX];
    return path_of(m, file, path, NULL) == MM_OK && mm_file_exists(path);
}

/* ---- JSON ---- */

static mm_status json_of(mm_model *m, const char *file, const json_t **out, mm_err *e)
{
    for (json_file *f = m->files; f; f = f->next)
        if (strcmp(f->name, file) == 0) {
            *out = f->j;
            return MM_OK;
        }
    char path[PATH_MAX];
    mm_status s = path_of(m, file, path, e);
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

/* ---- weights ---- */

/* What stands there instead of safetensors, and what helps. */
static mm_status no_weights(const mm_model *m, mm_err *e)
{
    static const char *const other[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                        "flax_model.msgpack"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (holds(m, other[i]))
            return mm_fail(e, MM_FATAL,
                           "%.60s: has %s but no model.safetensors; with transformers, "
                           "AutoModel.from_pretrained(DIR).save_pretrained(DIR) writes one (a pickle may run "
                           "code, so mm tools do not read it)",
                           m->path, other[i]);
    if (holds(m, "model.bin") || holds(m, "model.onnx") || holds(m, "onnx/model.onnx"))
        return mm_fail(e, MM_FATAL, "%s: no model.safetensors; `mm-model import SOURCE DIR` makes one", m->path);
    return mm_fail(e, MM_FATAL, "%s: no model.safetensors (or model.safetensors.index.json with its parts)", m->path);
}

static mm_status add_shard(mm_model *m, const char *file, mm_err *e)
{
    char path[PATH_MAX];
    mm_status s = path_of(m, file, path, e);
    if (s == MM_OK)
        s = mm_safetensors_open(&m->shard[m->shards], path, e);
    if (s == MM_OK)
        m->count += mm_safetensors_count(m->shard[m->shards++]);
    return s;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct file names of the index's weight_map, sorted; returns how many, −1 with *e when it is not sane. */
static int shard_names(const json_t *map, const char **file, const mm_model *m, mm_err *e)
{
    int n = 0;
    const char *tensor;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, v)
    {
        const char *name = json_string_value(v);
        if (!name || !*name || name[0] == '.' || strchr(name, '/')) {
            mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: tensor %.60s is in no file of the directory",
                    m->path, tensor);
            return -1;
        }
        bool seen = n > 0 && strcmp(file[n - 1], name) == 0;
        for (int i = 0; i < n && !seen; i++)
            seen = strcmp(file[i], name) == 0;
        if (seen)
            continue;
        if (n == MAX_SHARDS) {
            mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: more than %d files", m->path, MAX_SHARDS);
            return -1;
        }
        file[n++] = name;
    }
    qsort(file, (size_t)n, sizeof *file, by_text);
    return n;
}

static mm_status check_index(const mm_model *m, const json_t *map, mm_err *e)
{
    const char *tensor;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, v)
    {
        if (!mm_model_has(m, tensor))
            return mm_fail(e, MM_FATAL, "%s: tensor %.60s is missing from %s, where the index has it", m->path, tensor,
                           json_string_value(v));
    }
    return MM_OK;
}

static mm_status open_shards(mm_model *m, const json_t **map, mm_err *e)
{
    const json_t *index = NULL;
    mm_status s = json_of(m, "model.safetensors.index.json", &index, e);
    if (s != MM_OK)
        return s;
    *map = json_object_get(index, "weight_map");
    if (!json_is_object(*map) || json_object_size(*map) == 0)
        return mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: no weight_map", m->path);
    const char **file = calloc(MAX_SHARDS, sizeof *file);
    if (!file)
        return mm_fail_memory(e);
    int n = shard_names(*map, file, m, e);
    s = n < 0 ? MM_FATAL : MM_OK;
    for (int i = 0; i < n && s == MM_OK; i++)
        s = add_shard(m, file[i], e);
    free(file);
    return s;
}

static int by_name(const void *va, const void *vb)
{
    const mm_named_tensor *const *a = va, *const *b = vb;
    return strcmp((*a)->name, (*b)->name);
}

/* One table over all files. */
static mm_status index_tensors(mm_model *m, mm_err *e)
{
    size_t room = (size_t)m->count + 1;
    m->t = calloc(room, sizeof *m->t);
    m->by_name = calloc(room, sizeof *m->by_name);
    if (!m->t || !m->by_name)
        return mm_fail_memory(e);
    int64_t k = 0;
    for (int i = 0; i < m->shards; i++)
        for (int64_t j = 0; j < mm_safetensors_count(m->shard[i]); j++)
            m->t[k++] = mm_safetensors_at(m->shard[i], j);
    memcpy(m->by_name, m->t, (size_t)k * sizeof *m->t);
    qsort(m->by_name, (size_t)k, sizeof *m->by_name, by_name);
    for (int64_t i = 1; i < k; i++)
        if (strcmp(m->by_name[i - 1]->name, m->by_name[i]->name) == 0)
            return mm_fail(e, MM_FATAL, "%s: tensor %.60s is in two of the files", m->path, m->by_name[i]->name);
    return MM_OK;
}

static mm_status open_weights(mm_model *m, mm_err *e)
{
    m->shard = calloc(MAX_SHARDS, sizeof *m->shard);
    if (!m->shard)
        return mm_fail_memory(e);
    const json_t *map = NULL;
    mm_status s;
    if (holds(m, "model.safetensors"))
        s = add_shard(m, "model.safetensors", e);
    else if (holds(m, "model.safetensors.index.json"))
        s = open_shards(m, &map, e);
    else
        s = no_weights(m, e);
    if (s == MM_OK)
        s = index_tensors(m, e);
    if (s == MM_OK && map)
        s = check_index(m, map, e);
    if (s != MM_OK)
        return s;
    uint64_t digest = MM_HASH_START;
    for (int i = 0; i < m->shards; i++)
        digest = mm_safetensors_digest(m->shard[i], digest);
    snprintf(m->digest, sizeof m->digest, "%016" PRIx64, digest);
    return MM_OK;
}

/* A packed model goes by the name of the one that it was made from: its vectors are the same. */
static mm_status open_panels(mm_model *m, mm_err *e)
{
    char path[PATH_MAX];
    if (!holds(m, MM_PANELS_FILE))
        return MM_OK;
    mm_status s = path_of(m, MM_PANELS_FILE, path, e);
    if (s == MM_OK)
        s = mm_safetensors_open(&m->panels, path, e);
    if (s == MM_OK)
        s = mm_panels_read(&m->packed, m->panels, m->path, m->digest, e);
    char *name = s == MM_OK ? strdup(m->packed.name) : NULL;
    if (s != MM_OK || !name)
        return s == MM_OK ? mm_fail_memory(e) : s;
    free(m->name);
    m->name = name;
    return MM_OK;
}

const char *mm_model_layout(const mm_model *m)
{
    return m->packed.layout;
}

const char *mm_model_precision(const mm_model *m)
{
    return m->packed.precision;
}

bool mm_model_panel(const mm_model *m, mm_tensor *out, const char *weight, const char *part)
{
    char name[512];
    if (!m->panels || snprintf(name, sizeof name, "%s.%s", weight, part) >= (int)sizeof name)
        return false;
    const mm_named_tensor *t = mm_safetensors_find(m->panels, name);
    if (t)
        *out = t->t;
    return t != NULL;
}

/* ---- opening ---- */

static mm_status name_of(mm_model *m, mm_err *e)
{
    char *real = realpath(m->path, NULL); /* "." and "dir/" have names, too */
    if (!real)
        return mm_fail(e, MM_FATAL, "%s: no such directory", m->path);
    size_t n;
    const char *slash = strrchr(real, '/'), *cached = mm_snapshot_name(real, &n);
    m->name = cached ? strndup(cached, n) : strdup(slash && slash[1] ? slash + 1 : real);
    free(real);
    return m->name ? MM_OK : mm_fail_memory(e);
}

/* What lies there instead of a model. */
static mm_status no_config(const mm_model *m, mm_err *e)
{
    const char *what = m->config                           ? "config.json holds no object"
                       : holds(m, "open_clip_config.json") ? "an OpenCLIP model; the same one in transformers' layout "
                                                             "has a config.json, look for it on the hub"
                       : holds(m, "adapter_config.json")
                           ? "an adapter (PEFT) without its model; merge_and_unload() and "
                             "save_pretrained(DIR) make one of both"
                           : "no config.json";
    return mm_fail(e, MM_FATAL, "%s: %s; a model is a directory in Hugging Face's layout", m->path, what);
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
        s = open_weights(m, e);
    return s == MM_OK ? open_panels(m, e) : s;
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
    mm_say(log, MM_LOG_INFO, "model %s: %s, %lld tensors, digest %s", m->name, m->path, (long long)m->count, m->digest);
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
    for (int i = 0; i < m->shards; i++)
        mm_safetensors_close(m->shard[i]);
    mm_safetensors_close(m->panels);
    free(m->shard);
    free(m->t);
    free(m->by_name);
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
    return m->digest;
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

static const mm_named_tensor *lookup(const mm_model *m, const char *name)
{
    mm_named_tensor wanted = {.name = name};
    const mm_named_tensor *key = &wanted;
    const mm_named_tensor **hit = bsearch(&key, m->by_name, (size_t)m->count, sizeof *m->by_name, by_name);
    return hit ? *hit : NULL;
}

bool mm_model_has(const mm_model *m, const char *tensor)
{
    return lookup(m, tensor) != NULL;
}

mm_status mm_model_tensor(const mm_model *m, mm_tensor *out, const char *tensor, mm_err *e)
{
    const mm_named_tensor *t = lookup(m, tensor);
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
    char have[128], wish[128];
    return mm_fail(e, MM_FATAL, "%s: tensor %s is %s, but config.json makes it %s", m->path, tensor,
                   mm_shape_text(&out->s, have, sizeof have), mm_shape_text(&want, wish, sizeof wish));
}

int64_t mm_model_tensor_count(const mm_model *m)
{
    return m->count;
}

const char *mm_model_tensor_at(const mm_model *m, int64_t i, mm_tensor *out)
{
    *out = m->t[i]->t;
    return m->t[i]->name;
}
