/* output_studio.c: Label Studio's import format: a JSON array of tasks with predictions
 * (https://labelstud.io/guide/predictions). The windows of one sound become regions of one task, the outputs of a head
 * results of one task. Only the best label of each is ticked; where there are more, all of them with their scores are
 * in the task's meta.labels. */
#include "label/output.h"

#include <stdlib.h>

typedef struct {
    FILE *f;
    mm_studio o;
    json_t *task; /* of the source that is being gathered */
    int64_t part; /* … and its part */
    bool any;
    bool control_reported;
} studio;

static mm_status begin(mm_label_writer *w, mm_err *e)
{
    studio *s = calloc(1, sizeof *s);
    if (!s)
        return mm_fail_memory(e);
    *s = (studio){.f = w->f, .o = w->studio};
    w->state = s;
    putc('[', s->f);
    return MM_OK;
}

static mm_status finish_task(studio *s, mm_err *e)
{
    if (!s->task)
        return MM_OK;
    fputs(s->any ? ",\n" : "\n", s->f);
    int bad = json_dumpf(s->task, s->f, JSON_COMPACT | JSON_REAL_PRECISION(7));
    json_decref(s->task);
    s->task = NULL;
    s->any = true;
    return bad && !ferror(s->f) ? mm_fail_memory(e) : MM_OK;
}

static mm_status end(mm_label_writer *w, mm_err *e)
{
    studio *s = w->state;
    mm_status status = finish_task(s, e);
    fputs("\n]\n", s->f);
    free(s);
    return status;
}

/* Label Studio drops predictions for a control that its project does not have. */
static void say_control(studio *s, const mm_log *log, mm_str field)
{
    if (s->control_reported || s->o.from_name || !field.p)
        return;
    s->control_reported = true;
    mm_say_hint(log, MM_LOG_WARN, MM_HINT_CONTROL, "predictions are for the control named \"%.*s\", as the label field",
                MM_STRF(field));
}

/* The task's data: the text itself, or the address of the media file. */
static json_t *data_value(const studio *s, const mm_labelled *x)
{
    const mm_record *rec = x->rec;
    if (x->text.p)
        return mm_json_text(x->text);
    mm_arena a = {0};
    char *where = mm_arena_printf(&a, "%s%.*s", s->o.data_prefix ? s->o.data_prefix : "",
                                  MM_STRF(rec->src.p ? rec->src : rec->key));
    json_t *j = where ? mm_json_text(mm_str_of(where)) : NULL;
    mm_arena_free(&a);
    return j;
}

/* Windows of a sound are regions, everything else is a choice about the whole. */
static bool is_region(const mm_record *rec)
{
    return rec->has_time && mm_str_is(mm_record_medium(rec), "audio");
}

/* The best label, in the list that Label Studio wants. */
static json_t *best(const mm_labelled *x)
{
    json_t *list = json_array();
    if (x->scored[0].name.n)
        json_array_append_new(list, mm_json_text(x->scored[0].name));
    return list;
}

static json_t *all_labels(const mm_labelled *x)
{
    json_t *list = json_array();
    for (int i = 0; i < x->n; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:f}", "label", mm_json_text(x->scored[i].name), "score", x->scored[i].score));
    return list;
}

/* --from-name, else the name of the head's output, else the name in Label Studio's own examples. */
static json_t *from_name(const studio *s, const mm_record *rec)
{
    mm_str field = mm_label_field(rec);
    if (!s->o.from_name && field.p)
        return mm_json_text(field);
    return json_string(s->o.from_name ? s->o.from_name : is_region(rec) ? "label" : "choice");
}

