/* help.c: --help, 80 columns. */
#include "cli/state.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 79, INDENT = 26 };

/* With the suffix that the option takes, where that is exact: 1G. */
static void print_size(int64_t value, char *out, size_t size)
{
    int shift = value % (1 << 30) == 0 ? 30 : value % (1 << 20) == 0 ? 20 : 0;
    snprintf(out, size, " (default: %lld%s)", (long long)value >> shift, shift == 30 ? "G" : shift == 20 ? "M" : "");
}

/* -1 where only 0 and more can be given means "not given": no default to name. */
static bool is_allowed(const mm_opt *o, int64_t value)
{
    return o->max <= o->min || (value >= o->min && value <= o->max);
}

const char *mm_help_default(const mm_opt *o, char *out, size_t size)
{
    out[0] = 0;
    mm_str choice;
    switch (o->type) {
    case MM_OPT_CHOICE:
        if ((choice = mm_opt_choice(o, *(const int *)o->to)).p)
            snprintf(out, size, " (default: %.*s)", MM_STRF(choice));
        break;
    case MM_OPT_STR:
        if (*(const char *const *)o->to && **(const char *const *)o->to)
            snprintf(out, size, " (default: %s)", *(const char *const *)o->to);
        break;
    case MM_OPT_INT:
        if (*(const int64_t *)o->to && is_allowed(o, *(const int64_t *)o->to))
            print_size(*(const int64_t *)o->to, out, size);
        break;
    case MM_OPT_FLOAT:
        if (*(const double *)o->to != 0 && isfinite(*(const double *)o->to))
            snprintf(out, size, " (default: %g)", *(const double *)o->to);
        break;
    case MM_OPT_FLAG:
    case MM_OPT_COUNT:
    case MM_OPT_SWITCH:
    case MM_OPT_LIST: break;
    }
    return out;
}

static int print_names(const mm_opt *o, FILE *f)
{
    char all[512];
    int n = o->brief ? fprintf(f, "  -%c, --", o->brief) : fprintf(f, "      --");
    n += fprintf(f, "%s%s", o->type == MM_OPT_SWITCH ? "[no-]" : "", o->name);
    if (mm_opt_value_optional(o))
        n += fprintf(f, "[=%.*s]", (int)strlen(o->arg) - 2, o->arg + 1);
    else if (mm_opt_takes_value(o))
        n += fprintf(f, "=%s", o->type == MM_OPT_CHOICE ? mm_opt_choices(o, all, sizeof all) : o->arg);
    return n;
}

static void print_wrapped(const char *text, int column, FILE *f)
{
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column + 1 + n > WIDTH) {
            fprintf(f, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > INDENT) {
            putc(' ', f);
            column++;
        }
        fprintf(f, "%.*s", n, text);
        column += n;
        text += n + strspn(text + n, " ");
    }
    putc('\n', f);
}

static void print_option(const mm_opt *o, FILE *f)
{
    char text[1024], def[128];
    int column = print_names(o, f);
    snprintf(text, sizeof text, "%s%s", o->help, mm_help_default(o, def, sizeof def));
    if (column > INDENT - 2)
        fprintf(f, "\n%*s", INDENT, "");
    else
        fprintf(f, "%*s", INDENT - column, "");
    print_wrapped(text, INDENT, f);
}

void mm_help_text(const mm_tool *t, const mm_opts *o, FILE *f)
{
    if (!t->synopsis)
        fprintf(f, "Usage: %s [OPTION]... %s\n", t->name, t->operands ? t->operands : "");
    for (int i = 0; t->synopsis && t->synopsis[i]; i++)
        fprintf(f, "%s %s %s\n", i ? "      " : "Usage:", t->name, t->synopsis[i]);
    fprintf(f, "%s.\n\n", t->summary);
    for (int i = 0; i < o->n; i++) {
        const char *heading = mm_opts_heading(o, i);
        if (heading)
            fprintf(f, "%s%s:\n", i ? "\n" : "", heading);
        print_option(&o->v[i], f);
    }
    for (const char *const *line = t->examples; line && *line; line++)
        fprintf(f, "%s  %s\n", line == t->examples ? "\nExamples:\n" : "", *line);
    fprintf(f, "\nThe manual: man %s, man mm-intro\n", t->name);
}
