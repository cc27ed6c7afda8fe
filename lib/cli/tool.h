/* tool.h: what every program shares: one option table, exit status, input and output, messages.
 *
 * From the table of a tool come its parser, --help, the OPTIONS section of its man page (--help=mdoc) and the
 * completions for bash, zsh and fish (--help=bash …). This is the only code that prints or exits.
 *
 * A tool is this:
 *
 *     int main(int argc, char **argv)
 *     {
 *         mm_run r;
 *         mm_run_begin(&r, &tool, argc, argv);
 *         mm_out_open(&r);
 *         … mm_in_next, mm_out_put …          (or mm_filter_run, which does all of it)
 *         mm_out_close(&r);
 *         return mm_run_end(&r);
 *     }
 */
#ifndef MM_CLI_TOOL_H
#define MM_CLI_TOOL_H

#include "base/log.h"
#include "base/status.h"
#include "base/str.h"
#include "cli/opt.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    MM_TAKES_OUTPUT = 1,   /* -o */
    MM_TAKES_RESUME = 2,   /* --resume; only beside MM_TAKES_OUTPUT */
    MM_TAKES_THREADS = 4,  /* -j, MM_THREADS */
    MM_TAKES_PROGRESS = 8, /* --progress */
    MM_TAKES_FILES = 16,   /* -0, --files-from, --files0-from: operands from a list */
    MM_TAKES_STRICT = 32,  /* --strict */
    MM_TAKES_ALL = 63,     /* a filter such as mm-encode-text */
    MM_TAKES_CHECKPOINT =
        128, /* --resume, from a checkpoint of the tool's own beside its output; instead of TAKES_RESUME */
    MM_TAKES_UPDATE = 256, /* --update; beside TAKES_RESUME */
} mm_tool_takes;

typedef struct {
    const char *name;             /* "mm-cat" */
    const char *summary;          /* "look at, cut, count and convert feature streams" */
    const char *operands;         /* "[STREAM]...", "list|info [ARGUMENT]...": the first is one of these commands */
    const char *const *synopsis;  /* the forms of the command line, without the name; NULL-terminated; or NULL: one,
                                     "[OPTION]..." and the operands */
    const char *const *examples;  /* lines at the end of --help; NULL-terminated */
    const mm_opt *opts;           /* the tool's own, ended by a row with name NULL */
    void (*add_opts)(mm_opts *o); /* or: adds them, and rows shared by some tools (cli/encoding.h) */
    unsigned takes;
    const bool *live;    /* true once the options are read: lists of operands (MM_TAKES_FILES) are read as they come, by
                            mm_operands_next; NULL: never */
    const char *encodes; /* completions offer models for -m that encode this: "image"; NULL: all */
    const char *model_commands; /* "info|verify": the commands whose arguments are models */
    const char *name_commands;  /* "fetch": those whose arguments are no files either */
} mm_tool;

typedef struct mm_run_state mm_run_state; /* what only lib/cli touches */

/* A running program: parsed common options, counters, and the exit status, which only gets worse. */
typedef struct {
    const mm_tool *tool;
    const char **operands; /* those of the lists (--files-from) after those of the command line */
    int n_operands;
    bool lists_live;    /* … but of lists that are read as they come */
    const char *output; /* -o; NULL: standard output */
    bool resume, update, strict, quiet;
    int verbose;
    int threads;        /* what -j, MM_THREADS or mm_cpu_count() say */
    bool threads_given; /* … one of the first two */
    bool colour;        /* standard output is a terminal that wants colours (NO_COLOR) */
    mm_log log;         /* hand this to libraries: warnings always (but under -q), info with -v, debug with -vv */
    int status;         /* exit status so far: 0, 1, 2 */
    int64_t done, failed, skipped;
    mm_run_state *state;
} mm_run;

