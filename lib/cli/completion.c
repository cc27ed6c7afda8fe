/* completion.c: shell completions from the option table (--help=bash, zsh, fish). */
#include "cli/state.h"

#include <string.h>

#define MODELS "$(mm-model list --names 2>/dev/null)"

static void print_identifier(const char *name, FILE *f)
{
    putc('_', f);
    for (; *name; name++)
        putc(*name == '-' ? '_' : *name, f);
}

static void print_choices(const char *choices, FILE *f)
{
    for (; *choices; choices++)
        putc(*choices == '|' ? ' ' : *choices, f);
}

/* ---- bash --------------------------------------------------------------------------------------------------- */

static void bash_case(const mm_opt *o, FILE *f)
{
    if (!mm_opt_takes_value(o))
        return;
    fprintf(f, "        --%s", o->name);
    if (o->brief)
        fprintf(f, "|-%c", o->brief);
    fputs(") ", f);
    if (o->choices) {
        fputs("COMPREPLY=($(compgen -W '", f);
        print_choices(o->choices, f);
        fputs("' -- \"$cur\"))", f);
    } else if (o->hint == MM_HINT_FILE) {
        fputs("COMPREPLY=($(compgen -f -- \"$cur\"))", f);
    } else if (o->hint == MM_HINT_DIR) {
        fputs("COMPREPLY=($(compgen -d -- \"$cur\"))", f);
    } else if (o->hint == MM_HINT_MODEL) {
        fputs("COMPREPLY=($(compgen -W \"" MODELS "\" -- \"$cur\") $(compgen -d -- \"$cur\"))", f);
    } else {
        fputs(":", f);
    }
    fputs("; return ;;\n", f);
}

/* bash splits words at '=': --name=va is then the three words --name, =, va. */
void mm_help_bash(const mm_tool *t, const mm_opts *o, FILE *f)
{
    print_identifier(t->name, f);
    fputs("()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    case $prev in\n",
          f);
    for (int i = 0; i < o->n; i++)
        bash_case(o->v[i], f);
    fputs("    esac\n"
          "    case $cur in -*) COMPREPLY=($(compgen -W '",
          f);
    for (int i = 0; i < o->n; i++) {
        fprintf(f, "%s--%s", i ? " " : "", o->v[i]->name);
        if (o->v[i]->type == MM_OPT_SWITCH)
            fprintf(f, " --no-%s", o->v[i]->name);
    }
    fputs("' -- \"$cur\")) ;; esac\n}\ncomplete -o default -F ", f);
    print_identifier(t->name, f);
    fprintf(f, " %s\n", t->name);
}

/* ---- zsh ---------------------------------------------------------------------------------------------------- */

/* Inside single quotes, and with what _arguments reads as its own escaped. */
static void zsh_text(const char *text, FILE *f)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", f);
        else if (strchr("[]:\\", *text))
            fprintf(f, "\\%c", *text);
        else
            putc(*text, f);
    }
}

static void zsh_value(const mm_opt *o, FILE *f)
{
    if (!mm_opt_takes_value(o))
        return;
    putc(':', f);
    if (mm_opt_value_optional(o))
        putc(':', f);
    zsh_text(o->arg ? o->arg : "value", f);
    putc(':', f);
    if (o->choices) {
        putc('(', f);
        print_choices(o->choices, f);
        putc(')', f);
    } else if (o->hint == MM_HINT_FILE) {
        fputs("_files", f);
    } else if (o->hint == MM_HINT_DIR) {
        fputs("_files -/", f);
    } else if (o->hint == MM_HINT_MODEL) {
        fputs("($(mm-model list --names 2>/dev/null))", f);
    }
}

static void zsh_spec(const mm_opt *o, const char *name, FILE *f)
{
    bool again = o->type == MM_OPT_LIST || o->type == MM_OPT_COUNT;
    const char *glue = !mm_opt_takes_value(o) ? "" : mm_opt_value_optional(o) ? "=-" : strlen(name) == 2 ? "+" : "=";
    fprintf(f, " \\\n    '%s%s%s[", again ? "*" : "", name, glue);
    zsh_text(o->help, f);
    putc(']', f);
    zsh_value(o, f);
    putc('\'', f);
}

void mm_help_zsh(const mm_tool *t, const mm_opts *o, FILE *f)
{
    fprintf(f, "#compdef %s\n_arguments -s -S", t->name);
    for (int i = 0; i < o->n; i++) {
        char name[64] = {'-', o->v[i]->brief, 0};
        if (o->v[i]->brief && !mm_opt_value_optional(o->v[i]))
            zsh_spec(o->v[i], name, f);
        snprintf(name, sizeof name, "--%s", o->v[i]->name);
        zsh_spec(o->v[i], name, f);
        snprintf(name, sizeof name, "--no-%s", o->v[i]->name);
        if (o->v[i]->type == MM_OPT_SWITCH)
            zsh_spec(o->v[i], name, f);
    }
    fputs(" \\\n    '*:file:_files'\n", f);
}

/* ---- fish --------------------------------------------------------------------------------------------------- */

static void fish_text(const char *text, FILE *f)
{
    putc('\'', f);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putc('\\', f);
        putc(*text, f);
    }
    putc('\'', f);
}

static void fish_value(const mm_opt *o, FILE *f)
{
    if (!mm_opt_takes_value(o) || mm_opt_value_optional(o))
        return;
    if (o->choices) {
        fputs(" -x -a '", f);
        print_choices(o->choices, f);
        putc('\'', f);
    } else if (o->hint == MM_HINT_FILE) {
        fputs(" -r -F", f);
    } else if (o->hint == MM_HINT_DIR) {
        fputs(" -x -a '(__fish_complete_directories)'", f);
    } else if (o->hint == MM_HINT_MODEL) {
        fputs(" -r -a '(mm-model list --names 2>/dev/null)'", f);
    } else {
        fputs(" -x", f);
    }
}

void mm_help_fish(const mm_tool *t, const mm_opts *o, FILE *f)
{
    for (int i = 0; i < o->n; i++) {
        fprintf(f, "complete -c %s", t->name);
        if (o->v[i]->brief)
            fprintf(f, " -s %c", o->v[i]->brief);
        fprintf(f, " -l %s", o->v[i]->name);
        fish_value(o->v[i], f);
        fputs(" -d ", f);
        fish_text(o->v[i]->help, f);
        putc('\n', f);
        if (o->v[i]->type == MM_OPT_SWITCH)
            fprintf(f, "complete -c %s -l no-%s\n", t->name, o->v[i]->name);
    }
}
