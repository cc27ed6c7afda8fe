/* tool.h: what every program shares: one option table, exit status, output file, messages.
 *
 * From the table of a tool come its parser, --help, the OPTIONS section of its man page (--help=mdoc) and the
 * completions for bash, zsh and fish (--help=bash …). This is the only code that prints or exits. */
#ifndef MM_CLI_TOOL_H
#define MM_CLI_TOOL_H

#include "base/log.h"
#include "base/status.h"
#include "base/str.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    MM_OPT_FLAG,   /* bool */
    MM_OPT_STR,    /* const char * */
    MM_OPT_INT,    /* int64_t, with an optional suffix k, M, G (1024) */
    MM_OPT_FLOAT,  /* double */
    MM_OPT_LIST,   /* mm_list: repeatable */
    MM_OPT_CHOICE, /* const char *, one of `choices` */
} mm_opt_type;

typedef enum { MM_HINT_NONE, MM_HINT_FILE, MM_HINT_DIR, MM_HINT_MODEL } mm_opt_hint; /* what a completion offers */

typedef struct {
    const char **v;
    int n;
} mm_list;

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

typedef enum {
    MM_TAKES_OUTPUT = 1,   /* -o, --resume */
    MM_TAKES_THREADS = 2,  /* -j, MM_THREADS */
    MM_TAKES_PROGRESS = 4, /* --progress */
    MM_TAKES_FILES = 8,    /* -0, --files-from, --files0-from: operands from a list */
    MM_TAKES_STRICT = 16,  /* --strict */
    MM_TAKES_DEVICE = 32,  /* --device, --precision */
} mm_tool_takes;

typedef struct {
    const char *name;        /* "mm-cat" */
    const char *summary;     /* "look at, cut, count and convert feature streams" */
    const char *operands;    /* "[stream ...]" */
    const char *const *hint; /* lines at the end of --help: examples; NULL-terminated */
    const mm_opt *opts;      /* the tool's own, ended by a row with name NULL */
    unsigned takes;
} mm_tool;

/* A running program: parsed common options, counters, and the exit status, which only gets worse. */
typedef struct {
    const mm_tool *tool;
    const char **operands;
    int n_operands;
    const char *output; /* -o; NULL: standard output */
    bool resume, strict, quiet;
    int verbose;
    int threads;        /* 0 when not given: mm_cpu_count() */
    const char *device; /* "cpu" … */
    const char *precision;
    bool progress;
    mm_log log; /* hand this to libraries: warnings always (but under -q), info with -v, debug with -vv */
    int status; /* exit status so far: 0, 1, 2 */
    int64_t done, failed, skipped;
    bool interrupted;
} mm_run;

/* Parses argv. Answers --help, --version and usage errors by itself (and then exits). */
void mm_run_begin(mm_run *r, const mm_tool *tool, int argc, char **argv);
/* Closes standard output (reporting a failure), prints the progress' last line; returns the exit status for main. */
int mm_run_end(mm_run *r);

/* Messages, "mm-cat: …", one line each, on standard error. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void mm_warn(mm_run *r, const char *fmt, ...);
/* One failed item: one line, counted, exit status at least 1. With --strict the tool should stop: returns false. */
bool mm_item_failed(mm_run *r, const char *what, const mm_err *e);
/* Nothing can be done: message, exit status 2, exits (output .part files are kept for --resume, others removed). */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3), noreturn))
#endif
void mm_die(mm_run *r, const char *fmt, ...);

void mm_progress(mm_run *r, int64_t done, int64_t total); /* total 0: unknown; cheap to call often */

/* ---- output ---- */
/* The tool's stream output: -o FILE through FILE.part and a rename at the end, or standard output. Refuses a terminal
 * ("… | mm-cat shows it"). With --resume FILE.part is cut back to the last complete source, and *skip_sources
 * says how many runs of equal `src` it already holds. */
mm_writer *mm_out_open(mm_run *r, int64_t *skip_sources);
/* A text output by the same rules (terminals allowed). */
FILE *mm_out_text(mm_run *r);
/* Completes whichever was opened: rename, error report, SIGPIPE by silence. */
void mm_out_close(mm_run *r);

/* ---- input ---- */
/* Records of all operands (or standard input) in order; never waits on a terminal. Reader failures are reported as
 * failed items and the next operand goes on. MM_OK or MM_EOF. */
mm_status mm_in_next(mm_run *r, mm_arena *a, mm_record *rec);

/* ---- filters: stream → stream ---- */
/* The loop that mm-encode-* share: reads records, passes on what is not wanted, gathers wanted records into batches,
 * calls step, and writes everything in the order of the input. */
typedef struct {
    bool (*wants)(void *ctx, const mm_record *rec);
    /* Turns the n records into outputs by calling mm_filter_emit for record i any number of times, i ascending. */
    mm_status (*step)(void *ctx, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e);
    int batch;           /* records a step gets at most */
    int64_t batch_bytes; /* … or payload bytes, 0: 256 MiB */
    bool keep;           /* --keep: the source record goes out in front of what replaces it */
    bool flush;          /* --flush: never wait for more input when a record is ready */
    void *ctx;
} mm_filter;

void mm_filter_run(mm_run *r, const mm_filter *f);
void mm_filter_emit(mm_run *r, int i, const mm_record *rec);

#endif
