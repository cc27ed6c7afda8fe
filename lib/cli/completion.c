/* completion.c: shell completions from the option table (--help=bash, zsh, fish). */
#include "cli/state.h"

#include <string.h>

/* The tool's commands, "list|info|…": the first word of its operands, when they are names rather than placeholders. The
 * length of it, 0: it has none. */
static size_t commands(const mm_tool *t)
{
    size_t n = t->operands ? strspn(t->operands, "abcdefghijklmnopqrstuvwxyz|") : 0;
    return n && t->operands[n] == ' ' && memchr(t->operands, '|', n) ? n : 0;
}

/* "mm-model list --names --of image": what knows the models for -m. */
static void print_models(const mm_tool *t, FILE *f)
{
    fprintf(f, "mm-model list --names%s%s 2>/dev/null", t->encodes ? " --of " : "", t->encodes ? t->encodes : "");
}

static void print_identifier(const char *name, FILE *f)
{
    putc('_', f);
    for (; *name; name++)
        putc(*name == '-' ? '_' : *name, f);
}

/* "a|b|c ...": the words a, b and c, up to a blank. */
static void print_words(const char *words, FILE *f)
{
    for (; *words && *words != ' '; words++)
        putc(*words == '|' ? ' ' : *words, f);
}

/* ---- bash --------------------------------------------------------------------------------------------------- */

/* Nothing here lets the shell split or expand a name: directories of models and files may be called anything. */
static void bash_helpers(const mm_tool *t, FILE *f)
{
    fputs("_mm_files() # ACTION of compgen: names of files or directories that begin with $cur\n{\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    local name\n"
          "    while IFS= read -r name; do COMPREPLY+=(\"$name\"); done < <(compgen \"$1\" -- \"$cur\")\n}\n",
          f);
    print_identifier(t->name, f);
    fputs("_models()\n{\n"
          "    local name\n"
          "    while IFS= read -r name; do [[ $name != \"$cur\"* ]] || COMPREPLY+=(\"$name\"); done < <(",
          f);
    print_models(t, f);
    fputs(")\n}\n", f);
}

static void bash_models(const mm_tool *t, const char *files, FILE *f)
{
    print_identifier(t->name, f);
    fprintf(f, "_models; _mm_files %s", files);
}

static void bash_words(const char *words, FILE *f)
{
    fputs("COMPREPLY=($(compgen -W '", f);
    print_words(words, f);
    fputs("' -- \"$cur\"))", f);
}

static void bash_case(const mm_tool *t, const mm_opt *o, FILE *f)
{
    char all[512];
    if (!mm_opt_takes_value(o))
        return;
    fprintf(f, "        --%s", o->name);
    if (o->brief)
        fprintf(f, "|-%c", o->brief);
    fputs(") ", f);
    if (o->type == MM_OPT_CHOICE)
        bash_words(mm_opt_choices(o, all, sizeof all), f);
    else if (o->complete == MM_COMPLETE_FILE)
        fputs("_mm_files -f", f);
    else if (o->complete == MM_COMPLETE_DIR)
        fputs("_mm_files -d", f);
    else if (o->complete == MM_COMPLETE_MODEL)
        bash_models(t, "-d", f);
    else
        fputs("compopt +o default 2>/dev/null", f);
    fputs("; return ;;\n", f);
}

/* The command itself, or what it takes. */
static void bash_command(const mm_tool *t, size_t n, FILE *f)
{
    fprintf(f,
            "    local i command=\n"
            "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
            "        case ${COMP_WORDS[i]} in %.*s) command=${COMP_WORDS[i]}; break ;; esac\n"
            "    done\n"
            "    case $command in\n"
            "        '') ",
            (int)n, t->operands);
    bash_words(t->operands, f);
    fputs(" ;;\n", f);
    if (t->model_commands) {
        fprintf(f, "        %s) ", t->model_commands);
        bash_models(t, "-f", f);
        fputs(" ;;\n", f);
    }
    if (t->name_commands)
        fprintf(f, "        %s) compopt +o default 2>/dev/null ;;\n", t->name_commands);
    fputs("        *) _mm_files -f ;;\n    esac\n", f);
}

