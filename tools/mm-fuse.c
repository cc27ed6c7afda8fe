/* mm-fuse: feature streams → one record for each sample: joined by key (and time), combined by a trained head or a
 * rule. */
#include "cli/fusing.h"

#include <math.h>

enum { CONCAT, MEAN, MAX, DEMPSTER, YAGER };
static const char *const methods[] = {"concat", "mean", "max", "dempster", "yager", NULL};

static const char *method_at(int i)
{
    return methods[i];
}

enum { BY_KEY, BY_TIME }; /* --join */

static struct {
    const char *head, *of, *require, *reliability;
    int method, join;
    int64_t memory;
    double window, hop, lateness;
    bool labels, attention, flush;
} opt = {.method = -1, .memory = (int64_t)1 << 30, .window = 1, .lateness = -INFINITY};

static const mm_opt options[] = {
    {'m', "head", MM_OPT_STR, &opt.head, "HEAD",
     .help = "fuse with this head, a file that mm-train wrote or a PyTorch state_dict", .complete = MM_COMPLETE_FILE,
     .group = "How to fuse"},
    {0, "method", MM_OPT_CHOICE, &opt.method,
     .help =
         "without a head: concatenate the vectors, or take their mean or maximum; or combine label distributions as "
         "evidence",
     .choice_at = method_at},
    {0, "label", MM_OPT_FLAG, &opt.labels, .help = "with a head: write its labels instead of its joint vectors",
     .with = "head"},
    {0, "reliability", MM_OPT_STR, &opt.reliability, "NAME=R,...",
     .help = "dempster, yager: the reliability of a modality, 0 to 1 (default: 1)",
     .with = "method=dempster|method=yager"},
    {0, "attention", MM_OPT_FLAG, &opt.attention,
     .help = "also write the attention map of each sample, a feature of modality attention", .with = "head"},
    {0, "join", MM_OPT_CHOICE, &opt.join, .help = "one sample for each key, or for each time window of a key",
     .choices = "key|time", .group = "Samples"},
    {0, "window", MM_OPT_FLOAT, &opt.window, "SECONDS", .help = "with --join=time: the length of a window",
     .above = true, .most = INFINITY, .with = "join=time"},
    {0, "hop", MM_OPT_FLOAT, &opt.hop, "SECONDS",
     .help = "with --join=time: from the start of one window to the next (default: the window's length)", .above = true,
     .most = INFINITY, .with = "join=time"},
    {0, "lateness", MM_OPT_FLOAT, &opt.lateness, "SECONDS",
     .help =
         "with --join=time: write each window as soon as it is closed, at the latest so long after its end, without "
         "what has not come by then",
     .least = 0, .most = INFINITY, .with = "join=time"},
    {0, "of", MM_OPT_STR, &opt.of, "NAMES", .help = "fuse only these modalities, separated by commas"},
    {0, "require", MM_OPT_STR, &opt.require, "NAMES", .help = "fail samples that lack one of these modalities"},
    {0, "memory", MM_OPT_INT, &opt.memory, "BYTES", .help = "memory for samples that wait for another stream",
     .min = 1 << 20, .max = INT64_MAX},
    {0, "flush", MM_OPT_FLAG, &opt.flush, .help = "write each record as soon as it is ready"},
    {0},
};

static const char *const synopsis[] = {
    "-m HEAD [--label] [OPTION]... [STREAM]...",
    "--method NAME [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-fuse --method concat images.mm texts.mm > joined.mm",
    "mm-fuse -m head.safetensors --label features.mm | mm-eval",
    "mm-fuse --join time --window 2 --hop 1 -m head.safetensors video.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-fuse",
    .summary = "join feature streams by key or time and combine their modalities",
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES | MM_TAKES_STRICT,
};

typedef struct {
    mm_run r;
    mm_head *head;
    mm_threads *pool;
    mm_fuser *fuser;
    mm_arena keep;
} fuse;

static void put(void *ctx, const mm_record *rec, bool made)
{
    fuse *f = ctx;
    mm_out_put(&f->r, rec);
    f->r.done += made;
}

static void fail(void *ctx, const mm_record *error, const mm_err *why)
{
    fuse *f = ctx;
    mm_out_put(&f->r, error);
    mm_fusing_failed(&f->r, opt.head ? opt.head : methods[opt.method], error, why);
}

static void flush(void *ctx)
{
    mm_out_flush(&((fuse *)ctx)->r);
}

/* Whether --method combines label records. */
static bool is_evidence(void)
{
    return opt.method >= DEMPSTER;
}

static void check_options(fuse *f)
{
    if (!opt.head == (opt.method < 0))
        mm_usage(&f->r, "-m HEAD or --method says how to fuse (mm-train makes heads)");
}

/* --method, without a head. */
static void choose_method(mm_fuser_opts *o)
{
    o->mode = is_evidence() ? MM_FUSE_EVIDENCE : MM_FUSE_RULE;
    o->evidence = opt.method == YAGER ? MM_RULE_YAGER : MM_RULE_DEMPSTER;
    o->rule = opt.method == CONCAT ? MM_COMBINE_CONCAT : opt.method == MEAN ? MM_COMBINE_MEAN : MM_COMBINE_MAX;
}

static void prepare(fuse *f)
{
    mm_err e;
    mm_fuser_opts o = {.labels = opt.labels,
                       .attention = opt.attention,
                       .reliability = opt.reliability,
                       .of = opt.of,
                       .require = opt.require,
                       .window = opt.join == BY_TIME ? opt.window : 0,
                       .hop = opt.hop,
                       .live = opt.lateness >= 0,
                       .lateness = opt.lateness,
                       .flush = opt.flush,
                       .streams = mm_fusing_streams(&f->r),
                       .memory = (size_t)opt.memory,
                       .put = put,
                       .fail = fail,
                       .deliver = flush,
                       .ctx = f,
                       .log = &f->r.log};
    check_options(f);
    mm_must(&f->r, mm_threads_new(&f->pool, f->r.threads, &e), &e);
    o.pool = f->pool;
    if (opt.head) {
        if (mm_head_load(&f->head, opt.head, &e) != MM_OK)
            mm_die_of(&f->r, &e);
        mm_must(&f->r, mm_param_set_settle(&f->head->params, &e), &e);
        o.head = f->head;
        o.space = mm_head_space(f->head, opt.head, &f->keep);
    } else {
        choose_method(&o);
    }
    mm_status s = mm_fuser_new(&f->fuser, &o, &e);
    if (s == MM_SKIP)
        mm_usage_of(&f->r, NULL, &e);
    mm_must(&f->r, s, &e);
}

int main(int argc, char **argv)
{
    fuse f = {0};
    mm_run_begin(&f.r, &tool, argc, argv);
    prepare(&f);
    mm_out_open(&f.r);
    mm_fusing_run(&f.r, f.fuser, (size_t)opt.memory, opt.lateness >= 0 ? opt.lateness : INFINITY);
    mm_out_close(&f.r);
    mm_fuser_free(f.fuser);
    mm_head_free(f.head);
    mm_threads_free(f.pool);
    mm_arena_free(&f.keep);
    return mm_run_end(&f.r);
}
