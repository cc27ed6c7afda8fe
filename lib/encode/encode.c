#include "encode/encode.h"

#include "encode/arch.h"
#include "encode/blocks.h"
#include "encode/sentence.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mm_encoder {
    mm_model *model;
    mm_dev *dev;
    const mm_arch *arch;
    mm_net *net;
    mm_net_info info;
    mm_encode_opts o; /* resolved: layers and pools as they are used, normalize and project 0 or 1 */
    int64_t max_tokens;
    int64_t joined;    /* width of layers × pools one after another */
    int64_t width;     /* of the output */
    bool *want;        /* [info.layers + 1] */
    mm_workspace work; /* outputs on the device */
    char space[256];
};

/* ---- options ------------------------------------------------------------------------------------------------ */

const char *mm_pooling_name(mm_pooling p)
{
    static const char *const name[] = {"none", "cls", "mean", "eos"};
    return name[p];
}

static mm_status resolve_layers(mm_encoder *x, mm_err *e)
{
    int last = x->info.layers;
    if (x->o.layers == 0) {
        x->o.layers = 1;
        x->o.layer[0] = last;
    }
    for (int i = 0; i < x->o.layers; i++) {
        int *k = &x->o.layer[i], given = *k;
        *k += *k < 0 ? last + 1 : 0;
        if (*k < 0 || *k > last)
            return mm_fail(e, MM_FATAL,
                           "%s: there is no layer %d: 0 (embeddings) to %d (output), or -1 to %d from the end",
                           mm_model_name(x->model), given, last, -last - 1);
    }
    return MM_OK;
}

static mm_status resolve_pools(mm_encoder *x, const mm_sentence *s, mm_err *e)
{
    const char *name = mm_model_name(x->model);
    bool given = x->o.pools > 0;
    if (!given && s->unsupported[0])
        return mm_fail(e, MM_FATAL,
                       "%s: modules.json asks for \"%s\", which is not supported; a pooling that is chosen "
                       "(cls, mean, none) gives the vectors before that step",
                       name, s->unsupported);
    if (!given) {
        x->o.pools = s->pools ? s->pools : 1;
        x->o.pool[0] = x->info.pool;
        memcpy(x->o.pool, s->pool, (size_t)s->pools * sizeof s->pool[0]);
    }
    for (int i = 0; i < x->o.pools; i++) {
        mm_pooling p = x->o.pool[i];
        if (p == MM_POOL_NONE && x->o.pools > 1)
            return mm_fail(e, MM_FATAL, "pooling \"none\" keeps every position and stands alone");
        if ((p == MM_POOL_CLS && !x->info.has_cls) || (p == MM_POOL_EOS && !x->info.has_eos))
            return mm_fail(e, MM_FATAL, "%s has no %s token to pool by; its own pooling is \"%s\"", name,
                           p == MM_POOL_CLS ? "CLS" : "end-of-text", mm_pooling_name(x->info.pool));
    }
    return MM_OK;
}

/* Are these the vectors that the model's joint space is made from? */
static bool own_vectors(const mm_encoder *x)
{
    return x->o.layers == 1 && x->o.layer[0] == x->info.layers && x->o.pools == 1 && x->o.pool[0] == x->info.pool;
}

static mm_status resolve_project(mm_encoder *x, mm_err *e)
{
    bool can = x->info.projected > 0 && own_vectors(x);
    if (x->o.project > 0 && !can)
        return mm_fail(e, MM_FATAL,
                       "%s: only the output pooled by \"%s\" can be projected, and only where the model has a "
                       "projection",
                       mm_model_name(x->model), mm_pooling_name(x->info.pool));
    x->o.project = x->o.project != 0 && can;
    return MM_OK;
}

/* With classify, the output layer is all that is needed. */
static mm_status resolve_classify(mm_encoder *x, mm_err *e)
{
    if (x->info.classes < 1)
        return mm_fail(e, MM_FATAL, "%s has no classification head", mm_model_name(x->model));
    x->o.layers = x->o.pools = 1;
    x->o.layer[0] = x->info.layers;
    x->o.pool[0] = x->info.pool;
    x->o.project = x->o.normalize = 0;
    x->joined = x->width = x->info.classes;
    return MM_OK;
}

static mm_status resolve(mm_encoder *x, mm_err *e)
{
    mm_sentence s = {0};
    mm_status st = x->arch->of == MM_OF_TEXT && !x->info.has_eos ? mm_sentence_read(&s, x->model, e) : MM_OK;
    if (st != MM_OK)
        return st;
    x->max_tokens = s.max_tokens > 0 && s.max_tokens < x->info.max_tokens ? s.max_tokens : x->info.max_tokens;
    if (x->o.classify)
        return resolve_classify(x, e);
    if ((st = resolve_layers(x, e)) != MM_OK || (st = resolve_pools(x, &s, e)) != MM_OK ||
        (st = resolve_project(x, e)) != MM_OK)
        return st;
    if (x->o.normalize < 0)
        x->o.normalize = s.normalize && x->o.pool[0] != MM_POOL_NONE;
    x->joined = x->info.width * x->o.layers * x->o.pools;
    x->width = x->o.project ? x->info.projected : x->joined;
    return MM_OK;
}

