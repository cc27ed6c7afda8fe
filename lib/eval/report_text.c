#include "eval/report.h"

#include <math.h>
#include <string.h>

static int widest(const mm_report *r)
{
    int most = 5;
    for (int c = 0; c < r->p->classes; c++) {
        int n = (int)strlen(r->p->name[c]);
        most = n > most ? n : most;
    }
    return most > 32 ? 32 : most;
}

static void put_number(FILE *f, double x)
{
    if (isnan(x))
        fprintf(f, " %9s", "-");
    else
        fprintf(f, " %9.4f", x);
}

static void put_classes(const mm_report *r, FILE *f)
{
    int w = widest(r), k = r->p->classes;
    fprintf(f, "\n%-*s %9s %9s %9s %9s %9s\n", w, "class", "precision", "recall", "specific.", "F1", "samples");
    for (int c = 0; c < k; c++) {
        mm_class_report one = mm_report_class(r->confusion, k, c);
        fprintf(f, "%-*.*s", w, w, r->p->name[c]);
        put_number(f, one.precision);
        put_number(f, one.recall);
        put_number(f, one.specificity);
        put_number(f, one.f1);
        fprintf(f, " %9lld\n", (long long)one.support);
    }
    if (k > 20)
        return;
    fprintf(f, "\nconfusion (rows: truth, columns: guess)\n");
    for (int i = 0; i < k; i++) {
        fprintf(f, "%-*.*s", w, w, r->p->name[i]);
        for (int j = 0; j < k; j++)
            fprintf(f, " %6lld", (long long)r->confusion[i * k + j]);
        fputc('\n', f);
    }
}

void mm_report_text(const mm_report *r, FILE *f)
{
    fprintf(f, "samples              %lld\n", (long long)r->n);
    for (int i = 0; i < r->figures; i++) {
        const mm_figure *x = &r->figure[i];
        int columns = 0; /* names may hold multi-byte characters */
        for (const char *p = x->name; *p; p++)
            columns += (*p & 0xc0) != 0x80;
        fprintf(f, "%s%*s %.4f", x->name, columns < 20 ? 20 - columns : 0, "", x->value);
        if (!isnan(x->interval.low))
            fprintf(f, "  [%.4f, %.4f]", x->interval.low, x->interval.high);
        fputc('\n', f);
    }
    if (r->p)
        put_classes(r, f);
}

static json_t *number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

static json_t *class_json(const mm_report *r, int c)
{
    mm_class_report one = mm_report_class(r->confusion, r->p->classes, c);
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
    json_t *out = json_pack("{s:I}", "samples", (json_int_t)r->n), *figures = json_object();
    if (!out || !figures)
        return NULL;
    for (int i = 0; i < r->figures; i++) {
        const mm_figure *x = &r->figure[i];
        json_t *one = json_pack("{s:o}", "value", number(x->value));
        if (!isnan(x->interval.low))
            json_object_set_new(one, "interval", json_pack("[f, f]", x->interval.low, x->interval.high));
        json_object_set_new(figures, x->name, one);
    }
    json_object_set_new(out, "figures", figures);
    if (r->p)
        add_classes(r, out);
    if (r->calibrated)
        json_object_set_new(out, "calibration", bins_json(r));
    return out;
}
