/* state.h: what the files of lib/cli share behind mm_run. Not for tools. */
#ifndef MM_CLI_STATE_H
#define MM_CLI_STATE_H

#include "base/buf.h"
#include "cli/tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Bytes: the arena of a record that held more is freed, not kept for the next one. A client of mixed sizes would
 * otherwise see each of them grow to the largest. */
enum { MM_KEPT_ARENA = 1 << 18 };

/* ---- the output ---- */
typedef struct {
    mm_writer *writer; /* a stream … */
    FILE *text;        /* … or a text; NULL both: not open */
    int fd;
    FILE *beside; /* a second file, and its name */
    char *beside_part;
    char *part;            /* "FILE.part"; NULL on standard output */
    bool resumable;        /* .part is worth keeping */
    bool regular;          /* a file, not a pipe */
    bool pipe;             /* … or a socket */
    bool closed;           /* completed once */
    int64_t replay, whole; /* --resume: new bytes are compared with those from replay to whole of .part, not written */
    pthread_mutex_t lock;  /* held while records are handed to the writer */
} mm_out_state;

/* ---- a list of operands (operands.c) ---- */
enum { MM_LISTS = 2 }; /* --files-from; --files0-from or -0 */

typedef struct {
    const char *name; /* NULL: none, or read to its end */
    char end;         /* of an entry */
    int fd;
    mm_buf read; /* from `at` on: not handed out yet */
    size_t at;
    bool over; /* no more can be read */
} mm_list_state;

/* ---- the input ---- */
typedef struct {
    mm_reader *reader;
    int fd, operand; /* the next operand to open */
    const char *name;
    void (*waits)(void *ctx); /* mm_in_on_wait; NULL: nobody asked */
    void *waits_ctx;
    int64_t bytes_total, bytes_before; /* of all regular files; of those that are done with. −1: unknown */
    int64_t breaks;                    /* streams that broke or could not be opened */
    bool any;                          /* a good record came */
    bool some;                         /* a record came, if only one of kind error */
    bool checked;                      /* standard input is no terminal, or was asked for */
} mm_in_state;

/* ---- the progress line ---- */
typedef struct {
    atomic_bool on;
    bool terminal, shown;
    double began, last;    /* seconds, CLOCK_MONOTONIC */
    int64_t done, total;   /* items; total 0: unknown */
    double fraction;       /* of the input's bytes, when total is unknown; 0: unknown */
    int64_t done_at_start; /* what --resume found done */
    char note[96];
} mm_bar_state;

/* ---- failures for the same reason (mm_item_failed_in) ---- */
enum { MM_REASONS = 8 };

typedef struct {
    char group[256];
    int n;
    struct {
        char why[256];
        int64_t more; /* failures after the first */
    } seen[MM_REASONS];
} mm_repeated_state;

struct mm_run_state {
    pthread_mutex_t lock; /* messages, counters, progress line */
    mm_arena arena;       /* option values, operand names */
    mm_opts opts;
    /* values of common options that need a second look */
    const char *files_from, *files0_from;
    bool version, null, quiet;
    int help, progress;
    int64_t threads;
    mm_list_state lists[MM_LISTS];
    mm_buf listed; /* the last name of a list that is read as it comes */
    mm_out_state out;
    mm_in_state in;
    mm_bar_state bar;
    mm_repeated_state repeated;
    struct mm_record_reuse *reuse; /* record_reuse.c; NULL: no --update */
    struct mm_resume *resume;      /* resume.c; NULL: nothing of the input is left out (any more) */
    struct mm_filter_state *filter;
    sigset_t signals;
    pthread_t watcher; /* signal.c */
    bool watching;
    atomic_bool stopped;        /* --strict met a failure */
    atomic_bool dying;          /* a thread ends the program */
    void (*salvage)(mm_run *r); /* what it does with the output first */
};

/* common.c */
void mm_common_opts(mm_run *r);                                       /* fills state->opts */
mm_status mm_common_settle(mm_run *r, const mm_parsed *p, mm_err *e); /* environment, precision, quiet … */

/* operands.c: those of the command line and of the lists, which are only opened where they are read as they come */
mm_status mm_operands(mm_run *r, const mm_parsed *p, mm_err *e);

