/* report_svg.c: the confusion matrix and the reliability diagram as one picture that needs nothing from outside. */
#include "eval/report.h"

#include <math.h>
#include <string.h>

enum { SIDE = 320, LEFT = 120, TOP = 40, GAP = 110, BOTTOM = 120 };

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

static void put_cell(const mm_report *r, FILE *f, int i, int j, double cell)
{
    int k = r->p->classes;
    int64_t row = 0, count = r->confusion[i * k + j];
    for (int c = 0; c < k; c++)
        row += r->confusion[i * k + c];
    double share = row ? (double)count / (double)row : 0;
    fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"rgb(%d,%d,%d)\"/>\n", LEFT + j * cell,
            TOP + i * cell, cell, cell, (int)(255 - 223 * share), (int)(255 - 155 * share), (int)(255 - 75 * share));
    if (k <= 12) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)count);
        put_text(f, LEFT + (j + 0.5) * cell, TOP + (i + 0.5) * cell + 4, "middle", share > 0.6 ? " fill=\"#fff\"" : "",
                 text);
    }
}

static void put_confusion(const mm_report *r, FILE *f)
{
    int k = r->p->classes;
    double cell = (double)SIDE / k;
    put_text(f, LEFT + SIDE / 2.0, TOP - 16, "middle", " font-weight=\"bold\"", "confusion: truth down, guess across");
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++)
            put_cell(r, f, i, j, cell);
        if (k > 40)
            continue;
        char turn[64];
        put_text(f, LEFT - 6, TOP + (i + 0.5) * cell + 4, "end", "", r->p->name[i]);
        snprintf(turn, sizeof turn, " transform=\"rotate(-45 %.1f %d)\"", LEFT + (i + 0.5) * cell, TOP + SIDE + 14);
        put_text(f, LEFT + (i + 0.5) * cell, TOP + SIDE + 14, "end", turn, r->p->name[i]);
    }
    fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n", LEFT, TOP, SIDE,
            SIDE);
}

static void put_calibration(const mm_report *r, FILE *f)
{
    double left = LEFT + SIDE + GAP, width = (double)SIDE / MM_CALIBRATION_BINS;
    put_text(f, left + SIDE / 2.0, TOP - 16, "middle", " font-weight=\"bold\"", "accuracy by confidence");
    for (int b = 0; b < MM_CALIBRATION_BINS; b++) {
        if (!r->bin[b].count)
            continue;
        double h = r->bin[b].accuracy * SIDE;
        fprintf(f,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#2064b4\" fill-opacity=\"%.2f\">"
                "<title>%lld samples, confidence %.3f, accuracy %.3f</title></rect>\n",
                left + b * width + 1, TOP + SIDE - h, width - 2, h,
                0.25 + 0.75 * sqrt((double)r->bin[b].count / (double)r->n), (long long)r->bin[b].count,
                r->bin[b].confidence, r->bin[b].accuracy);
    }
    fprintf(f, "<path d=\"M%.1f %d L%.1f %d\" stroke=\"#b03020\" stroke-dasharray=\"4 4\"/>\n", left, TOP + SIDE,
            left + SIDE, TOP);
    fprintf(f, "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n", left, TOP,
            SIDE, SIDE);
    for (int i = 0; i <= 4; i++) {
        char text[8];
        snprintf(text, sizeof text, "%.2f", i / 4.0);
        put_text(f, left + i * SIDE / 4.0, TOP + SIDE + 16, "middle", "", text);
        put_text(f, left - 6, TOP + SIDE - i * SIDE / 4.0 + 4, "end", "", text);
    }
}

void mm_report_svg(const mm_report *r, FILE *f)
{
    int width = LEFT + SIDE + (r->calibrated ? GAP + SIDE : 0) + 30, height = TOP + SIDE + BOTTOM;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            width, height, width, height);
    put_confusion(r, f);
    if (r->calibrated)
        put_calibration(r, f);
    fputs("</svg>\n", f);
}
