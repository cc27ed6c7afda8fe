/* signal.c: SIGINT, SIGTERM and SIGHUP, at any moment, however long a computation or a read takes.
 *
 * They are blocked in every thread; one thread waits for them, brings the output into order and then lets the signal
 * do what it does by default, so that the parent sees a program killed by it (128 + n in a shell). No handler runs
 * inside other code, and nothing needs a global. Signals that the parent had ignored (nohup) stay ignored. */
#include "cli/state.h"

#include <errno.h>
#include <unistd.h>

static void block_wanted_signals(sigset_t *set)
{
    static const int wanted[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct sigaction now;
        if (sigaction(wanted[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, wanted[i]);
    }
    sigaddset(set, SIGRTMIN); /* mm_signals_end */
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* A file ends at a whole record. A pipe is left as it is: its reader must not take a part for the whole. */
static void tidy_output(mm_run *r)
{
    mm_out_state *out = &r->state->out;
    if (mm_out_stop(r) && out->writer && out->regular)
        mm_writer_flush(out->writer);
    if (out->part && out->resumable && !out->closed)
        mm_message(r, "interrupted; the same command with --resume continues");
    mm_out_abandon(r);
}

/* The next signal. Meanwhile what was put is written every second where --resume can use it: a program that is killed
 * outright, or a machine that stops, loses no more. 0: mm_signals_end. */
static int wait_for_signal(mm_run *r)
{
    const struct timespec second = {.tv_sec = 1};
    sigset_t set = r->state->signals;
    for (;;) {
        int n = sigtimedwait(&set, NULL, r->output && r->tool->takes & MM_TAKES_RESUME ? &second : NULL);
        if (n > 0)
            return n == SIGRTMIN ? 0 : n;
        if (errno == EAGAIN)
            mm_out_keep(r);
        else if (errno != EINTR)
            return 0;
    }
}

static void *watch(void *arg)
{
    mm_run *r = arg;
    int n = wait_for_signal(r);
    if (n == 0)
        return NULL;
    pthread_sigmask(SIG_UNBLOCK, &r->state->signals, NULL); /* a second one need not wait for the first */
    tidy_output(r);
    signal(n, SIG_DFL);
    kill(getpid(), n);
    for (;;)
        pause();
    return NULL;
}

void mm_signals_watch(mm_run *r)
{
    /* A reader that goes away ends the program silently, as it ends cat; with -o standard output is not in use, and a
     * closed standard error is no reason to stop. */
    signal(SIGPIPE, r->output ? SIG_IGN : SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may grow no more is a write error, as a full disk is */
    block_wanted_signals(&r->state->signals);
    r->state->watching = pthread_create(&r->state->watcher, NULL, watch, r) == 0;
    if (!r->state->watching)
        pthread_sigmask(SIG_UNBLOCK, &r->state->signals, NULL);
}

/* A thread that has met a signal ends the program while this one waits for it. */
void mm_signals_end(mm_run *r)
{
    if (!r->state->watching)
        return;
    pthread_kill(r->state->watcher, SIGRTMIN);
    pthread_join(r->state->watcher, NULL);
    r->state->watching = false;
    pthread_sigmask(SIG_UNBLOCK, &r->state->signals, NULL);
}
