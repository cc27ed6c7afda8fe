#include "model/weights.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHARDS = 1024 };

/* Names what the directory has instead of safetensors, and what helps. */
static mm_status no_weights(const char *dir, mm_err *e)
{
    static const char *const other[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                        "flax_model.msgpack"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (mm_dir_holds(dir, other[i]))
            return mm_fail(e, MM_FATAL,
                           "%.60s: has %s but no model.safetensors; with transformers, "
                           "AutoModel.from_pretrained(DIR).save_pretrained(DIR) writes one (a pickle may run "
                           "code, so mm tools do not read it)",
                           dir, other[i]);
    if (mm_dir_holds(dir, "model.bin") || mm_dir_holds(dir, "model.onnx") || mm_dir_holds(dir, "onnx/model.onnx"))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_IMPORT, "%s: no model.safetensors, but another program's model", dir);
    return mm_fail(e, MM_FATAL, "%s: no model.safetensors (or model.safetensors.index.json with its parts)", dir);
}

/* ---- shards ---- */

static mm_status add_shard(mm_weights *w, const char *dir, const char *file, mm_err *e)
{
    char path[PATH_MAX];
    mm_status s = mm_dir_path(path, dir, file, e);
    if (s == MM_OK)
        s = mm_safetensors_open(&w->shard[w->shards], path, e);
    if (s == MM_OK)
        w->count += mm_safetensors_count(w->shard[w->shards++]);
    return s;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct file names of the index's weight_map, sorted; returns how many, −1 with *e when it is not sane. */
static int shard_names(const json_t *map, const char **file, const char *dir, mm_err *e)
{
    int n = 0;
    const char *tensor;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, v)
    {
        const char *name = json_string_value(v);
        if (!name || !*name || name[0] == '.' || strchr(name, '/')) {
            mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: tensor %.60s is in no file of the directory", dir,
                    tensor);
            return -1;
        }
        bool seen = n > 0 && strcmp(file[n - 1], name) == 0;
        for (int i = 0; i < n && !seen; i++)
            seen = strcmp(file[i], name) == 0;
        if (seen)
            continue;
        if (n == MAX_SHARDS) {
            mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: more than %d files", dir, MAX_SHARDS);
            return -1;
        }
        file[n++] = name;
    }
    qsort(file, (size_t)n, sizeof *file, by_text);
    return n;
}

static mm_status open_shards(mm_weights *w, const char *dir, const json_t *map, mm_err *e)
{
    if (!json_is_object(map) || json_object_size(map) == 0)
        return mm_fail(e, MM_FATAL, "%s/model.safetensors.index.json: no weight_map", dir);
    const char **file = calloc(MAX_SHARDS, sizeof *file);
    if (!file)
        return mm_fail_memory(e);
    int n = shard_names(map, file, dir, e);
    mm_status s = n < 0 ? MM_FATAL : MM_OK;
    for (int i = 0; i < n && s == MM_OK; i++)
        s = add_shard(w, dir, file[i], e);
    free(file);
    return s;
}

static mm_status check_index(const mm_weights *w, const char *dir, const json_t *map, mm_err *e)
{
    const char *tensor;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, v)
    {
        if (!mm_weights_find(w, tensor))
            return mm_fail(e, MM_FATAL, "%s: tensor %.60s is missing from %s, where the index has it", dir, tensor,
                           json_string_value(v));
    }
    return MM_OK;
}

/* ---- the table over all files ---- */

static int by_name(const void *va, const void *vb)
{
    const mm_named_tensor *const *a = va, *const *b = vb;
    return strcmp((*a)->name, (*b)->name);
}

static mm_status index_tensors(mm_weights *w, const char *dir, mm_err *e)
{
    size_t most = (size_t)w->count + 1;
    w->t = calloc(most, sizeof *w->t);
    w->by_name = calloc(most, sizeof *w->by_name);
    if (!w->t || !w->by_name)
        return mm_fail_memory(e);
    int64_t k = 0;
    for (int i = 0; i < w->shards; i++)
        for (int64_t j = 0; j < mm_safetensors_count(w->shard[i]); j++)
            w->t[k++] = mm_safetensors_at(w->shard[i], j);
    memcpy(w->by_name, w->t, (size_t)k * sizeof *w->t);
    qsort(w->by_name, (size_t)k, sizeof *w->by_name, by_name);
    for (int64_t i = 1; i < k; i++)
        if (strcmp(w->by_name[i - 1]->name, w->by_name[i]->name) == 0)
            return mm_fail(e, MM_FATAL, "%s: tensor %.60s is in two of the files", dir, w->by_name[i]->name);
    return MM_OK;
}

