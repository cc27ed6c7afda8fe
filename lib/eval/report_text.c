#include "eval/report.h"

#include <math.h>

enum { LEAST_WIDTH = 20, MOST_WIDTH = 32 };

/* Terminal columns, if every character takes one. */
static int columns(const char *name)
{
    int n = 0;
    for (; *name; name++)
        n += (*name & 0xc0) != 0x80;
    return n;
}

/* A name, padded to the width; a longer one is not cut. */
static void put_name(FILE *f, const char *name, int width)
{
    for (const char *p = name; *p; p++)
        putc((unsigned char)*p < ' ' || *p == 127 ? '?' : *p, f);
    fprintf(f, "%*s", columns(name) < width ? width - columns(name) : 0, "");
}

static int widest_class(const mm_report *r)
{
    int most = 5;
    for (int c = 0; c < r->p->classes; c++) {
        int n = columns(r->p->name[c]);
        most = n > most ? n : most;
    }
    return most > MOST_WIDTH ? MOST_WIDTH : most;
}

static void put_number(FILE *f, double x, int width)
{
    if (isnan(x))
        fprintf(f, " %*s", width, "-");
    else
        fprintf(f, " %*.4f", width, x);
}

static void put_classes(const mm_report *r, FILE *f)
{
    int w = widest_class(r), k = r->p->classes;
    fprintf(f, "\n%-*s %9s %9s %11s %9s %9s\n", w, "class", "precision", "recall", "specificity", "F1", "samples");
    for (int c = 0; c < k; c++) {
        mm_class_metrics one = mm_class_metrics_of(r->confusion, k, c);
        put_name(f, r->p->name[c], w);
        put_number(f, one.precision, 9);
        put_number(f, one.recall, 9);
        put_number(f, one.specificity, 11);
        put_number(f, one.f1, 9);
        fprintf(f, " %9lld\n", (long long)one.support);
    }
    if (k > 20)
        return;
    fprintf(f, "\nconfusion matrix (rows: true label, columns: predicted label)\n");
    for (int i = 0; i < k; i++) {
        put_name(f, r->p->name[i], w);
        for (int j = 0; j < k; j++)
            fprintf(f, " %6lld", (long long)r->confusion[i * k + j]);
        fputc('\n', f);
    }
}

void mm_report_text(const mm_report *r, FILE *f)
{
    int w = LEAST_WIDTH;
    for (int i = 0; i < r->metrics; i++)
        w = columns(r->metric[i].name) > w ? columns(r->metric[i].name) : w;
    put_name(f, "samples", w);
    fprintf(f, " %lld\n", (long long)r->n);
    for (int i = 0; i < r->metrics; i++) {
        const mm_metric *x = &r->metric[i];
        put_name(f, x->name, w);
        put_number(f, x->value, 0);
        if (!isnan(x->interval.low))
            fprintf(f, "  [%.4f, %.4f]", x->interval.low, x->interval.high);
        fputc('\n', f);
    }
    if (r->p)
        put_classes(r, f);
}

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

json_t *mm_report_json(const mm_report *r)
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
