/* mm-fuse: feature streams → one record a sample: joined by key (and time), combined by a trained head or a plain rule.
 */
#include "base/hash.h"
#include "cli/tool.h"
#include "fuse/combine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_STREAMS = 64, BATCH = 128 };

static struct {
    const char *head, *method, *join, *of, *require, *reliability;
    int64_t memory;
    double window, hop;
    bool labels, attention, flush;
} opt = {.join = "key", .memory = (int64_t)1 << 30, .window = 1};

static const mm_opt options[] = {
    {'m', "head", MM_OPT_STR, &opt.head, "HEAD",
     "fuse with this head, a file that mm-train wrote or a PyTorch state_dict", NULL, MM_HINT_FILE, 0, 0},
    {0, "method", MM_OPT_CHOICE, &opt.method, NULL,
     "without a head: vectors behind one another, their mean or maximum; or label distributions combined as evidence",
     "concat|mean|max|dempster|yager", 0, 0, 0},
    {0, "label", MM_OPT_FLAG, &opt.labels, NULL, "with a head: give its labels instead of its joint vectors", NULL, 0,
     0, 0},
    {0, "join", MM_OPT_CHOICE, &opt.join, NULL, "one sample a key, or a window of time within it", "key|time", 0, 0, 0},
    {0, "window", MM_OPT_FLOAT, &opt.window, "SECONDS", "with --join=time: length of a window", NULL, 0, 0, 0},
    {0, "hop", MM_OPT_FLOAT, &opt.hop, "SECONDS", "with --join=time: from one window to the next (the window's length)",
     NULL, 0, 0, 0},
    {0, "of", MM_OPT_STR, &opt.of, "NAMES", "without a head: fuse these modalities only, separated by commas", NULL, 0,
     0, 0},
    {0, "require", MM_OPT_STR, &opt.require, "NAMES", "a sample without one of these modalities fails", NULL, 0, 0, 0},
    {0, "reliability", MM_OPT_STR, &opt.reliability, "NAME=R,...",
     "dempster, yager: how far a modality is trusted, 0 to 1 (1)", NULL, 0, 0, 0},
    {0, "attention", MM_OPT_FLAG, &opt.attention, NULL,
     "also give the attention map of each sample, a feature of attention", NULL, 0, 0, 0},
    {0, "memory", MM_OPT_INT, &opt.memory, "BYTES", "what samples that wait for another stream may take", NULL, 0,
     1 << 20, INT64_MAX},
    {0, "flush", MM_OPT_FLAG, &opt.flush, NULL, "let every record leave as soon as it is ready", NULL, 0, 0, 0},
    {0},
};

static const char *const examples[] = {
    "mm-fuse --method concat images.mm texts.mm > joined.mm",
    "mm-fuse -m head.safetensors --label features.mm | mm-eval",
    "mm-fuse --join time --window 2 --hop 1 -m head.safetensors video.mm",
    NULL,
};

static const mm_tool tool = {
    "mm-fuse",     "join feature streams by key or time and combine their modalities",
    "[STREAM]...", examples,
    options,       MM_TAKES_OUTPUT | MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_FILES | MM_TAKES_STRICT,
};

typedef struct {
    mm_run r;
    mm_join *join;
    mm_head *head;
    mm_pool *pool;
    const char *space; /* of joint vectors */
    mm_layout layout;
    mm_arena keep, batch;
    mm_sample *sample[BATCH]; /* of the joined ones below; one sample may own several */
    const mm_joined *joined[BATCH];
    int n, samples;
} fuse;

static void must(fuse *f, mm_status s, const mm_err *e)
{
    if (s == MM_FATAL)
        mm_die(&f->r, "%s", e->text);
}

/* ---- names in lists ---- */

static bool listed(const char *list, mm_str name)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (mm_str_eq(name, (mm_str){p, strcspn(p, ",")}))
            return true;
    return false;
}

/* --of fixes the layout, in its own order; widths and spaces come from the first samples. */
static void take_layout(fuse *f)
{
    for (const char *p = opt.of; p && *p; p += strcspn(p, ","), p += *p == ',') {
        if (f->layout.n == MM_MAX_MODALITIES)
            mm_usage(&f->r, "--of takes at most %d modalities", MM_MAX_MODALITIES);
        mm_str name = {p, strcspn(p, ",")};
        if (name.n)
            f->layout.of[f->layout.n++].of = name;
    }
}

static double reliability_of(mm_str name)
{
    for (const char *p = opt.reliability; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, name.p, name.n) == 0 && p[name.n] == '=')
            return strtod(p + name.n + 1, NULL);
    return 1;
}

