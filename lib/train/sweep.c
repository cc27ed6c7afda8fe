#include "train/sweep.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#endif

enum { ETA = 3, MAX_RUNGS = 3 };

/* 1 below 3 trials, 2 below 9, else 3. */
static int rungs_of(int trials)
{
    int rungs = 1;
    for (int n = ETA; n <= trials && rungs < MAX_RUNGS; n *= ETA)
        rungs++;
    return rungs;
}

/* ---- result files: numbers as hexadecimal floats, then the reason of a failure ---- */

static void result_path(char *out, size_t n, const mm_sweep *s, int trial, int rung)
{
    snprintf(out, n, "%s/%04d.rung%d", s->dir, trial, rung);
}

static mm_status save(const mm_sweep *s, int trial, const mm_trial *t, const char *why, mm_err *e)
{
    char path[4096], text[512];
    result_path(path, sizeof path, s, trial, t->rung);
    int n =
        snprintf(text, sizeof text, "%d %d %a %a %d %s\n", t->epochs, t->best_epoch, t->loss, t->metric, t->done, why);
    return mm_file_write(path, text, (size_t)n, e);
}

/* False: there is no such result yet. */
static bool load(const mm_sweep *s, int trial, int rung, mm_trial *t, char why[256])
{
    char path[4096], line[512] = "";
    int done = 0, at = 0;
    result_path(path, sizeof path, s, trial, rung);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    bool whole = fgets(line, sizeof line, f) && strchr(line, '\n') &&
                 sscanf(line, "%d %d %la %la %d %n", &t->epochs, &t->best_epoch, &t->loss, &t->metric, &done, &at) == 5;
    fclose(f);
    if (!whole)
        return false;
    t->done = done;
    t->rung = rung;
    snprintf(why, 256, "%.*s", (int)strcspn(line + at, "\n"), line + at);
    return true;
}

/* ---- processes ---- */

/* The child: runs the trial and writes its result. It must die with the search, or it would write the same files as its
 * replacement; by SIGKILL, because the tools leave other signals to a thread that the child does not have. */
static int work(const mm_sweep *s, pid_t search, int trial, double fraction, mm_trial *t)
{
    mm_err e = {0};
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != search)
        return 1;
    t->rung++;
    if (s->run(s->ctx, trial, fraction, t, &e) != MM_OK) {
        t->loss = INFINITY;
        t->metric = -INFINITY;
        t->done = true;
    }
    return save(s, trial, t, t->loss < INFINITY ? "" : e.text, &e) == MM_OK ? 0 : 1;
}

static mm_status start(const mm_sweep *s, int trial, double fraction, mm_trial *t, mm_err *e)
{
    const pid_t search = getpid(), child = fork();
    if (child == 0)
        _exit(work(s, search, trial, fraction, t));
    return child > 0 ? MM_OK : mm_fail(e, MM_FATAL, "cannot start a process: %s", strerror(errno));
}

static mm_status wait_for_one(mm_err *e)
{
    int status;
    pid_t child;
    do
        child = wait(&status);
    while (child < 0 && errno == EINTR);
    if (child < 0)
        return mm_fail(e, MM_FATAL, "waiting for a trial: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return mm_fail(e, MM_FATAL, "a trial's process ended before its result was written (%s %d)",
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return MM_OK;
}

/* ---- rungs ---- */

/* Runs the n trials of one rung, except those that are done or have a result already. */
static mm_status run_rung(const mm_sweep *s, const int *trial, int n, int rung, double fraction, mm_trial *t, mm_err *e)
{
    char why[256];
    int running = 0;
    mm_status status = MM_OK;
    for (int i = 0; status == MM_OK && i < n; i++) {
        mm_trial kept;
        if (t[trial[i]].done || load(s, trial[i], rung, &kept, why))
            continue;
        if (running == s->workers) {
            status = wait_for_one(e);
            running--;
        }
        if (status == MM_OK)
            status = start(s, trial[i], fraction, &t[trial[i]], e);
        running += status == MM_OK;
    }
    for (mm_err ignored; running > 0; running--) {
        mm_status one = wait_for_one(status == MM_OK ? e : &ignored);
        status = status == MM_OK ? one : status;
    }
    for (int i = 0; status == MM_OK && i < n; i++) {
        mm_trial *one = &t[trial[i]];
        if (one->done)
            continue;
        if (!load(s, trial[i], rung, one, why))
            return mm_fail(e, MM_FATAL, "trial %d left no result in %s", trial[i] + 1, s->dir);
        s->on_trial(s->ctx, trial[i], one, one->loss < INFINITY ? NULL : why);
    }
    return status;
}

static bool better(const mm_sweep *s, const mm_trial *t, int a, int b)
{
    double x = s->by_metric ? -t[a].metric : t[a].loss, y = s->by_metric ? -t[b].metric : t[b].loss;
    if (x != y && !(isnan(x) && isnan(y)))
        return isnan(y) || x < y;
    return a < b;
}

static void sort(const mm_sweep *s, const mm_trial *t, int *trial, int n)
{
    for (int i = 1; i < n; i++) { /* insertion sort: there are few, and they are nearly in order */
        int one = trial[i], at = i;
        for (; at > 0 && better(s, t, one, trial[at - 1]); at--)
            trial[at] = trial[at - 1];
        trial[at] = one;
    }
}

mm_status mm_sweep_run(const mm_sweep *s, mm_trial *t, int *best, mm_err *e)
{
    int rungs = rungs_of(s->trials), n = s->trials;
    int *trial = malloc((size_t)n * sizeof *trial);
    if (!trial)
        return mm_fail_memory(e);
    mm_status status = MM_OK;
    for (int i = 0; i < n; i++) {
        trial[i] = i;
        t[i] = (mm_trial){.loss = INFINITY, .metric = -INFINITY};
    }
    for (int rung = 1; status == MM_OK && rung <= rungs; rung++) {
        status = run_rung(s, trial, n, rung, pow(ETA, rung - rungs), t, e);
        if (status == MM_OK)
            sort(s, t, trial, n);
        if (rung < rungs)
            n = (n + ETA - 1) / ETA;
    }
    *best = trial[0];
    if (status == MM_OK && !(t[*best].loss < INFINITY))
        status = mm_fail(e, MM_SKIP, "every trial failed");
    free(trial);
    return status;
}
