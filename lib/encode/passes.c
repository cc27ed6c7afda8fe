/* passes.c: a batch of inputs through an encoder: as many forward passes as memory asks for, and their outputs. */
#include "encode/encoder.h"

#include <string.h>

/* One packed forward pass and its outputs. */
typedef struct group group;
struct group {
    mm_encoder *x;
    group *next;
    float *all;      /* the outputs on the host, [out_rows, width], once the ticket is done */
    mm_output **out; /* [f.n] elements of the whole batch's array */
    uint64_t ticket;
    mm_forward f;
    bool ready;    /* joined and final are allocated */
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

/* Not before the architecture has laid out its rows. */
static void allocate_outputs(group *g)
{
    mm_encoder *x = g->x;
    int64_t rows = out_rows(g);
    g->ready = true;
    g->status = mm_workspace_begin(&x->work, x->dev,
                                   rows * (x->joined + x->net->info.projected) + 2 * MM_WORKSPACE_ALIGN, g->e);
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
    mm_dev_gather(g->x->dev, &(mm_gather_op){.x = x, .y = y, .rows = rows, .width = g->x->net->info.width, .ids = ids});
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
                     &(mm_pool_rows_op){.x = x, .y = y, .width = g->x->net->info.width, .n = f->n, .lo = lo, .hi = hi});
    return MM_OK;
}

static mm_status pool_one(group *g, mm_pooling p, int layer, mm_mat x, mm_mat y)
{
    mm_encoder *enc = g->x;
    mm_status s = MM_OK;
    switch (p) {
    case MM_POOL_NONE: return copy_rows(g, x, y);
    case MM_POOL_EOS: return pool_by_eos(g, x, y);
    case MM_POOL_MEAN:
        return mm_pool_items(enc->dev, &g->f, x, y, enc->net->info.width, enc->net->info.prefix, -1, g->e);
    case MM_POOL_CLS: s = mm_pool_items(enc->dev, &g->f, x, y, enc->net->info.width, 0, 1, g->e); break;
    }
    if (s == MM_OK && enc->arch->pooled && layer == enc->net->info.layers)
        enc->arch->pooled(enc->net, y, g->f.n);
    return s;
}

/* Pools hidden state `layer` into each of its columns of the joined output. */
static void tap(void *ctx, int layer, mm_mat x)
{
    group *g = ctx;
    mm_encoder *enc = g->x;
    if (!g->ready)
        allocate_outputs(g);
    if (g->status == MM_OK && enc->o.classify) {
        g->status = enc->arch->classify(enc->net, &g->f, x, g->joined, g->e);
        return;
    }
    for (int l = 0; l < enc->o.layers; l++)
        for (int p = 0; p < enc->o.pools && enc->o.layer[l] == layer && g->status == MM_OK; p++) {
            mm_mat y = mm_mat_at(g->joined, 0, (l * enc->o.pools + p) * enc->net->info.width);
            g->status = pool_one(g, enc->o.pool[p], layer, x, y);
        }
}

/* Gives each input its part of the result. */
static void deliver(group *g)
{
    mm_encoder *x = g->x;
    const mm_forward *f = &g->f;
    for (int64_t r = 0; x->o.normalize && r < out_rows(g); r++)
        mm_to_unit_length(g->all + r * x->width, g->all + r * x->width, x->width);
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
        mm_dev_linear(x->dev, &(mm_linear_op){.x = g->joined, .y = g->final, .w = x->net->projection, .rows = n});
    if (s == MM_OK)
        mm_dev_read(x->dev, g->final.buf, g->final.off, g->all, out_rows(g) * x->width);
    return s == MM_OK ? mm_dev_submit(x->dev, &g->ticket, e) : s;
}

static const int64_t INPUT_FLOATS = (int64_t)1 << 30; /* that one input may take */

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

/* Chooses the inputs from `from` on that go into one forward pass: as many as fit into memory, at least one; those that
 * cannot be encoded are left out. Writes them to some[*taken] and their outputs to to[*taken]; returns the first input
 * of the next pass. */
static int next_group(const mm_encoder *x, const mm_input *in, int from, int n, mm_input *some, mm_output *out,
                      mm_output **to, int *taken, mm_err *failed)
{
    const int64_t most = mm_dev_batch_floats(x->dev); /* floats, unless a single input needs more */
    int64_t sum = 0;
    int i = from;
    for (*taken = 0; i < n; i++) {
        int64_t floats = 0;
        out[i] = (mm_output){0};
        if (check(x, &in[i], &floats, &failed[i]) != MM_OK)
            continue;
        if (*taken > 0 && sum + floats > most)
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