static void fail(fuse *f, const mm_joined *j, const char *code, const mm_err *why)
{
    mm_err e;
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    rec.key = j->key;
    rec.src = j->src;
    rec.part = j->part;
    must(f, mm_record_to_error(&rec, &f->batch, "fuse", code, why->text, &e), &e);
    mm_out_put(&f->r, &rec);
    if (!mm_item_failed(&f->r, NULL, why))
        mm_die(&f->r, "stopped at the first failure (--strict)");
}

/* ---- one batch ---- */

static void put(fuse *f, mm_record *rec)
{
    mm_out_put(&f->r, rec);
    f->r.done++;
}

static void put_attention(fuse *f, const mm_verdict *v)
{
    mm_err e;
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    const int64_t dim[2] = {v->queries, v->keys};
    if (!v->attention)
        return;
    rec.key = v->j->key;
    rec.src = v->j->src;
    rec.part = v->j->part;
    rec.of = MM_STR("attention");
    rec.space = mm_str_of(f->space);
    rec.has_tensor = true;
    rec.tensor.data = v->attention;
    must(f, mm_shape_make(&rec.tensor.s, MM_F32, 2, dim, &e), &e);
    mm_out_put(&f->r, &rec);
}

static void put_verdict(fuse *f, const mm_verdict *v)
{
    mm_err e;
    mm_record rec;
    if (opt.labels) {
        for (int i = 0; i < f->head->outputs; i++) {
            must(f, mm_verdict_label(&rec, v, f->head, i, &f->batch, &e), &e);
            put(f, &rec);
        }
    } else if (f->head->task == MM_TASK_ALIGN) {
        for (int m = 0; m < f->head->inputs; m++) {
            if (!v->tower[m])
                continue;
            must(f, mm_verdict_feature(&rec, v, f->head, m, f->space, &f->batch, &e), &e);
            put(f, &rec);
        }
    } else {
        must(f, mm_verdict_feature(&rec, v, f->head, 0, f->space, &f->batch, &e), &e);
        put(f, &rec);
    }
    if (opt.attention)
        put_attention(f, v);
}

/* Together, and when one does not fit the head, each by itself: only that one fails. */
static void apply_head(fuse *f, const mm_joined *const *j, int n)
{
    mm_err e;
    mm_verdict *v = mm_arena_zalloc(&f->batch, (size_t)n, sizeof *v);
    mm_status s = v ? mm_head_apply(v, f->head, j, n, f->pool, &f->batch, &e) : mm_fail_memory(&e);
    must(f, s, &e);
    if (s == MM_SKIP && n == 1)
        fail(f, j[0], "space", &e);
    else if (s == MM_SKIP)
        for (int i = 0; i < n; i++)
            apply_head(f, j + i, 1);
    else
        for (int i = 0; i < n; i++)
            put_verdict(f, &v[i]);
}

static void apply_rule(fuse *f, const mm_joined *j)
{
    mm_err e;
    mm_record rec;
    mm_combine_rule rule = *opt.method == 'c'     ? MM_COMBINE_CONCAT
                           : opt.method[1] == 'e' ? MM_COMBINE_MEAN
                                                  : MM_COMBINE_MAX;
    mm_status s = mm_layout_learn(&f->layout, j, opt.of != NULL, &f->keep, &e);
    if (s == MM_OK)
        s = mm_combine_plain(&rec, j, &f->layout, rule, &f->batch, &e);
    must(f, s, &e);
    if (s == MM_SKIP)
        fail(f, j, "fuse", &e);
    else
        put(f, &rec);
}

static void empty_batch(fuse *f)
{
    if (f->head && f->n)
        apply_head(f, f->joined, f->n);
    for (int i = 0; !f->head && i < f->n; i++)
        apply_rule(f, f->joined[i]);
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    f->n = f->samples = 0;
    mm_arena_reset(&f->batch);
    if (opt.flush)
        mm_out_flush(&f->r);
}

/* ---- evidence: label records of a key ---- */

static void combine_evidence(fuse *f, mm_sample *s)
{
    mm_err e = {0};
    mm_record out;
    double reliability[MM_MAX_MODALITIES];
    const mm_record *source[MM_MAX_MODALITIES];
    int n = 0;
    for (int i = 0; i < s->n && n < MM_MAX_MODALITIES; i++) {
        if (s->rec[i].kind != MM_KIND_LABEL)
            continue;
        source[n] = &s->rec[i];
        reliability[n++] = reliability_of(s->rec[i].of.p ? s->rec[i].of : MM_STR("label"));
    }
    mm_rule rule = *opt.method == 'y' ? MM_RULE_YAGER : MM_RULE_DEMPSTER;
    mm_status status = mm_combine_labels(&out, source, reliability, n, rule, &s->arena, &e);
    must(f, status, &e);
    if (status == MM_SKIP)
        fail(f, &(mm_joined){.key = s->key, .part = -1}, "evidence", &e);
    else if (n)
        put(f, &out);
    mm_sample_free(s);
    mm_arena_reset(&f->batch);
}

