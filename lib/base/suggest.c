#include "base/suggest.h"

#include <ctype.h>
#include <stdio.h>

enum { LONGEST = 64 };

static bool differ(char a, char b)
{
    return tolower((unsigned char)a) != tolower((unsigned char)b);
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters have to be put in, taken out, replaced or swapped with their neighbour to make b of a (the optimal
 * string alignment distance); LONGEST for long names. */
static size_t edit_distance(mm_str a, mm_str b)
{
    size_t rows[3][LONGEST + 1], *above = rows[0], *last = rows[1], *row = rows[2];
    if (a.n > LONGEST || b.n > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            row[j] = least_of(last[j - 1] + differ(a.p[i - 1], b.p[j - 1]), 1 + least_of(last[j], row[j - 1]));
            if (i > 1 && j > 1 && !differ(a.p[i - 1], b.p[j - 2]) && !differ(a.p[i - 2], b.p[j - 1]))
                row[j] = least_of(row[j], above[j - 2] + 1);
        }
        size_t *spare = above;
        above = last;
        last = row;
        row = spare;
    }
    return last[b.n];
}

mm_str mm_suggest(mm_str wanted, const mm_str *names, int n)
{
    mm_str best = {NULL, 0};
    size_t least = wanted.n < 4 ? 2 : wanted.n / 3 + 1;
    for (int i = 0; i < n; i++) {
        size_t d = edit_distance(wanted, names[i]);
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

/* Appends s when all of it, and `spare` bytes more, fit. */
static bool append(char *out, size_t size, size_t *used, mm_str s, size_t spare)
{
    if (*used + s.n + spare >= size)
        return false;
    memcpy(out + *used, s.p, s.n);
    *used += s.n;
    out[*used] = 0;
    return true;
}

const char *mm_suggest_text(char *out, size_t size, mm_str wanted, const mm_str *names, int n)
{
    char question[LONGEST + 32];
    static const mm_str cut = {"...", 3};
    mm_str near = mm_suggest(wanted, names, n);
    size_t used = 0, tail = cut.n + 1; /* "...)" */
    out[0] = 0;
    if (near.p) {
        snprintf(question, sizeof question, "; did you mean \"%.*s\"?", MM_STRF(near));
        append(out, size, &used, mm_str_of(question), 0);
    }
    if (n == 0 || !append(out, size, &used, MM_STR(" (there are: "), tail))
        return out;
    bool fits = true;
    for (int i = 0; fits && i < n; i++)
        fits = (i == 0 || append(out, size, &used, MM_STR(", "), tail)) && append(out, size, &used, names[i], tail);
    if (!fits)
        append(out, size, &used, cut, 1);
    append(out, size, &used, MM_STR(")"), 0);
    return out;
}