/* ---- space -------------------------------------------------------------------------------------------------- */

static void append(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, size - n, "%s", text);
}

static void name_space(mm_encoder *x)
{
    snprintf(x->space, sizeof x->space, "%.80s/%.64s/", mm_model_name(x->model), mm_model_digest(x->model));
    if (x->o.project) {
        append(x->space, sizeof x->space, "joint");
        return;
    }
    for (int i = 0; i < x->o.layers; i++) {
        char k[16];
        snprintf(k, sizeof k, "%s%d", i ? "+" : "", x->o.layer[i]);
        append(x->space, sizeof x->space, k);
    }
    for (int i = 0; i < x->o.pools; i++) {
        append(x->space, sizeof x->space, i ? "+" : "/");
        append(x->space, sizeof x->space, mm_pooling_name(x->o.pool[i]));
    }
    if (x->o.pad_audio)
        append(x->space, sizeof x->space, "/padded");
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

mm_status mm_encoder_open(mm_encoder **out, mm_model *m, mm_modality of, mm_dev *d, const mm_encode_opts *o, mm_err *e)
{
    mm_encoder *x = calloc(1, sizeof *x);
    if (!x)
        return mm_fail_memory(e);
    x->model = m;
    x->dev = d;
    x->o = *o;
    mm_status s = mm_arch_of(&x->arch, m, of, e);
    if (s == MM_OK)
        s = x->arch->load(&x->net, &x->info, m, d, e);
    if (s == MM_OK)
        s = resolve(x, e);
    if (s == MM_OK && !(x->want = calloc((size_t)x->info.layers + 1, sizeof *x->want)))
        s = mm_fail_memory(e);
    if (s != MM_OK) {
        mm_encoder_close(x);
        return s;
    }
    for (int i = 0; i < x->o.layers; i++)
        x->want[x->o.layer[i]] = true;
    name_space(x);
    *out = x;
    return MM_OK;
}

void mm_encoder_close(mm_encoder *x)
{
    if (!x)
        return;
    mm_workspace_free(&x->work, x->dev);
    if (x->arch)
        x->arch->unload(x->net);
    free(x->want);
    free(x);
}

int64_t mm_encoder_width(const mm_encoder *x)
{
    return x->width;
}

int64_t mm_encoder_max_tokens(const mm_encoder *x)
{
    return x->max_tokens;
}

int64_t mm_encoder_classes(const mm_encoder *x)
{
    return x->info.classes;
}

const char *mm_encoder_class(const mm_encoder *x, int64_t i)
{
    char key[24];
    snprintf(key, sizeof key, "%" PRId64, i);
    const json_t *name = json_object_get(json_object_get(mm_model_config(x->model), "id2label"), key);
    return json_is_string(name) ? json_string_value(name) : NULL;
}

double mm_encoder_logit_scale(const mm_encoder *x)
{
    return x->o.project ? x->info.logit_scale : 0;
}

bool mm_encoder_pools_mean(const mm_encoder *x)
{
    return x->o.pools == 1 && x->o.pool[0] == MM_POOL_MEAN && !x->o.classify;
}

const char *mm_encoder_space(const mm_encoder *x)
{
    return x->space;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

/* One packed forward pass and what becomes of its taps. */
typedef struct group group;
struct group {
    mm_encoder *x;
    group *next;
    float *all;      /* the outputs on the host, [out_rows, width], once they are there */
    mm_output **out; /* [f.n], the inputs' places among those of the whole batch */
    uint64_t ticket;
    mm_forward f;
    bool made;     /* the outputs' place */
    mm_mat joined; /* [n, joined], without pooling [rows, joined] */
    mm_mat final;  /* [n, width] after the projection; else joined */
    mm_status status;
    mm_err *e;
};

static bool keeps_rows(const mm_encoder *x)
{
    return x->o.pool[0] == MM_POOL_NONE;
}

static int64_t out_rows(const group *g)
{
    return keeps_rows(g->x) ? g->f.cu[g->f.n] : g->f.n;
}

/* Known only when the architecture has laid out its rows. */
static void make_place(group *g)
{
    mm_encoder *x = g->x;
    int64_t rows = out_rows(g);
    g->made = true;
    g->status =
        mm_workspace_begin(&x->work, x->dev, rows * (x->joined + x->info.projected) + 2 * MM_WORKSPACE_ALIGN, g->e);
    if (g->status != MM_OK)
        return;
    g->joined = g->final = mm_workspace_take(&x->work, rows, x->joined);
    if (x->o.project)
        g->final = mm_workspace_take(&x->work, rows, x->width);
}

/* y = x, row by row */
static mm_status copy_rows(group *g, mm_mat x, mm_mat y)
{
    int64_t rows = out_rows(g);
    int32_t *ids = mm_arena_alloc(g->f.arena, (size_t)rows * sizeof *ids);
    if (!ids)
        return mm_fail_memory(g->e);
    for (int64_t r = 0; r < rows; r++)
        ids[r] = (int32_t)r;
    mm_dev_gather(g->x->dev, &(mm_gather_op){.x = x, .y = y, .rows = rows, .width = g->x->info.width, .ids = ids});
    return MM_OK;
}

static mm_status pool_by_eos(group *g, mm_mat x, mm_mat y)
{
    mm_forward *f = &g->f;
    int64_t *lo = mm_arena_zalloc(f->arena, 2 * (size_t)f->n, sizeof *lo), *hi = lo ? lo + f->n : NULL;
    if (!lo)
        return mm_fail_memory(g->e);
    for (int i = 0; i < f->n; i++) {
        lo[i] = f->cu[i] + f->eos[i];
        hi[i] = lo[i] + 1;
    }
    mm_dev_pool_rows(g->x->dev,
                     &(mm_pool_rows_op){.x = x, .y = y, .width = g->x->info.width, .n = f->n, .lo = lo, .hi = hi});
    return MM_OK;
}

static mm_status pool_one(group *g, mm_pooling p, int layer, mm_mat x, mm_mat y)
{
    mm_encoder *enc = g->x;
    mm_status s = MM_OK;
    switch (p) {
    case MM_POOL_NONE: return copy_rows(g, x, y);
    case MM_POOL_EOS: return pool_by_eos(g, x, y);
    case MM_POOL_MEAN: return mm_pool_items(enc->dev, &g->f, x, y, enc->info.width, enc->info.prefix, -1, g->e);
    case MM_POOL_CLS: s = mm_pool_items(enc->dev, &g->f, x, y, enc->info.width, 0, 1, g->e); break;
    }
    if (s == MM_OK && enc->arch->pooled && layer == enc->info.layers)
        enc->arch->pooled(enc->net, y, g->f.n);
    return s;
}

/* Hidden state `layer` goes to every place among the joined columns that it belongs to. */
static void tap(void *ctx, int layer, mm_mat x)
{
    group *g = ctx;
    mm_encoder *enc = g->x;
    if (!g->made)
        make_place(g);
    if (g->status == MM_OK && enc->o.classify) {
        g->status = enc->arch->classify(enc->net, &g->f, x, g->joined, g->e);
        return;
    }
    for (int l = 0; l < enc->o.layers; l++)
        for (int p = 0; p < enc->o.pools && enc->o.layer[l] == layer && g->status == MM_OK; p++) {
            mm_mat y = mm_mat_at(g->joined, 0, (l * enc->o.pools + p) * enc->info.width);
            g->status = pool_one(g, enc->o.pool[p], layer, x, y);
        }
}

/* x / ‖x‖; zeros stay zeros. The sum is kept in double and in order. */
static void normalize(float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(x[i] * scale);
}

/* Hands each input its part of the group's result. */
static void deliver(group *g)
{
    mm_encoder *x = g->x;
    const mm_forward *f = &g->f;
    for (int64_t r = 0; x->o.normalize && r < out_rows(g); r++)
        normalize(g->all + r * x->width, x->width);
    for (int i = 0; i < f->n; i++) {
        mm_output *o = g->out[i];
        *o = (mm_output){.rows = mm_valid_rows(f, i)};
        if (keeps_rows(x)) {
            o->t = (mm_tensor){{MM_F32, 2, {o->rows, x->width}}, g->all + f->cu[i] * x->width};
            o->grid = f->grid[i];
            o->has_grid = o->grid.frames > 0 || o->grid.rows > 0;
        } else {
            o->t = (mm_tensor){{MM_F32, 1, {x->width}}, g->all + i * x->width};
        }
    }
}

static mm_status prepare(group *g, const mm_input *in, int n, mm_arena *a)
{
    mm_forward *f = &g->f;
    *f = (mm_forward){.in = in, .n = n, .want = g->x->want, .tap = tap, .ctx = g, .arena = a};
    f->cu = mm_arena_zalloc(a, (size_t)n + 1, sizeof *f->cu);
    f->valid = mm_arena_zalloc(a, (size_t)n, sizeof *f->valid);
    f->grid = mm_arena_zalloc(a, (size_t)n, sizeof *f->grid);
    f->eos = mm_arena_zalloc(a, (size_t)n, sizeof *f->eos);
    if (!f->cu || !f->valid || !f->grid || !f->eos)
        return mm_fail_memory(g->e);
    for (int i = 0; i < n; i++)
        f->valid[i] = -1;
    return MM_OK;
}

/* Records the group and starts it. */
static mm_status start_group(group *g, const mm_input *in, int n, mm_arena *a, mm_err *e)
{
    mm_encoder *x = g->x;
    g->e = e;
    mm_status s = prepare(g, in, n, a);
    if (s == MM_OK)
        s = x->arch->forward(x->net, &g->f, e);
    if (s == MM_OK)
        s = g->status;
    if (s == MM_OK && !(g->all = mm_arena_alloc(a, (size_t)(out_rows(g) * x->width) * sizeof *g->all)))
        s = mm_fail_memory(e);
    if (s == MM_OK && x->o.project)
        x->arch->project(x->net, g->joined, g->final, n);
    if (s == MM_OK)
        mm_dev_read(x->dev, g->final.buf, g->final.off, g->all, out_rows(g) * x->width);
    return s == MM_OK ? mm_dev_submit(x->dev, &g->ticket, e) : s;
}

/* No input may need more. */
#define INPUT_FLOATS ((int64_t)1 << 30)

static mm_status check(const mm_encoder *x, const mm_input *in, int64_t *floats, mm_err *failed)
{
    *failed = (mm_err){0};
    mm_status s = x->arch->check(x->net, in, floats, failed);
    if (s == MM_OK && *floats > INPUT_FLOATS)
        s = mm_fail(failed, MM_SKIP, "encoding it in one piece would take %.1f GiB: cut it into windows",
                    (double)*floats * sizeof(float) / (1 << 30));
    return s;
}

struct mm_pass {
    mm_encoder *x;
    group *first, **last;
};

/* The inputs from `from` on that go into one forward pass: at least one, as many as there is room for. Those that no
 * pass can take are left out. The first that is left for another pass; to[*taken] are the places of those taken. */
static int next_group(const mm_encoder *x, const mm_input *in, int from, int n, mm_input *some, mm_output *out,
                      mm_output **to, int *taken, mm_err *failed)
{
    const int64_t room = mm_dev_room(x->dev); /* unless a single input needs more */
    int64_t sum = 0;
    int i = from;
    for (*taken = 0; i < n; i++) {
        int64_t floats = 0;
        out[i] = (mm_output){0};
        if (check(x, &in[i], &floats, &failed[i]) != MM_OK)
            continue;
        if (*taken > 0 && sum + floats > room)
            break;
        some[*taken] = in[i];
        to[(*taken)++] = &out[i];
        sum += floats;
    }
    return i;
}

/* After a failure: nothing may be in flight that would still write to the arena. */
static mm_status give_up(mm_encoder *x, mm_status s)
{
    mm_dev_flush(x->dev, NULL);
    return s;
}

mm_status mm_encoder_start(mm_pass **pass, mm_encoder *x, const mm_input *in, int n, mm_output *out, mm_err *failed,
                           mm_arena *a, mm_err *e)
{
    mm_pass *p = mm_arena_zalloc(a, 1, sizeof *p);
    mm_input *some = mm_arena_zalloc(a, (size_t)n + 1, sizeof *some);
    mm_output **to = mm_arena_zalloc(a, (size_t)n + 1, sizeof *to);
    if (!p || !some || !to)
        return mm_fail_memory(e);
    *p = (mm_pass){.x = x, .last = &p->first};
    for (int i = 0, taken; i < n; some += taken, to += taken) {
        i = next_group(x, in, i, n, some, out, to, &taken, failed);
        if (taken == 0)
            break;
        group *g = mm_arena_zalloc(a, 1, sizeof *g);
        if (!g)
            return give_up(x, mm_fail_memory(e));
        g->x = x;
        g->out = to;
        mm_status s = start_group(g, some, taken, a, e);
        if (s != MM_OK)
            return give_up(x, s);
        *p->last = g;
        p->last = &g->next;
    }
    *pass = p;
    return MM_OK;
}

mm_status mm_encoder_finish(mm_pass *p, mm_err *e)
{
    mm_status s = MM_OK;
    for (group *g = p->first; g && s == MM_OK; g = g->next)
        if ((s = mm_dev_wait(p->x->dev, g->ticket, e)) == MM_OK)
            deliver(g);
    return s == MM_OK ? MM_OK : give_up(p->x, s);
}

mm_status mm_encoder_run(mm_encoder *x, const mm_input *in, int n, mm_output *out, mm_err *failed, mm_arena *a,
                         mm_err *e)
{
    mm_pass *p;
    mm_status s = mm_encoder_start(&p, x, in, n, out, failed, a, e);
    return s == MM_OK ? mm_encoder_finish(p, e) : s;
}