/* ---- samples ---- */

/* Reports the first required modality that is missing. */
static bool complete(fuse *f, const mm_joined *j)
{
    mm_err e;
    for (const char *p = opt.require; p && *p; p += strcspn(p, ","), p += *p == ',') {
        mm_str name = {p, strcspn(p, ",")};
        const mm_joined_part *part = mm_joined_find(j, name);
        if (part && part->rows)
            continue;
        mm_fail(&e, MM_SKIP, "%.*s: no %.*s", MM_STRF(j->key), MM_STRF(name));
        fail(f, j, "missing", &e);
        return false;
    }
    return true;
}

static void keep_joined(fuse *f, mm_joined *j)
{
    int kept = 0;
    for (int m = 0; m < j->n; m++)
        if (!opt.of || listed(opt.of, j->of[m].of))
            j->of[kept++] = j->of[m];
    j->n = kept;
    if (kept && complete(f, j))
        f->joined[f->n++] = j;
}

/* With a head that aligns, nothing is joined: each record goes through its own modality's tower. */
static bool by_tower(const fuse *f)
{
    return f->head && f->head->task == MM_TASK_ALIGN && *opt.join == 'k';
}

static bool has_tower(const fuse *f, mm_str of)
{
    for (int m = 0; m < f->head->inputs; m++)
        if (mm_str_is(of, f->head->input[m].name))
            return !opt.of || listed(opt.of, of);
    return false;
}

static void take_alone(fuse *f, const mm_record *rec)
{
    mm_err e;
    mm_sample *s = NULL;
    if (f->samples == BATCH)
        empty_batch(f);
    must(f, mm_sample_alone(&s, rec, &e), &e);
    mm_joined *j = mm_arena_alloc(&s->arena, sizeof *j);
    mm_status status = j ? mm_joined_whole(j, s, &e) : mm_fail_memory(&e);
    must(f, status, &e);
    f->sample[f->samples++] = s;
    j->part = rec->part;
    j->has_time = rec->has_time;
    j->time[0] = rec->time[0];
    j->time[1] = rec->time[1];
    if (status == MM_OK)
        f->joined[f->n++] = j;
    else
        fail(f, j, "fuse", &e);
    if (opt.flush)
        empty_batch(f);
}

static void take_sample(fuse *f, mm_sample *s)
{
    mm_err e;
    mm_joined *j = NULL;
    int n = 1;
    mm_status status;
    if (f->samples == BATCH)
        empty_batch(f);
    f->sample[f->samples++] = s;
    if (*opt.join == 't') {
        status = mm_joined_windows(&j, &n, s, opt.window, opt.hop > 0 ? opt.hop : opt.window, &e);
    } else {
        j = mm_arena_alloc(&s->arena, sizeof *j);
        status = j ? mm_joined_whole(j, s, &e) : mm_fail_memory(&e);
    }
    must(f, status, &e);
    if (status == MM_SKIP)
        fail(f, &(mm_joined){.key = s->key, .part = -1}, "join", &e);
    for (int i = 0; status == MM_OK && i < n; i++) {
        if (f->n == BATCH) { /* more windows than fit: this sample stays for the rest of them */
            f->samples--;
            empty_batch(f);
            f->sample[f->samples++] = s;
        }
        keep_joined(f, &j[i]);
    }
    if (opt.flush || f->n == BATCH)
        empty_batch(f);
}

static bool by_evidence(void)
{
    return opt.method && (*opt.method == 'd' || *opt.method == 'y');
}

static void take_ready(fuse *f)
{
    for (mm_sample *s; (s = mm_join_next(f->join));)
        by_evidence() ? combine_evidence(f, s) : take_sample(f, s);
}

