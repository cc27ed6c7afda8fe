/* opt.h: one option table per tool, and the parser that reads the command line with it.
 *
 * GNU long options (`--name value`, `--name=value`, any unambiguous beginning of a name) and POSIX short ones
 * (`-o FILE`, `-oFILE`, bundled flags `-qv`). Options and operands may be mixed; `--` ends the options; `-` is an
 * operand. Nothing is assigned before the whole line has been understood. */
#ifndef MM_CLI_OPT_H
#define MM_CLI_OPT_H

#include "base/arena.h"
#include "base/status.h"

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
    MM_OPT_CHOICE, /* const char *, one of `choices` */
} mm_opt_type;

typedef enum { MM_HINT_NONE, MM_HINT_FILE, MM_HINT_DIR, MM_HINT_MODEL } mm_opt_hint; /* what a completion offers */

typedef struct {
    const char **v; /* NULL when n is 0; lives until mm_run_end */
    int n;
    int64_t cap;
} mm_list;

/* A row of the table: {'o', "output", MM_OPT_STR, &output, "FILE", .help = "write to FILE", .hint = MM_HINT_FILE}. */
typedef struct {
    char brief;       /* 'o', or 0 */
    const char *name; /* "output" */
    mm_opt_type type;
    void *to;            /* where the value goes; its content before parsing is the default */
    const char *arg;     /* "FILE" */
    const char *help;    /* one sentence, no full stop needed; shown by --help and the man page */
    const char *choices; /* MM_OPT_CHOICE: "fp32|bf16|auto" */
    mm_opt_hint hint;
    int64_t min, max; /* MM_OPT_INT: checked when max > min */
} mm_opt;

enum { MM_MAX_OPTS = 96 };

/* All options of a tool: its own, then the common ones. */
typedef struct {
    const mm_opt *v[MM_MAX_OPTS];
    int n;
} mm_opts;

/* The table is ended by a row with name NULL; NULL is fine. MM_FATAL when there are more than MM_MAX_OPTS. */
mm_status mm_opts_add(mm_opts *o, const mm_opt *table, mm_err *e);
bool mm_opt_takes_value(const mm_opt *o);
bool mm_opt_value_optional(const mm_opt *o); /* its arg is "[NAME]": the value can only be given as --name=value */

/* One option as it stands on the command line. */
typedef struct {
    const mm_opt *opt;
    const char *value; /* NULL for flags */
    bool no;           /* --no-NAME */
} mm_opt_hit;

typedef struct {
    mm_opt_hit *hit;
    int n;
    const char **operand;
    int n_operands;
} mm_parsed;

/* Reads argv[1 .. argc-1]. MM_SKIP when it is not understood: the text says what is wrong, and what was perhaps meant.
 * Memory from the arena; strings point into argv. */
mm_status mm_opts_match(const mm_opts *o, int argc, char **argv, mm_parsed *p, mm_arena *a, mm_err *e);
/* Checks and assigns the values that were matched. MM_SKIP when one is not a number, out of range, not a choice. */
mm_status mm_opts_apply(const mm_parsed *p, mm_arena *a, mm_err *e);
/* The last occurrence of the option that writes to `to`; NULL when it was not given. */
const mm_opt_hit *mm_opts_given(const mm_parsed *p, const void *to);

/* A hash of the values that a table's options have, all but those that write to one of but[0 .. n-1]. */
uint64_t mm_opts_hash(const mm_opt *table, const void *const *but, int n);

/* A whole number with an optional suffix k, M or G, nothing after it; false when it is not one or overflows. */
bool mm_parse_int(const char *text, int64_t *out);

#endif