/* help.c, mdoc.c, completion.c */
void mm_help_text(const mm_tool *t, const mm_opts *o, FILE *f);
void mm_help_mdoc(const mm_tool *t, const mm_opts *o, FILE *f);
void mm_help_bash(const mm_tool *t, const mm_opts *o, FILE *f);
void mm_help_zsh(const mm_tool *t, const mm_opts *o, FILE *f);
void mm_help_fish(const mm_tool *t, const mm_opts *o, FILE *f);
/* "(default: 4)" of an option into out, empty when it has none worth naming. */
const char *mm_help_default(const mm_opt *o, char *out, size_t size);

/* hints.c: "text; --max-pixels N raises the limit", in out where there is a hint, else text itself. */
enum { MM_HINTED = 768 };
const char *mm_hinted(const char *text, mm_hint hint, char out[MM_HINTED]);
/* The same for the text of an error record, whose hint is then worded. */
void mm_hint_record(mm_record *rec, char out[MM_HINTED]);

/* message.c */
void mm_message(mm_run *r, const char *text); /* one line, over the progress line */
void mm_repeated_end(mm_run *r);              /* reports how many more failures had a reason that was reported */

/* progress.c */
void mm_bar_begin(mm_run *r, int wanted); /* --progress 1, --no-progress 0, −1 automatic; once the output is open */
void mm_bar_hide(mm_run *r);              /* lock held: clears the line before a message */
void mm_bar_end(mm_run *r);
void mm_bar_fraction(mm_run *r, double fraction);

/* signal.c */
void mm_signals_watch(mm_run *r);
void mm_signals_end(mm_run *r);

/* output.c */
void mm_out_abandon(mm_run *r); /* the program ends early: a .part that nothing can use goes */
/* Takes the output's lock for good, so that nothing more is written. False when this thread has it already, or another
 * one for two seconds (it waits for a reader): the writer is then not to be touched. */
bool mm_out_stop(mm_run *r);
void mm_out_keep(mm_run *r);    /* what was put into a file is written, if nobody puts just now */
void mm_out_salvage(mm_run *r); /* the program dies: mm_out_stop, what was put is written, mm_out_abandon */

/* part_file.c: opens PATH.part, its content as it is, for this program alone; *name is PATH.part. Dies when that is
 * another program's, a link, or something that this command reads. */
int mm_part_take(mm_run *r, const char *path, char **name);
/* Dies when fd is a regular file that is an operand, standard input (if it is read) or the file of an option. */
void mm_part_refuse_inputs(mm_run *r, int fd, const char *name);

/* input.c */
void mm_in_close(mm_run *r);

/* resume.c, all but the first without effect when r->resume is false. Each dies when FILE.part is of another input.
 * A filter, on its reading thread: */
bool mm_resume_is_worth_it(int fd, const char *name); /* it holds a whole record */
void mm_resume_open(mm_run *r);
/* Whether all that is made of an input record is in FILE.part; false from then on, with the file cut to match. */
bool mm_resume_has(mm_run *r, const mm_filter *f, bool wanted, const mm_record *from);
void mm_resume_end(mm_run *r); /* the input is over */
/* mm-decode: compares bytes with those at out.replay, and dies when they differ. */
void mm_resume_compare(mm_run *r, const void *bytes, size_t n);

/* record_reuse.c, without effect when r->update is false */
void mm_record_reuse_open(mm_run *r, const mm_filter *f); /* reads FILE */
/* The input broke off, so FILE will not be replaced, and reading on is of no use. */
bool mm_record_reuse_gives_up(const mm_run *r);
/* After the last record. Dies and keeps FILE as it was when the input broke off, held nothing that the filter wants, or
 * all of that failed. */
void mm_record_reuse_settle(mm_run *r, const mm_filter *f, bool wanted);
void mm_record_reuse_stopped(mm_run *r); /* --strict ends the program: says that FILE is as it was */
void mm_record_reuse_close(mm_run *r);
/* The records in FILE that were made of `from`, in *out; 0: it must be computed. On the reading thread. */
int mm_record_reuse_find(mm_run *r, const mm_record *from, mm_arena *a, mm_record **out);

#endif
