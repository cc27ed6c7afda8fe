/* opt.h: one option table per tool, and the parser that reads the command line with it.
 *
 * GNU long options (`--name value`, `--name=value`, any unambiguous beginning of a name) and POSIX short ones
 * (`-o FILE`, `-oFILE`, bundled flags `-qv`). Options and operands may be mixed; `--` ends the options; `-` is an
 * operand. Nothing is assigned before the whole line has been understood. */
#ifndef MM_CLI_OPT_H
#define MM_CLI_OPT_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MM_OPT_FLAG,   /* bool */
    MM_OPT_COUNT,  /* int: how often it was given */
    MM_OPT_SWITCH, /* int: --name gives 1, --no-name 0; −1 before parsing means "whatever suits" */
    MM_OPT_STR,    /* const char * */
    MM_OPT_INT,    /* int64_t, with an optional suffix k, M, G (1024) */
    MM_OPT_FLOAT,  /* double */
    MM_OPT_LIST,   /* mm_list: repeatable */
    MM_OPT_CHOICE, /* int: which of the choices, from 0, as in an enum; −1 before parsing means none */
} mm_opt_type;

typedef enum { MM_COMPLETE_NONE, MM_COMPLETE_FILE, MM_COMPLETE_DIR, MM_COMPLETE_MODEL } mm_opt_complete;

typedef struct {
    const char **v; /* NULL when n is 0; lives until mm_run_end */
    int n;
    int64_t cap;
} mm_list;

/* A row: {'o', "output", MM_OPT_STR, &output, "FILE", .help = "write to FILE", .complete = MM_COMPLETE_FILE}. */
typedef struct {
    char brief;       /* 'o', or 0 */
    const char *name; /* "output" */
    mm_opt_type type;
    void *to;                        /* where the value goes; its content before parsing is the default */
    const char *arg;                 /* "FILE" */
    const char *help;                /* one sentence, no full stop needed; shown by --help and the man page */
    const char *choices;             /* MM_OPT_CHOICE: "fp32|bf16|auto"; or, where a table elsewhere has the names: */
    const char *(*choice_at)(int i); /* the name of choice i, NULL after the last */
    const char *group; /* a heading of --help and the manual page, from this row to the next with another; or NULL */
    const char *was;   /* a former name, "valid-share": accepted with a notice for one version, shown nowhere */
    mm_opt_complete complete; /* what a completion offers for the value */
    int64_t min, max;         /* MM_OPT_INT: checked when max > min */
    double least, most;       /* MM_OPT_FLOAT: the same; INFINITY: no upper bound */
    bool above;               /* … and least itself is refused */
    const char *with;    /* "knn|against", "join=time": refused, since it has no effect, unless one of these is given */
    const char *without; /* "valid|key": refused where one of these is given */
    const char *commands; /* "list|info": refused for commands (first operands) but these */
} mm_opt;

enum { MM_MAX_OPTS = 96 };

/* All options of a tool: its own, then the common ones. */
typedef struct {
    mm_opt v[MM_MAX_OPTS];
    int n; /* how many were added; mm_opts_match refuses more than MM_MAX_OPTS */
} mm_opts;

void mm_opts_put(mm_opts *o, mm_opt row);
void mm_opts_add(mm_opts *o, const mm_opt *table);    /* ended by a row with name NULL; NULL is fine */
const char *mm_opts_heading(const mm_opts *o, int i); /* of the group that row i begins; NULL: it begins none */
bool mm_opt_takes_value(const mm_opt *o);
bool mm_opt_value_optional(const mm_opt *o); /* its arg is "[NAME]": the value can only be given as --name=value */
/* The name of choice i; p NULL before the first and after the last. */
mm_str mm_opt_choice(const mm_opt *o, int i);
const char *mm_opt_choices(const mm_opt *o, char *out, size_t size); /* all: "fp32|bf16|auto" */

/* One option as it stands on the command line. */
typedef struct {
    const mm_opt *opt;
    const char *value; /* NULL for flags */
    bool no;           /* --no-NAME */
    bool old;          /* by its former name */
} mm_opt_hit;

typedef struct {
    mm_opt_hit *hit;
    int n;
    const char **operand;
    int n_operands;
} mm_parsed;

/* Reads argv[1 .. argc-1]. MM_SKIP when it is not understood: the text says what is wrong, and what was perhaps meant.
 * Memory from the arena; strings point into argv, options into *o. */
mm_status mm_opts_match(const mm_opts *o, int argc, char **argv, mm_parsed *p, mm_arena *a, mm_err *e);
/* Checks and assigns the values that were matched. MM_SKIP when one is not a number, out of range, not a choice. */
mm_status mm_opts_apply(const mm_parsed *p, mm_arena *a, mm_err *e);
/* Once the values are assigned: refuses, with MM_SKIP, an option that has no effect because of its `with`, `without`
 * or, for this command (NULL: none), `commands`. */
mm_status mm_opts_go_together(const mm_opts *o, const mm_parsed *p, const char *command, mm_err *e);
/* The last occurrence of the option that writes to `to`; NULL when it was not given. */
const mm_opt_hit *mm_opts_given(const mm_parsed *p, const void *to);

/* A hash of the values that a table's options have, all but those that write to one of but[0 .. n-1]. Neither a new
 * name of an option (`was`) nor the order of the rows changes it. */
uint64_t mm_opts_hash(const mm_opt *table, const void *const *but, int n);

/* A whole number with an optional suffix k, M or G, nothing after it; false when it is not one or overflows. */
bool mm_parse_int(const char *text, int64_t *out);

#endif
