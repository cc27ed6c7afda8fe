/* common.c: the options that tools share, with the same names and help in all of them. */
#include "base/cpu.h"
#include "cli/state.h"

#include <stdlib.h>
#include <string.h>

void mm_common_opts(mm_run *r)
{
    mm_run_state *s = r->state;
    const struct {
        unsigned takes; /* 0: every tool */
        mm_opt row;
    } all[] = {
        {MM_TAKES_THREADS,
         {'j', "threads", MM_OPT_INT, &s->threads, "N", .group = "Computation",
          .help = "use N threads; without it MM_THREADS, else every core this process may use; results do not depend "
                  "on it",
          .min = 1, .max = 1024}},
        {MM_TAKES_OUTPUT,
         {'o', "output", MM_OPT_STR, &r->output, "FILE", .group = "Output",
          .help = "write to FILE (by way of FILE.part) instead of standard output", .complete = MM_COMPLETE_FILE}},
        {MM_TAKES_RESUME,
         {0, "resume", MM_OPT_FLAG, &r->resume, .group = "Output",
          .help =
              "take up the FILE.part of an interrupted run of the same command: keep what is whole in it, pass over "
              "that in the input and append the rest; the result is the same as without the interruption"}},
        {MM_TAKES_UPDATE,
         {0, "update", MM_OPT_FLAG, &r->update, .group = "Output",
          .help = "with an existing FILE: keep what it holds of inputs that have not changed, compute the rest, and "
                  "replace it; FILE stays as it was when the input breaks off or gives nothing"}},
        {MM_TAKES_CHECKPOINT,
         {0, "resume", MM_OPT_FLAG, &r->resume, .group = "Output",
          .help = "go on from the checkpoint that an interrupted run left beside FILE, to the same result as without "
                  "the interruption; from the start where there is none"}},
        {MM_TAKES_STRICT,
         {0, "strict", MM_OPT_FLAG, &r->strict, .group = "Output", .help = "stop at the first item that fails"}},
        {MM_TAKES_FILES,
         {0, "files-from", MM_OPT_STR, &s->files_from, "FILE", .group = "Lists of inputs",
          .help = "read more operands from FILE, one per line; '-' is standard input", .complete = MM_COMPLETE_FILE}},
        {MM_TAKES_FILES,
         {0, "files0-from", MM_OPT_STR, &s->files0_from, "FILE", .group = "Lists of inputs",
          .help = "read more operands from FILE, each ended by a NUL byte; '-' is standard input",
          .complete = MM_COMPLETE_FILE}},
        {MM_TAKES_FILES,
         {'0', "null", MM_OPT_FLAG, &s->null, .group = "Lists of inputs",
          .help = "operands come from standard input, each ended by a NUL byte, as 'find -print0' writes them (with "
                  "--files-from: from its FILE)"}},
        {MM_TAKES_PROGRESS,
         {0, "progress", MM_OPT_SWITCH, &s->progress, .group = "Messages and help",
          .help = "show items done, rate, time left and failures; by default when standard error is a terminal and the "
                  "output is a file"}},
        {0,
         {'q', "quiet", MM_OPT_FLAG, &s->quiet, .group = "Messages and help",
          .help = "no warnings, no progress; failures are still named"}},
        {0,
         {'v', "verbose", MM_OPT_COUNT, &r->verbose, .group = "Messages and help",
          .help = "say what is in effect and what is skipped; twice: more"}},
        {0,
         {'h', "help", MM_OPT_CHOICE, &s->help, "[FORMAT]", .group = "Messages and help",
          .help = "print this help; with =mdoc, =bash, =zsh or =fish the same table as manual page source or shell "
                  "completion",
          .choices = "text|mdoc|bash|zsh|fish"}},
        {0, {0, "version", MM_OPT_FLAG, &s->version, .group = "Messages and help", .help = "print the version"}},
    };
    s->progress = s->help = -1;
    mm_opts_add(&s->opts, r->tool->opts);
    if (r->tool->add_opts)
        r->tool->add_opts(&s->opts);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!all[i].takes || r->tool->takes & all[i].takes)
            mm_opts_put(&s->opts, all[i].row);
}

static mm_status threads_from_environment(mm_run *r, mm_err *e)
{
    const char *text = getenv("MM_THREADS");
    if (!text || !*text || r->state->threads || !(r->tool->takes & MM_TAKES_THREADS))
        return MM_OK;
    if (!mm_parse_int(text, &r->state->threads) || r->state->threads < 1 || r->state->threads > 1024)
        return mm_fail(e, MM_SKIP, "MM_THREADS is '%s', not a number from 1 to 1024", text);
    return MM_OK;
}

mm_status mm_common_settle(mm_run *r, const mm_parsed *p, mm_err *e)
{
    mm_run_state *s = r->state;
    r->quiet = s->quiet;
    if (threads_from_environment(r, e) != MM_OK)
        return MM_SKIP;
    r->threads_given = s->threads > 0;
    if (r->tool->takes & MM_TAKES_THREADS)
        r->threads = s->threads ? (int)s->threads : mm_cpu_count();
    if (r->update && (!r->output || strcmp(r->output, "-") == 0))
        return mm_fail(e, MM_SKIP, "--update needs -o FILE: that is what it brings up to date");
    if (r->resume && !r->output)
        return mm_fail(e, MM_SKIP, "--resume needs -o FILE: it continues from what lies beside it");
    if (r->output && !*r->output)
        return mm_fail(e, MM_SKIP, "-o needs the name of a file");
    if (r->output && strcmp(r->output, "-") == 0) {
        if (r->resume)
            return mm_fail(e, MM_SKIP, "--resume needs -o FILE, standard output cannot be taken up again");
        r->output = NULL;
    }
    return mm_operands(r, p, e);
}