static void take_record(fuse *f, int stream, const mm_record *rec)
{
    mm_err e;
    bool ours = by_evidence() ? rec->kind == MM_KIND_LABEL : rec->kind == MM_KIND_FEATURE;
    if (rec->kind == MM_KIND_ERROR)
        mm_run_worsen(&f->r, 1);
    if (by_tower(f)) {
        if (ours && rec->has_tensor && has_tower(f, rec->of)) {
            take_alone(f, rec);
        } else {
            empty_batch(f); /* a text stays in front of its vector */
            mm_out_put(&f->r, rec);
        }
        return;
    }
    if (!ours) {
        mm_out_put(&f->r, rec); /* not our business: passed on, in front of the sample that it stands beside */
        return;
    }
    must(f, mm_join_add(f->join, stream, rec, &e), &e);
    take_ready(f);
    mm_progress(&f->r, f->r.done, 0);
}

/* ---- input ---- */

static void read_one(fuse *f)
{
    mm_arena a = {0};
    mm_record rec;
    while (mm_in_next(&f->r, &a, &rec) == MM_OK) {
        take_record(f, 0, &rec);
        mm_arena_reset(&a);
    }
    mm_join_end(f->join, 0);
    take_ready(f);
    mm_arena_free(&a);
}

static mm_reader *open_stream(fuse *f, const char *path)
{
    mm_err e;
    mm_reader *in;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        mm_die(&f->r, "%s: %s", path, strerror(errno));
    must(f, mm_reader_new(&in, fd, standard ? "standard input" : path, &e), &e);
    return in;
}

/* The streams in step: always from the one that is furthest behind. */
static void read_many(fuse *f)
{
    mm_reader *in[MAX_STREAMS];
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    for (int s = 0; s < f->r.n_operands; s++)
        in[s] = open_stream(f, f->r.operands[s]);
    for (int s; (s = mm_join_wants(f->join)) >= 0;) {
        mm_status status = mm_reader_next(in[s], &a, &rec, &e);
        if (status == MM_OK) {
            take_record(f, s, &rec);
        } else if (status != MM_SKIP) {
            if (status == MM_FATAL)
                mm_item_failed(&f->r, NULL, &e);
            mm_join_end(f->join, s);
            take_ready(f);
        } else {
            mm_item_failed(&f->r, NULL, &e);
        }
        mm_arena_reset(&a);
    }
    for (int s = 0; s < f->r.n_operands; s++)
        mm_reader_free(in[s]);
    mm_arena_free(&a);
}

/* ---- start ---- */

/* The space of joint vectors: the head's name and a digest of its parameters. */
static const char *space_of(fuse *f)
{
    uint64_t h = MM_HASH_START;
    for (int i = 0; i < f->head->params.n; i++) {
        const mm_param *p = f->head->params.p[i];
        h = mm_hash_more(h, p->value, (size_t)(p->rows * p->cols) * sizeof *p->value);
    }
    const char *name = strrchr(opt.head, '/');
    return mm_arena_printf(&f->keep, "%s/%016llx", name ? name + 1 : opt.head, (unsigned long long)h);
}

static void prepare(fuse *f)
{
    mm_err e;
    int streams = f->r.n_operands ? f->r.n_operands : 1;
    if (!opt.head == !opt.method)
        mm_usage(&f->r, "-m HEAD or --method says how to fuse (mm-train makes heads)");
    if (opt.labels && !opt.head)
        mm_usage(&f->r, "--label needs a head");
    if (!(opt.window > 0) || opt.hop < 0)
        mm_usage(&f->r, "--window must be above 0, --hop not below");
    must(f, mm_join_new(&f->join, streams, (size_t)opt.memory, &e), &e);
    must(f, mm_pool_new(&f->pool, f->r.threads ? f->r.threads : mm_cpu_count(), &e), &e);
    if (!opt.head) {
        take_layout(f);
        return;
    }
    must(f, mm_head_load(&f->head, opt.head, &e), &e);
    if (opt.labels && !f->head->outputs)
        mm_usage(&f->r, "%s aligns modalities: it has no labels to give", opt.head);
    f->space = space_of(f);
}

int main(int argc, char **argv)
{
    fuse f = {0};
    mm_run_begin(&f.r, &tool, argc, argv);
    prepare(&f);
    mm_out_open(&f.r, NULL);
    if (f.r.n_operands > 1)
        read_many(&f);
    else
        read_one(&f);
    empty_batch(&f);
    if (mm_join_torn(f.join))
        mm_warn(&f.r,
                "%lld samples came in pieces: the records of a key do not stand together in the stream; give each "
                "modality as a "
                "stream of its own, and they are joined",
                (long long)mm_join_torn(f.join));
    mm_out_close(&f.r);
    mm_head_free(f.head);
    mm_pool_free(f.pool);
    mm_join_free(f.join);
    mm_arena_free(&f.keep);
    mm_arena_free(&f.batch);
    return mm_run_end(&f.r);
}
