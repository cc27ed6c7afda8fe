/* run.c: the life of a program, from its command line to its exit status. */
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MM_VERSION
#define MM_VERSION "unknown"
#endif

static void say(void *ctx, mm_log_level level, mm_hint hint, const char *line)
{
    mm_run *r = ctx;
    char worded[MM_HINTED];
    if (level == MM_LOG_WARN ? !r->quiet : (int)level <= r->verbose)
        mm_message(r, mm_hinted(line, hint, worded));
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* An answer on standard output instead of work; a full disk or a closed pipe is noticed. */
__attribute__((noreturn)) static void finish_answer(mm_run *r)
{
    if (fflush(stdout) || ferror(stdout))
        mm_die(r, "standard output: %s", strerror(errno));
    exit(0);
}

static void (*const help_in[])(const mm_tool *t, const mm_opts *o, FILE *f) = {
    /* in the order of --help's choices */
    mm_help_text, mm_help_mdoc, mm_help_bash, mm_help_zsh, mm_help_fish,
};

/* --help and --version are answered before any value is assigned, so that help shows the defaults. */
static void answer(mm_run *r, const mm_parsed *p)
{
    const mm_opt_hit *help = mm_opts_given(p, &r->state->help);
    if (help) {
        mm_parsed only = {.hit = (mm_opt_hit *)help, .n = 1};
        mm_err e;
        if (mm_opts_apply(&only, &r->state->arena, &e) != MM_OK)
            mm_usage_of(r, NULL, &e);
        int format = r->state->help;
        r->state->help = -1;
        help_in[format](r->tool, &r->state->opts, stdout);
        finish_answer(r);
    }
    if (mm_opts_given(p, &r->state->version)) {
        printf("%s (mm tools) %s\n", r->tool->name, MM_VERSION);
        finish_answer(r);
    }
}

/* The first operand, where it is one of the tool's commands. */
static const char *command_of(const mm_run *r)
{
    const char *all = r->n_operands ? r->tool->operands : NULL, *name = r->operands ? r->operands[0] : NULL;
    for (size_t n = 0; all && *all && *all != ' '; all += n + (all[n] == '|')) {
        n = strcspn(all, "| ");
        if (strlen(name) == n && memcmp(all, name, n) == 0)
            return name;
    }
    return NULL;
}

static void say_what_is_in_effect(mm_run *r)
{
    unsigned takes = r->tool->takes;
    mm_say(&r->log, MM_LOG_INFO, "version %s", MM_VERSION);
    if (takes & MM_TAKES_THREADS)
        mm_say(&r->log, MM_LOG_INFO, r->threads_given ? "threads: %d" : "threads: every core this process may use (%d)",
               r->threads);
    if (getenv("MM_MODELS"))
        mm_say(&r->log, MM_LOG_INFO, "MM_MODELS: %s", getenv("MM_MODELS"));
    if (takes & MM_TAKES_OUTPUT)
        mm_say(&r->log, MM_LOG_INFO, "output: %s", r->output ? r->output : "standard output");
}

/* A standard stream that the parent closed must not become the number of the next file that is opened: messages would
 * end up in the output. Its replacement is opened in the wrong direction, so that reading a closed input and writing
 * to a closed output are errors, rather than an empty input and lost output. */
static void occupy_standard_streams(void)
{
    static const int useless[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", useless[fd]);
}

void mm_run_begin(mm_run *r, const mm_tool *tool, int argc, char **argv)
{
    *r = (mm_run){.tool = tool, .state = calloc(1, sizeof(mm_run_state))};
    mm_err e = {0};
    mm_parsed p;
    occupy_standard_streams();
    if (!r->state) {
        fprintf(stderr, "%s: out of memory\n", tool->name);
        exit(2);
    }
    setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive gives no names for non-ASCII members without it */
    pthread_mutex_init(&r->state->lock, NULL);
    pthread_mutexattr_t checked; /* a thread that dies holding the output's lock must not wait for it */
    pthread_mutexattr_init(&checked);
    pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&r->state->out.lock, &checked);
    pthread_mutexattr_destroy(&checked);
    r->state->out.fd = r->state->in.fd = -1;
    r->state->salvage = mm_out_salvage;
    r->log = (mm_log){.say = say, .ctx = r};
    mm_common_opts(r);
    if (mm_opts_match(&r->state->opts, argc, argv, &p, &r->state->arena, &e) != MM_OK)
        mm_usage_of(r, NULL, &e);
    answer(r, &p);
    if (mm_opts_apply(&p, &r->state->arena, &e) != MM_OK || mm_common_settle(r, &p, &e) != MM_OK ||
        mm_opts_go_together(&r->state->opts, &p, command_of(r), &e) != MM_OK)
        mm_usage_of(r, NULL, &e);
    for (int i = 0; i < p.n; i++)
        if (p.hit[i].old && mm_opts_given(&p, p.hit[i].opt->to) == &p.hit[i])
            mm_warn(r, "--%s is now --%s; the old name will be removed in the next version", p.hit[i].opt->was,
                    p.hit[i].opt->name);
    r->colour = wants_colour();
    mm_signals_watch(r);
    say_what_is_in_effect(r);
}

static void close_standard_output(mm_run *r)
{
    if (fflush(stdout) || ferror(stdout)) {
        if (errno == EPIPE)
            raise(SIGPIPE);
        mm_die(r, "standard output: %s", strerror(errno));
    }
}

int mm_run_end(mm_run *r)
{
    mm_run_state *s = r->state;
    mm_out_close(r);
    mm_bar_end(r);
    mm_repeated_end(r);
    close_standard_output(r);
    mm_in_close(r);
    mm_say(&r->log, MM_LOG_INFO, "%lld done, %lld failed, %lld skipped", (long long)r->done, (long long)r->failed,
           (long long)r->skipped);
    mm_signals_end(r);
    mm_arena_free(&s->arena);
    mm_buf_free(&s->listed);
    free(s);
    r->state = NULL;
    return r->status;
}
