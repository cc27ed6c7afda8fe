/* mdoc.c: the OPTIONS list of a manual page (--help=mdoc). */
#include "cli/state.h"

#include <string.h>

/* Escapes text for roff: control characters at the beginning of a line, backslashes, and the dashes of options. */
static void print_text(const char *text, FILE *f)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", f);
    for (const char *p = text; *p; p++)
        if (*p == '\\')
            fputs("\\e", f);
        else if (*p == '-' && (p == text || strchr(" '(-", p[-1])))
            fputs("\\-", f);
        else
            putc(*p, f);
}

static void print_value(const mm_opt *o, bool brief, FILE *f)
{
    if (!mm_opt_takes_value(o))
        return;
    char all[512];
    const char *value = o->type == MM_OPT_CHOICE ? mm_opt_choices(o, all, sizeof all) : o->arg;
    if (!mm_opt_value_optional(o))
        fprintf(f, brief ? " Ar %s" : " Ns = Ns Ar %s", value);
    else if (!brief)
        fprintf(f, " Ns Op Ns = Ns Ar %s", value);
}

static void print_names(const mm_opt *o, FILE *f)
{
    fputs(".It ", f);
    if (o->brief) {
        fprintf(f, "Fl %c", o->brief);
        print_value(o, true, f);
        fputs(" , ", f);
    }
    fprintf(f, "Fl \\-%s", o->name);
    print_value(o, false, f);
    if (o->type == MM_OPT_SWITCH)
        fprintf(f, " , Fl \\-no-%s", o->name);
    putc('\n', f);
}

void mm_help_mdoc(const mm_tool *t, const mm_opts *o, FILE *f)
{
    (void)t;
    char def[128];
    for (int i = 0; i < o->n; i++) {
        const mm_opt *row = &o->v[i];
        const char *heading = mm_opts_heading(o, i);
        if (i && heading)
            fputs(".El\n", f);
        if (heading)
            fprintf(f, ".Ss %s\n", heading);
        if (!i || heading)
            fputs(".Bl -tag -width Ds\n", f);
        print_names(row, f);
        print_text(row->help, f);
        print_text(mm_help_default(row, def, sizeof def), f);
        fputs(".\n", f);
    }
    fputs(".El\n", f);
}