/* One result of a prediction; NULL where there is nothing to predict (below the threshold, without a name). */
static json_t *result(const studio *s, const mm_labelled *x, const char *modality, size_t index)
{
    json_t *list = best(x), *value = json_object(), *r = json_object();
    bool region = is_region(x->rec), empty = !json_array_size(list);
    char id[32];
    snprintf(id, sizeof id, "r%zu", index);
    if (region) {
        json_object_set_new(value, "start", json_real(x->rec->time[0]));
        json_object_set_new(value, "end", json_real(x->rec->time[1]));
    }
    json_object_set_new(value, region ? "labels" : "choices", list);
    json_object_set_new(r, "id", json_string(id));
    json_object_set_new(r, "from_name", from_name(s, x->rec));
    json_object_set_new(r, "to_name", json_string(s->o.to_name ? s->o.to_name : modality));
    json_object_set_new(r, "type", json_string(region ? "labels" : "choices"));
    json_object_set_new(r, "value", value);
    json_object_set_new(r, "score", json_real(x->scored[0].score));
    if (!empty)
        return r;
    json_decref(r);
    return NULL;
}

static json_t *new_task(const studio *s, const mm_labelled *x, const char *modality)
{
    json_t *task = json_object(), *data = json_object(), *prediction = json_object(), *list = json_array();
    json_object_set_new(data, s->o.data_key ? s->o.data_key : modality, data_value(s, x));
    json_object_set_new(task, "data", data);
    json_object_set_new(prediction, "model_version", json_string(s->o.model_version));
    json_object_set_new(prediction, "score", json_real(x->scored[0].score));
    json_object_set_new(prediction, "result", json_array());
    json_array_append_new(list, prediction);
    json_object_set_new(task, "predictions", list);
    json_object_set_new(task, "meta", json_pack("{so}", "key", mm_json_text(x->rec->key)));
    return task;
}

static json_t *prediction_of(json_t *task)
{
    return json_array_get(json_object_get(task, "predictions"), 0);
}

/* Whether x is another window of the sound whose task is open, or another output of the head for its sample. */
static bool same_task(const studio *s, const mm_labelled *x, const char *key)
{
    if (!s->task || !(is_region(x->rec) || (mm_label_field(x->rec).p && x->rec->part == s->part)))
        return false;
    json_t *data = json_object_get(s->task, "data"), *value = data_value(s, x);
    bool same = json_equal(json_object_get(data, key), value);
    json_decref(value);
    return same;
}

/* A prediction's score is its weakest region's, by which annotators sort what to look at first. */
static void lower_score(json_t *prediction, double score)
{
    json_t *now = json_object_get(prediction, "score");
    if (score < json_real_value(now))
        json_real_set(now, score);
}

/* The result's other labels: as choices they would be ticked as well. */
static void add_labels(studio *s, const char *id, const mm_labelled *x)
{
    json_t *meta = json_object_get(s->task, "meta"), *labels = json_object_get(meta, "labels");
    if (!labels) {
        labels = json_object();
        json_object_set_new(meta, "labels", labels);
    }
    json_object_set_new(labels, id, all_labels(x));
}

static mm_status put(mm_label_writer *w, const mm_labelled *x, mm_err *e)
{
    studio *s = w->state;
    say_control(s, w->log, mm_label_field(x->rec));
    char modality[32];
    snprintf(modality, sizeof modality, "%.*s", MM_STRF(x->rec->of.n ? x->rec->of : MM_STR("data")));
    if (!same_task(s, x, s->o.data_key ? s->o.data_key : modality)) {
        mm_status status = finish_task(s, e);
        if (status != MM_OK)
            return status;
        s->task = new_task(s, x, modality);
        s->part = x->rec->part;
    }
    json_t *prediction = prediction_of(s->task), *list = json_object_get(prediction, "result");
    json_t *r = result(s, x, modality, json_array_size(list));
    lower_score(prediction, x->scored[0].score);
    if (r && x->n > 1)
        add_labels(s, json_string_value(json_object_get(r, "id")), x);
    if (r)
        json_array_append_new(list, r);
    return list ? MM_OK : mm_fail_memory(e);
}

const mm_label_output mm_output_studio = {.name = "label-studio", .begin = begin, .put = put, .end = end};
