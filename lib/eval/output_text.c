#include "eval/output.h"

#include <math.h>
#include <string.h>

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

static void put_report(FILE *f, const mm_report *r)
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

static void put_comparison(FILE *f, const mm_comparison *c, const char *with)
{
    fprintf(f, "\ncompared with %s\n", with);
    if (c->classes)
        fprintf(f,
                "both right           %lld\nonly this right      %lld\nonly the other right %lld\n"
                "neither              %lld\n",
                (long long)c->both, (long long)c->only_a, (long long)c->only_b, (long long)c->neither);
    for (int i = 0; i < c->differences; i++) {
        const mm_metric *x = &c->difference[i];
        fprintf(f, "%s difference%*s", x->name, (int)(10 - strlen(x->name)), "");
        isnan(x->value) ? fputs("-", f) : fprintf(f, "%+.4f", x->value);
        if (!isnan(x->interval.low))
            fprintf(f, "  [%.4f, %.4f]", x->interval.low, x->interval.high);
        fputc('\n', f);
    }
    if (c->classes)
        fprintf(f, "McNemar's exact p    %.4g\n", c->p);
}

static mm_status put(FILE *f, const mm_evaluation *x, int n, mm_err *e)
{
    (void)e;
    for (int i = 0; i < n; i++) {
        if (n > 1)
            fprintf(f, "%sfield                %s\n", i ? "\n" : "", x[i].field);
        put_report(f, &x[i].report);
        if (x[i].compared_with)
            put_comparison(f, &x[i].comparison, x[i].compared_with);
    }
    return MM_OK;
}

const mm_eval_output mm_eval_text = {"text", put};