/* bash splits words at '=': --name=va is then the three words --name, =, va. */
void mm_help_bash(const mm_tool *t, const mm_opts *o, FILE *f)
{
    bash_helpers(t, f);
    print_identifier(t->name, f);
    fputs("()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    case $prev in\n",
          f);
    for (int i = 0; i < o->n; i++)
        bash_case(t, &o->v[i], f);
    fputs("    esac\n"
          "    case $cur in -*) COMPREPLY=($(compgen -W '",
          f);
    for (int i = 0; i < o->n; i++) {
        fprintf(f, "%s--%s", i ? " " : "", o->v[i].name);
        if (o->v[i].type == MM_OPT_SWITCH)
            fprintf(f, " --no-%s", o->v[i].name);
    }
    fputs("' -- \"$cur\")); return ;; esac\n", f);
    if (commands(t))
        bash_command(t, commands(t), f);
    else
        fputs("    _mm_files -f\n", f);
    fputs("}\ncomplete -o default -F ", f);
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

/* As an action of _arguments: names of models, and with them files or (-/) directories. */
static void zsh_models(const mm_tool *t, const char *files, FILE *f)
{
    fputs("{ local -a models=(${(f)\"$(", f);
    print_models(t, f);
    fprintf(f, ")\"}); compadd -a models; _files%s; }", files);
}

static void zsh_value(const mm_tool *t, const mm_opt *o, FILE *f)
{
    char all[512];
    if (!mm_opt_takes_value(o))
        return;
    putc(':', f);
    if (mm_opt_value_optional(o))
        putc(':', f);
    zsh_text(o->arg ? o->arg : "value", f);
    putc(':', f);
    if (o->type == MM_OPT_CHOICE) {
        putc('(', f);
        print_words(mm_opt_choices(o, all, sizeof all), f);
        putc(')', f);
    } else if (o->complete == MM_COMPLETE_FILE) {
        fputs("_files", f);
    } else if (o->complete == MM_COMPLETE_DIR) {
        fputs("_files -/", f);
    } else if (o->complete == MM_COMPLETE_MODEL) {
        zsh_models(t, " -/", f);
    }
}

static void zsh_spec(const mm_tool *t, const mm_opt *o, const char *name, FILE *f)
{
    bool again = o->type == MM_OPT_LIST || o->type == MM_OPT_COUNT;
    const char *glue = !mm_opt_takes_value(o) ? "" : mm_opt_value_optional(o) ? "=-" : strlen(name) == 2 ? "+" : "=";
    fprintf(f, " \\\n    '%s%s%s[", again ? "*" : "", name, glue);
    zsh_text(o->help, f);
    putc(']', f);
    zsh_value(t, o, f);
    putc('\'', f);
}

/* The command, and then what it takes. */
static void zsh_command(const mm_tool *t, FILE *f)
{
    fputs(" \\\n    '1:command:(", f);
    print_words(t->operands, f);
    fputs(")' \\\n    '*:argument:->arguments' && return\ncase $line[1] in\n", f);
    if (t->model_commands) {
        fprintf(f, "    (%s) ", t->model_commands);
        zsh_models(t, "", f);
        fputs(" ;;\n", f);
    }
    if (t->name_commands)
        fprintf(f, "    (%s) ;;\n", t->name_commands);
    fputs("    (*) _files ;;\nesac\n", f);
}

void mm_help_zsh(const mm_tool *t, const mm_opts *o, FILE *f)
{
    fprintf(f, "#compdef %s\nlocal state line\ntypeset -A opt_args\n_arguments -s -S", t->name);
    for (int i = 0; i < o->n; i++) {
        char name[64] = {'-', o->v[i].brief, 0};
        if (o->v[i].brief && !mm_opt_value_optional(&o->v[i]))
            zsh_spec(t, &o->v[i], name, f);
        snprintf(name, sizeof name, "--%s", o->v[i].name);
        zsh_spec(t, &o->v[i], name, f);
        snprintf(name, sizeof name, "--no-%s", o->v[i].name);
        if (o->v[i].type == MM_OPT_SWITCH)
            zsh_spec(t, &o->v[i], name, f);
    }
    if (commands(t))
        zsh_command(t, f);
    else
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

static void fish_models(const mm_tool *t, FILE *f)
{
    fputs(" -a '(", f);
    print_models(t, f);
    fputs(")'", f);
}

static void fish_value(const mm_tool *t, const mm_opt *o, FILE *f)
{
    char all[512];
    if (!mm_opt_takes_value(o) || mm_opt_value_optional(o))
        return;
    if (o->type == MM_OPT_CHOICE) {
        fputs(" -x -a '", f);
        print_words(mm_opt_choices(o, all, sizeof all), f);
        putc('\'', f);
    } else if (o->complete == MM_COMPLETE_FILE) {
        fputs(" -r -F", f);
    } else if (o->complete == MM_COMPLETE_DIR) {
        fputs(" -x -a '(__fish_complete_directories)'", f);
    } else if (o->complete == MM_COMPLETE_MODEL) {
        fputs(" -r", f);
        fish_models(t, f);
    } else {
        fputs(" -x", f);
    }
}

/* The command, and then what it takes. */
static void fish_command(const mm_tool *t, FILE *f)
{
    fprintf(f, "complete -c %s -n __fish_use_subcommand -f -a '", t->name);
    print_words(t->operands, f);
    fputs("'\n", f);
    if (t->model_commands) {
        fprintf(f, "complete -c %s -n '__fish_seen_subcommand_from ", t->name);
        print_words(t->model_commands, f);
        putc('\'', f);
        fish_models(t, f);
        putc('\n', f);
    }
    if (t->name_commands) {
        fprintf(f, "complete -c %s -f -n '__fish_seen_subcommand_from ", t->name);
        print_words(t->name_commands, f);
        fputs("'\n", f);
    }
}

void mm_help_fish(const mm_tool *t, const mm_opts *o, FILE *f)
{
    if (commands(t))
        fish_command(t, f);
    for (int i = 0; i < o->n; i++) {
        fprintf(f, "complete -c %s", t->name);
        if (o->v[i].brief)
            fprintf(f, " -s %c", o->v[i].brief);
        fprintf(f, " -l %s", o->v[i].name);
        fish_value(t, &o->v[i], f);
        fputs(" -d ", f);
        fish_text(o->v[i].help, f);
        putc('\n', f);
        if (o->v[i].type == MM_OPT_SWITCH)
            fprintf(f, "complete -c %s -l no-%s\n", t->name, o->v[i].name);
    }
}
