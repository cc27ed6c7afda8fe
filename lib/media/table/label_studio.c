#include "media/table/label_studio.h"

/* ---- values ---- */

/* A list of one is its element. */
static json_t *shortened(json_t *list)
{
    json_t *v = json_array_size(list) == 1 ? json_array_get(list, 0) : list;
    return json_incref(v);
}

/* A taxonomy's paths, [["animal", "dog"]], as names: animal/dog. */
static json_t *joined_paths(json_t *paths)
{
    json_t *names = json_array(), *path, *part, *name;
    size_t i, k;
    json_array_foreach(paths, i, path)
    {
        name = json_string("");
        json_array_foreach(path, k, part)
        {
            json_t *longer = json_sprintf("%s%s%s", json_string_value(name), k ? "/" : "",
                                          json_is_string(part) ? json_string_value(part) : "?");
            json_decref(name);
            name = longer;
        }
        json_array_append_new(names, name);
    }
    json_t *v = names ? shortened(names) : NULL;
    json_decref(names);
    return v;
}

/* A box, a span of time or of text: it says nothing about the whole file. */
static bool is_region(const json_t *value)
{
    static const char *const PLACES[] = {"x",      "points", "start",    "startOffset",
                                         "ranges", "rle",    "sequence", "vertices"};
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++)
        if (json_object_get(value, PLACES[i]))
            return true;
    return false;
}

json_t *mm_ls_value(const json_t *value)
{
    static const char *const PLAIN[] = {"rating", "number", "datetime", "selected"};
    json_t *v;
    if (json_array_size(value) == 1 && json_is_object(json_array_get(value, 0)))
        value = json_array_get(value, 0);
    if (!json_is_object(value) || is_region(value))
        return NULL;
    if (json_is_array(v = json_object_get(value, "choices")) || json_is_array(v = json_object_get(value, "text")))
        return shortened(v);
    if (json_is_array(v = json_object_get(value, "taxonomy")))
        return joined_paths(v);
    if (json_is_string(v = json_object_get(value, "text")))
        return json_incref(v);
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++)
        if ((v = json_object_get(value, PLAIN[i])))
            return json_incref(v);
    return NULL;
}

/* ---- tasks ---- */

static const json_t *annotations_of(const json_t *task)
{
    const json_t *v = json_object_get(task, "annotations");
    return v ? v : json_object_get(task, "completions"); /* before version 1.0 */
}

bool mm_ls_is_task(const json_t *o)
{
    return json_is_object(json_object_get(o, "data")) &&
           (json_is_array(annotations_of(o)) || json_is_array(json_object_get(o, "predictions")));
}

static bool counts(const json_t *annotation, bool only_truth)
{
    return !json_is_true(json_object_get(annotation, "was_cancelled")) &&
           (!only_truth || json_is_true(json_object_get(annotation, "ground_truth")));
}

/* Two annotations disagree: the row says nothing. */
static bool dispute(json_t *row, json_t *said, const char *name, mm_str *disputed, mm_arena *a)
{
    if (!disputed->p)
        *disputed = mm_str_of(mm_arena_strdup(a, mm_str_of(name)));
    return disputed->p && json_object_set_new(row, name, json_null()) == 0 &&
           json_object_set_new(said, name, json_null()) == 0;
}

static mm_status add_results(json_t *row, json_t *said, const json_t *annotation, mm_str *disputed, mm_arena *a,
                             mm_err *e)
{
    json_t *result, *list = json_object_get(annotation, "result");
    size_t i;
    json_array_foreach(list, i, result)
    {
        const char *name = json_string_value(json_object_get(result, "from_name"));
        json_t *value = name ? mm_ls_value(json_object_get(result, "value")) : NULL;
        const json_t *before = name ? json_object_get(said, name) : NULL;
        bool differ = value && before && !json_equal(before, value);
        bool ok = !value   ? true
                  : differ ? dispute(row, said, name, disputed, a)
                           : json_object_set(said, name, value) == 0 && json_object_set(row, name, value) == 0;
        json_decref(value);
        if (!ok)
            return mm_fail_memory(e);
    }
    return MM_OK;
}

mm_status mm_ls_flatten(json_t **row, mm_str *disputed, mm_arena *a, const json_t *task, mm_err *e)
{
    const json_t *list = annotations_of(task);
    json_t *said = json_object(); /* results so far: `data` may have a member with such a name, too */
    bool only_truth = false;
    mm_status s = MM_OK;
    *disputed = (mm_str){NULL, 0};
    *row = json_copy(json_object_get(task, "data"));
    if (!*row || !said)
        s = mm_fail_memory(e);
    for (size_t i = 0; i < json_array_size(list); i++)
        only_truth |= counts(json_array_get(list, i), true);
    for (size_t i = 0; s == MM_OK && i < json_array_size(list); i++)
        if (counts(json_array_get(list, i), only_truth))
            s = add_results(*row, said, json_array_get(list, i), disputed, a, e);
    json_decref(said);
    if (s != MM_OK) {
        json_decref(*row);
        *row = NULL;
    }
    return s;
}
