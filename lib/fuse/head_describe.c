/* head_describe.c: facts about a trained head's file. */
#include "base/file.h"
#include "fuse/head.h"

#include <stdio.h>

bool mm_head_is_file(const char *name)
{
    char head[9] = "";
    FILE *f = mm_file_exists(name) ? fopen(name, "rb") : NULL;
    if (!f)
        return false;
    bool json = fread(head, 1, sizeof head, f) == sizeof head && head[8] == '{' && !head[6] && !head[7];
    fclose(f);
    return json || mm_path_ends(name, ".safetensors");
}

mm_status mm_head_describe(json_t **out, const char *path, mm_err *e)
{
    mm_head *h;
    mm_status s = mm_head_load(&h, path, e);
    if (s != MM_OK)
        return s;
    int64_t parameters = 0;
    for (int i = 0; i < h->params.n; i++)
        parameters += mm_param_count(h->params.p[i]);
    json_t *o = json_pack("{s:s, s:I}", "path", path, "parameters", (json_int_t)parameters), *about = mm_head_json(h);
    if (o && about && json_object_update(o, about) == 0) {
        for (int i = 0; i < h->outputs; i++)
            json_object_set_new(json_array_get(json_object_get(o, "outputs"), (size_t)i), "temperature",
                                json_real((double)h->output[i].temperature));
        *out = o;
    } else {
        s = mm_fail_memory(e);
    }
    json_decref(about);
    mm_head_free(h);
    return s;
}