/* Parses argv. Answers --help, --version and usage errors by itself (and then exits). */
void mm_run_begin(mm_run *r, const mm_tool *tool, int argc, char **argv);
/* Closes standard output (reporting a failure), prints the progress' last line; returns the exit status for main. */
int mm_run_end(mm_run *r);
void mm_run_worsen(mm_run *r, int status); /* exit status at least this */

/* Messages, "mm-cat: …", one line each, on standard error. From any thread. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void mm_warn(mm_run *r, const char *fmt, ...);
/* One failed item: one line ("what: text", or the text alone when it begins with `what` or that is NULL), counted, exit
 * status at least 1. False when the tool should stop (--strict). From any thread. */
bool mm_item_failed(mm_run *r, const char *what, const mm_err *e);
/* One failed item of perhaps many in `group` (an archive): the first failure of a group with this `why` is reported;
 * the others are counted, and reported when another group fails, or at the end. */
bool mm_item_failed_in(mm_run *r, mm_str group, mm_str item, mm_str why, mm_hint hint);
/* Ends the program, with exit status 2 (a FILE.part that --resume can use is kept, others are removed): with this
 * message; with e's text and hint; with those after "where: "; or, unless s is MM_OK or MM_EOF, with e's. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3), noreturn))
#endif
void mm_die(mm_run *r, const char *fmt, ...);
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void mm_die_of(mm_run *r, const mm_err *e);
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void mm_die_in(mm_run *r, const char *where, const mm_err *e);
void mm_must(mm_run *r, mm_status s, const mm_err *e);
/* Ends the program, with exit status 2, because the command line is wrong: the message, then "try 'mm-cat --help'". */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3), noreturn))
#endif
void mm_usage(mm_run *r, const char *fmt, ...);
/* The same with e's text and hint, after "--option: " unless option is NULL. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void mm_usage_of(mm_run *r, const char *option, const mm_err *e);

void mm_progress(mm_run *r, int64_t done, int64_t total); /* total 0: unknown; cheap to call often */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void mm_progress_note(mm_run *r, const char *fmt, ...); /* what the line says at its end from now on: "loss 0.31" */

/* The next operand of the lists, where they are read as they come: waits for it; it lives until the next call. MM_OK,
 * MM_EOF, MM_FATAL. */
mm_status mm_operands_next(mm_run *r, const char **path, mm_err *e);

/* ---- output ---- */
/* The tool's stream output: -o FILE through FILE.part and a rename at the end, or standard output. Refuses a terminal
 * ("… | mm-cat shows it"). With --resume FILE.part stays as it is for now. */
void mm_out_open(mm_run *r);
/* Writes a record. A failure to write ends the program: silently, by SIGPIPE, when the reader has gone. One thread. */
void mm_out_put(mm_run *r, const mm_record *rec);
/* Hands all that was written to whoever reads the output, a stream or a text. Failures as above. */
void mm_out_flush(mm_run *r);
/* Whether a stream goes into a pipe, so that the tool after this one reports what is wrong with it. Once it is open. */
bool mm_out_is_passed_on(const mm_run *r);
/* A text output by the same rules (terminals allowed, no --resume). */
FILE *mm_out_text(mm_run *r);
/* A second text file that appears together with the first (mm_out_text with -o): renamed just before it. Its name is
 * the first's with the suffix `other` in place of `suffix`, or behind a name that does not end so. */
FILE *mm_out_beside(mm_run *r, const char *suffix, const char *other);
/* Completes whichever was opened: rename, error report. After a --strict stop the output is not renamed. */
void mm_out_close(mm_run *r);

/* --resume for a tool that makes records rather than pass them on; without effect when it was not given. FILE.part is
 * cut after its last whole record. */
void mm_resume_sources(mm_run *r);
/* For each source in the order in which they come: whether its records are in the output already. The last source in
 * it is decoded again: its records are compared with those that are there instead of written. */
bool mm_resume_has_source(mm_run *r, mm_str src);
void mm_resume_sources_end(mm_run *r); /* all came; dies when FILE.part holds others */

