#include "label/output.h"

static void cell(FILE *f, mm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '\t': fputs("\\t", f); break;
        case '\n': fputs("\\n", f); break;
        case '\r': fputs("\\r", f); break;
        case '\\': fputs("\\\\", f); break;
        default: putc(s.p[i], f);
        }
}

void mm_tsv_header(FILE *f, int top)
{
    fputs("key\tpart\tstart\tend\tof\tlabel\tscore", f);
    for (int i = 2; i <= top; i++)
        fprintf(f, "\tlabel%d\tscore%d", i, i);
    putc('\n', f);
}

void mm_tsv_put(FILE *f, const mm_labelled *x, int top)
{
    cell(f, x->rec->key);
    putc('\t', f);
    if (x->rec->part >= 0)
        fprintf(f, "%lld", (long long)x->rec->part);
    if (x->rec->has_time)
        fprintf(f, "\t%.9g\t%.9g\t", x->rec->time[0], x->rec->time[1]);
    else
        fputs("\t\t\t", f);
    cell(f, x->rec->of);
    for (int i = 0; i < top; i++) {
        putc('\t', f);
        if (i < x->n)
            cell(f, x->guess[i].name);
        putc('\t', f);
        if (i < x->n)
            fprintf(f, "%.6g", x->guess[i].score);
    }
    putc('\n', f);
}
