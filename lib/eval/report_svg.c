/* report_svg.c: the confusion matrix and the reliability diagram side by side, in one self-contained picture. */
#include "eval/report.h"

#include <math.h>
#include <string.h>

/* Pixels: the side of a diagram, and the margins around and between them. */
enum { SIDE = 320, LEFT = 140, TOP = 56, GAP = 100, BOTTOM = 150, LEGEND = 120 };
enum { MOST_NAMES = 40 }; /* classes whose names are written beside the matrix */

static void put_text(FILE *f, double x, double y, const char *anchor, const char *extra, const char *text)
{
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, extra);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        switch (*p) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        default: fputc(*p < ' ' ? ' ' : *p, f);
        }
    }
    fputs("</text>\n", f);
}

/* Title, axis names and frame of the diagram whose left edge is at x. */
static void put_axes(FILE *f, double x, const char *title, const char *across, double across_y, const char *up,
                     double up_x)
{
    char turn[64];
    double middle = TOP + SIDE / 2.0;
    put_text(f, x + SIDE / 2.0, TOP - 30, "middle", " font-weight=\"bold\"", title);
    put_text(f, x + SIDE / 2.0, across_y, "middle", "", across);
    snprintf(turn, sizeof turn, " transform=\"rotate(-90 %.1f %.1f)\"", up_x, middle);
    put_text(f, up_x, middle, "middle", turn, up);
    fprintf(f, "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n", x, TOP, SIDE,
            SIDE);
}

/* The colours of a cell or bar at a fraction of 0 to 1. */
static void cell_colour(char out[32], double fraction)
{
    snprintf(out, 32, "rgb(%d,%d,%d)", (int)(255 - 223 * fraction), (int)(255 - 155 * fraction),
             (int)(255 - 75 * fraction));
}

static double bar_opacity(double fraction)
{
    return 0.25 + 0.75 * sqrt(fraction);
}

/* A scale from 0 to 1 below the diagram at x; what it says stands after it. */
static void put_legend(FILE *f, double x, bool bars, const char *what)
{
    enum { STEPS = 12 };
    char colour[32] = "#2064b4";
    double y = TOP + SIDE + BOTTOM - 24, width = (double)LEGEND / STEPS;
    for (int i = 0; i < STEPS; i++) {
        double fraction = (double)i / (STEPS - 1);
        if (!bars)
            cell_colour(colour, fraction);
        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" fill=\"%s\" fill-opacity=\"%.2f\"/>\n",
                x + 12 + i * width, y, width, colour, bars ? bar_opacity(fraction) : 1);
    }
    put_text(f, x, y + 10, "start", "", "0");
    put_text(f, x + LEGEND + 18, y + 10, "start", "", "1");
    put_text(f, x + LEGEND + 32, y + 10, "start", "", what);
}

/* ---- confusion matrix ---- */

static void put_cell(const mm_report *r, FILE *f, int i, int j, double cell)
{
    char colour[32], text[24];
    int k = r->p->classes;
    int64_t row = 0, count = r->confusion[i * k + j];
    for (int c = 0; c < k; c++)
        row += r->confusion[i * k + c];
    double fraction = row ? (double)count / (double)row : 0;
    cell_colour(colour, fraction);
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", LEFT + j * cell,
            TOP + i * cell, cell, cell, colour);
    if (k > 12)
        return;
    snprintf(text, sizeof text, "%lld", (long long)count);
    put_text(f, LEFT + (j + 0.5) * cell, TOP + (i + 0.5) * cell + 4, "middle", fraction > 0.6 ? " fill=\"#fff\"" : "",
             text);
}

/* The approximate width of the longest class name, at most the room that names get; 0 where none are written. */
static double names_width(const mm_report *r, int classes)
{
    double widest = 0;
    for (int i = 0; i < classes; i++)
        widest = fmax(widest, 7.0 * (double)strlen(r->p->name[i]));
    return fmin(widest, LEFT - 30);
}

static void put_confusion(const mm_report *r, FILE *f)
{
    int k = r->p->classes, named = k > MOST_NAMES ? 0 : k;
    double cell = (double)SIDE / k, names = names_width(r, named);
    for (int i = 0; i < k; i++) {
        char turn[64];
        for (int j = 0; j < k; j++)
            put_cell(r, f, i, j, cell);
        if (!named)
            continue;
        put_text(f, LEFT - 6, TOP + (i + 0.5) * cell + 4, "end", "", r->p->name[i]);
        snprintf(turn, sizeof turn, " transform=\"rotate(-45 %.1f %d)\"", LEFT + (i + 0.5) * cell, TOP + SIDE + 14);
        put_text(f, LEFT + (i + 0.5) * cell, TOP + SIDE + 14, "end", turn, r->p->name[i]);
    }
    put_axes(f, LEFT, "confusion matrix", "predicted label", TOP + SIDE + 32 + 0.7 * names, "true label",
             LEFT - 16 - names);
    put_legend(f, LEFT, false, "of the samples with this true label");
}

/* ---- reliability diagram ---- */

static double value_of(const mm_report *r, const char *name)
{
    for (int i = 0; i < r->metrics; i++)
        if (strcmp(r->metric[i].name, name) == 0)
            return r->metric[i].value;
    return NAN;
}

static void put_reliability(const mm_report *r, FILE *f)
{
    char text[96];
    double left = LEFT + SIDE + GAP, width = (double)SIDE / MM_CALIBRATION_BINS;
    snprintf(text, sizeof text, "n = %lld, accuracy %.4f, ECE %.4f", (long long)r->n, value_of(r, "accuracy"),
             value_of(r, "calibration error"));
    put_text(f, left + SIDE / 2.0, TOP - 12, "middle", "", text);
    for (int b = 0; b < MM_CALIBRATION_BINS; b++) {
        if (!r->bin[b].count)
            continue;
        double h = r->bin[b].accuracy * SIDE;
        fprintf(f,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#2064b4\" fill-opacity=\"%.2f\">"
                "<title>%lld samples, confidence %.3f, accuracy %.3f</title></rect>\n",
                left + b * width + 1, TOP + SIDE - h, width - 2, h, bar_opacity((double)r->bin[b].count / (double)r->n),
                (long long)r->bin[b].count, r->bin[b].confidence, r->bin[b].accuracy);
    }
    fprintf(f, "<path d=\"M%.1f %d L%.1f %d\" stroke=\"#b03020\" stroke-dasharray=\"4 4\"/>\n", left, TOP + SIDE,
            left + SIDE, TOP);
    for (int i = 0; i <= 4; i++) {
        snprintf(text, sizeof text, "%.2f", i / 4.0);
        put_text(f, left + i * SIDE / 4.0, TOP + SIDE + 16, "middle", "", text);
        put_text(f, left - 6, TOP + SIDE - i * SIDE / 4.0 + 4, "end", "", text);
    }
    put_axes(f, left, "reliability diagram", "confidence", TOP + SIDE + 36, "accuracy", left - 42);
    put_text(f, left, TOP + SIDE + 62, "start", " fill=\"#b03020\"", "- - -");
    put_text(f, left + 32, TOP + SIDE + 62, "start", "", "perfect calibration");
    put_legend(f, left, true, "of all samples");
}

void mm_report_svg(const mm_report *r, FILE *f)
{
    int width = LEFT + SIDE + (r->calibrated ? GAP + SIDE : 0) + 40, height = TOP + SIDE + BOTTOM;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width, height);
    put_confusion(r, f);
    if (r->calibrated)
        put_reliability(r, f);
    fputs("</svg>\n", f);
}