/* ---- input ---- */
/* Dies when the input would be a terminal that nobody asked for (mm_in_next does this by itself). */
void mm_in_check(mm_run *r);
/* Records of all operands (or standard input) in order; never waits on a terminal unasked. A stream that is broken or
 * cannot be opened is reported as a failed item and comes as a last record of kind error in its place, so that the
 * tools after this one learn of it; the next operand follows. MM_OK or MM_EOF. */
mm_status mm_in_next(mm_run *r, mm_arena *a, mm_record *rec);
/* Before the first record: has `waits` called, inside mm_in_next, each time before that waits for input which is not
 * there yet: what came before need not wait for it (marks and --flush). */
void mm_in_on_wait(mm_run *r, void (*waits)(void *ctx), void *ctx);
/* Once all is read: dies when not one record came, unless the tool after this one says so (mm_out_is_passed_on). */
void mm_in_require(mm_run *r);

/* For every record but marks, which a data set does not need: `take` may change it; anything but MM_OK ends the program
 * with e's text. */
typedef mm_status (*mm_take)(void *ctx, mm_record *rec, mm_err *e);
void mm_in_each(mm_run *r, mm_take take, void *ctx);                      /* of all operands; mm_in_require */
void mm_in_each_of(mm_run *r, const char *path, mm_take take, void *ctx); /* of this stream; dies if it is broken */

/* ---- filters: stream → stream ---- */
/* The loop that mm-encode-* share: reads records, passes on what is not wanted, gathers wanted records into batches,
 * computes them, and writes everything in the order of the input. The next batch is read meanwhile. */
typedef struct {
    bool (*wants)(void *ctx, const mm_record *rec); /* called on the reading thread: must not change what step uses */
    /* Starts the work on the n records of a batch; NULL: step does it all. Two batches may be in flight, in slots 0 and
     * 1, each with its slot's memory. Anything but MM_OK ends the program with e's text, here and in step. */
    mm_status (*begin)(void *ctx, int slot, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e);
    /* Turns the n records into outputs by calling mm_filter_emit (or mm_filter_fail) for each record i at least once,
     * i ascending. */
    mm_status (*step)(void *ctx, int slot, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e);
    /* --resume: whether `made`, a record of an earlier run, can be the one that step emits after n others for `from`.
     * On the reading thread, as wants. */
    bool (*matches)(void *ctx, const mm_record *made, const mm_record *from, int n);
    /* --update: an id of a record that step made, 0 when it cannot be kept; the id of the n-th of several (−1: of the
     * only one) that step would make of `from`; and `made` as it comes of `from` now, whose payload is the same but
     * whose key, label or time may have changed (MM_SKIP: it cannot be kept). On the reading thread. */
    uint64_t (*id)(void *ctx, const mm_record *made);
    uint64_t (*expected_id)(void *ctx, const mm_record *from, int n);
    mm_status (*refresh)(void *ctx, mm_record *made, const mm_record *from, mm_arena *a, mm_err *e);
    bool overlap;        /* begin comes back at once: the next batch begins before this one's step, if it is there */
    int batch;           /* records a step gets at most */
    int64_t batch_bytes; /* … or bytes of records, 0: 64 MiB */
    bool keep;           /* --keep: the source record goes out before its replacement */
    bool flush;          /* --flush: never wait for more input when a record is ready, as before every mark */
    const char *takes;   /* "text": a warning says that the input had none; NULL: none does */
    void *ctx;
} mm_filter;

/* Opens the output, runs the loop over all input, closes the output. */
void mm_filter_run(mm_run *r, const mm_filter *f);
void mm_filter_emit(mm_run *r, int i, const mm_record *rec);
/* Record i failed: reports it as mm_item_failed does, and an error record takes its place in the stream. */
void mm_filter_fail(mm_run *r, int i, const char *stage, const char *code, const mm_err *why);

#endif