const mm_named_tensor *mm_weights_find(const mm_weights *w, const char *name)
{
    mm_named_tensor wanted = {.name = name};
    const mm_named_tensor *key = &wanted;
    const mm_named_tensor **hit = bsearch(&key, w->by_name, (size_t)w->count, sizeof *w->by_name, by_name);
    return hit ? *hit : NULL;
}

/* ---- panels ---- */

static const char *metadata_of(const mm_safetensors *panels, const char *key)
{
    return json_string_value(json_object_get(mm_safetensors_metadata(panels), key));
}

static mm_status open_panels(mm_weights *w, const char *dir, mm_err *e)
{
    char path[PATH_MAX];
    if (!mm_dir_holds(dir, MM_PANELS_FILE))
        return MM_OK;
    mm_status s = mm_dir_path(path, dir, MM_PANELS_FILE, e);
    if (s == MM_OK)
        s = mm_safetensors_open(&w->panels, path, e);
    if (s != MM_OK)
        return s;
    const char *format = metadata_of(w->panels, "format"), *version = metadata_of(w->panels, "version");
    const char *weights = metadata_of(w->panels, "weights");
    w->layout = metadata_of(w->panels, "layout");
    w->precision = metadata_of(w->panels, "precision");
    w->packed_from = metadata_of(w->panels, "name");
    if (!format || strcmp(format, MM_PANELS_FORMAT) != 0 || !weights || !w->layout || !w->precision ||
        !w->packed_from || !*w->packed_from || strchr(w->packed_from, '/'))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_PACK, "%s: not packed weights", path);
    if (!version || strcmp(version, MM_PANELS_VERSION) != 0)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_PACK, "%s: version %s, but this program reads " MM_PANELS_VERSION,
                            path, version ? version : "unknown");
    if (strcmp(weights, w->digest) != 0)
        return mm_fail_hint(e, MM_FATAL, MM_HINT_PACK,
                            "%s is stale: it was packed from other weights than those beside it (%s, not %s)", path,
                            weights, w->digest);
    return MM_OK;
}

/* ---- opening ---- */

static mm_status open_files(mm_weights *w, const char *dir, json_t **index, mm_err *e)
{
    char path[PATH_MAX];
    if (mm_dir_holds(dir, "model.safetensors"))
        return add_shard(w, dir, "model.safetensors", e);
    if (!mm_dir_holds(dir, "model.safetensors.index.json"))
        return no_weights(dir, e);
    mm_status s = mm_dir_path(path, dir, "model.safetensors.index.json", e);
    if (s == MM_OK)
        s = mm_json_load(index, path, e);
    return s == MM_OK ? open_shards(w, dir, json_object_get(*index, "weight_map"), e) : s;
}

mm_status mm_weights_open(mm_weights *w, const char *dir, mm_err *e)
{
    json_t *index = NULL;
    w->shard = calloc(MAX_SHARDS, sizeof *w->shard);
    mm_status s = w->shard ? open_files(w, dir, &index, e) : mm_fail_memory(e);
    if (s == MM_OK)
        s = index_tensors(w, dir, e);
    if (s == MM_OK && index)
        s = check_index(w, dir, json_object_get(index, "weight_map"), e);
    json_decref(index);
    if (s != MM_OK)
        return s;
    uint64_t digest = MM_HASH_START;
    for (int i = 0; i < w->shards; i++)
        digest = mm_safetensors_digest(w->shard[i], digest);
    snprintf(w->digest, sizeof w->digest, "%016" PRIx64, digest);
    return open_panels(w, dir, e);
}

void mm_weights_close(mm_weights *w)
{
    for (int i = 0; i < w->shards; i++)
        mm_safetensors_close(w->shard[i]);
    mm_safetensors_close(w->panels);
    free(w->shard);
    free(w->t);
    free(w->by_name);
}
