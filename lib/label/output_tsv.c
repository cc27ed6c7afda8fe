#include "label/output.h"
#include "view/field.h"

#include <math.h>

/* Columns: key, part, start, end, of, with w->fields the label field, and a label and a score for each of w->top.
 * Absent values are empty; tab, newline and backslash are written \t, \n and \\. */
static mm_status tsv_begin(mm_label_writer *w, mm_err *e)
{
    (void)e;
    if (!w->header)
        return MM_OK;
    fprintf(w->f, "key\tpart\tstart\tend\tof%s\tlabel\tscore", w->fields ? "\tfield" : "");
    for (int i = 2; i <= w->top; i++)
        fprintf(w->f, "\tlabel%d\tscore%d", i, i);
    putc('\n', w->f);
    return MM_OK;
}

static mm_status tsv_put(mm_label_writer *w, const mm_labelled *x, mm_err *e)
{
    FILE *f = w->f;
    (void)e;
    mm_field_put_tsv(f, x->rec->key);
    putc('\t', f);
    if (x->rec->part >= 0)
        fprintf(f, "%lld", (long long)x->rec->part);
    if (x->rec->has_time)
        fprintf(f, "\t%.9g\t%.9g\t", x->rec->time[0], x->rec->time[1]);
    else
        fputs("\t\t\t", f);
    mm_field_put_tsv(f, x->rec->of);
    if (w->fields) {
        putc('\t', f);
        mm_field_put_tsv(f, mm_label_field(x->rec));
    }
    for (int i = 0; i < w->top; i++) {
        putc('\t', f);
        if (i < x->n)
            mm_field_put_tsv(f, x->scored[i].name);
        putc('\t', f);
        if (i < x->n)
            fprintf(f, "%.6g", x->scored[i].score);
    }
    putc('\n', f);
    return MM_OK;
}

static void put_empty_line(FILE *f, const mm_record *mark)
{
    (void)mark;
    putc('\n', f);
}

const mm_label_output mm_output_tsv = {.name = "tsv", .begin = tsv_begin, .put = tsv_put, .mark = put_empty_line};

/* ---- hits ---- */

static void whole(FILE *f, int64_t n)
{
    if (n >= 0)
        fprintf(f, "%lld", (long long)n);
}

static mm_status hits_begin(mm_label_writer *w, mm_err *e)
{
    (void)e;
    if (w->header)
        fputs("query\trank\tscore\tkey\tsrc\tpart\tquery_part\tquery_src\tquery_text"
              "\ttext\tstart\tend\tquery_start\tquery_end\n",
              w->f);
    return MM_OK;
}

/* Two cells, empty where there is no time. */
static void seconds(FILE *f, const double time[2])
{
    if (isnan(time[0]))
        fputs("\t\t", f);
    else
        fprintf(f, "\t%.9g\t%.9g", time[0], time[1]);
}

/* A row for each neighbour whose cosine reaches the threshold. */
static mm_status hits_put(mm_label_writer *w, const mm_labelled *x, mm_err *e)
{
    FILE *f = w->f;
    (void)e;
    static const double none[2] = {NAN, NAN};
    for (int i = 0; i < x->n_near && x->near[i].row >= 0; i++) {
        int64_t row = x->near[i].row;
        if ((double)x->near[i].cosine < w->threshold)
            break;
        mm_field_put_tsv(f, x->rec->key);
        fprintf(f, "\t%d\t%.6g\t", i + 1, (double)x->near[i].cosine);
        mm_field_put_tsv(f, x->refs->key[row]);
        putc('\t', f);
        mm_field_put_tsv(f, x->refs->src[row]);
        putc('\t', f);
        whole(f, x->refs->part[row]);
        putc('\t', f);
        whole(f, x->rec->part);
        putc('\t', f);
        mm_field_put_tsv(f, x->rec->src);
        putc('\t', f);
        mm_field_put_tsv(f, x->text);
        putc('\t', f);
        mm_field_put_tsv(f, x->refs->text[row]);
        seconds(f, x->refs->time[row]);
        seconds(f, x->rec->has_time ? x->rec->time : none);
        putc('\n', f);
    }
    return MM_OK;
}

const mm_label_output mm_output_hits = {
    .name = "hits", .searches = true, .begin = hits_begin, .put = hits_put, .mark = put_empty_line};
