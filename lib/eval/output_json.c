#include "eval/output.h"

#include <jansson.h>
#include <math.h>

/* JSON has no word for NaN and infinity. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *class_json(const mm_report *r, int c)
{
    mm_class_metrics one = mm_class_metrics_of(r->confusion, r->p->classes, c);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "class", r->p->name[c], "precision", number(one.precision),
                     "recall", number(one.recall), "specificity", number(one.specificity), "f1", number(one.f1),
                     "samples", (json_int_t)one.support);
}

static void add_classes(const mm_report *r, json_t *out)
{
    json_t *classes = json_array(), *matrix = json_array();
    for (int c = 0; c < r->p->classes; c++) {
        json_t *row = json_array();
        for (int j = 0; j < r->p->classes; j++)
            json_array_append_new(row, json_integer(r->confusion[c * r->p->classes + j]));
        json_array_append_new(matrix, row);
        json_array_append_new(classes, class_json(r, c));
    }
    json_object_set_new(out, "classes", classes);
    json_object_set_new(out, "confusion", matrix);
}

static json_t *bins_json(const mm_report *r)
{
    json_t *bins = json_array();
    for (int b = 0; b < MM_CALIBRATION_BINS; b++)
        json_array_append_new(bins, json_pack("{s:I, s:o, s:o}", "samples", (json_int_t)r->bin[b].count, "confidence",
                                              number(r->bin[b].confidence), "accuracy", number(r->bin[b].accuracy)));
    return bins;
}

static json_t *report_json(const mm_report *r)
{
    json_t *out = json_pack("{s:I}", "samples", (json_int_t)r->n), *metrics = json_object();
    if (!out || !metrics)
        return NULL;
    for (int i = 0; i < r->metrics; i++) {
        const mm_metric *x = &r->metric[i];
        json_t *one = json_pack("{s:o}", "value", number(x->value));
        if (!isnan(x->interval.low))
            json_object_set_new(one, "interval",
                                json_pack("[o, o]", number(x->interval.low), number(x->interval.high)));
        json_object_set_new(metrics, x->name, one);
    }
    json_object_set_new(out, "figures", metrics);
    if (r->p)
        add_classes(r, out);
    if (r->calibrated)
        json_object_set_new(out, "calibration", bins_json(r));
    return out;
}

static json_t *comparison_json(const mm_comparison *c, const char *with)
{
    json_t *all = json_object();
    for (int i = 0; all && i < c->differences; i++) {
        const mm_metric *x = &c->difference[i];
        json_t *one = isfinite(x->value) ? json_pack("{s:f}", "value", x->value) : json_pack("{s:n}", "value");
        if (one && isfinite(x->interval.low) && isfinite(x->interval.high))
            json_object_set_new(one, "interval", json_pack("[f, f]", x->interval.low, x->interval.high));
        json_object_set_new(all, x->name, one);
    }
    if (!c->classes)
        return json_pack("{s:s, s:o}", "with", with, "difference", all);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:f}", "with", with, "both", (json_int_t)c->both, "only_this",
                     (json_int_t)c->only_a, "only_other", (json_int_t)c->only_b, "neither", (json_int_t)c->neither,
                     "difference", all, "p", c->p);
}

/* One field is the object itself, several are members of "fields". */
static mm_status put(FILE *f, const mm_evaluation *x, int n, mm_err *e)
{
    json_t *all = n > 1 ? json_pack("{s:{}}", "fields") : NULL, *fields = json_object_get(all, "fields");
    bool ok = n <= 1 || fields;
    for (int i = 0; ok && i < n; i++) {
        json_t *one = report_json(&x[i].report);
        if (one && x[i].compared_with)
            json_object_set_new(one, "comparison", comparison_json(&x[i].comparison, x[i].compared_with));
        if (fields)
            ok = json_object_set_new(fields, x[i].field, one) == 0;
        else
            all = one;
    }
    ok = ok && all && (json_dumpf(all, f, JSON_INDENT(2) | JSON_REAL_PRECISION(16)) == 0 || ferror(f));
    fputc('\n', f);
    json_decref(all);
    return ok ? MM_OK : mm_fail_memory(e);
}

const mm_eval_output mm_eval_json = {"json", put};
