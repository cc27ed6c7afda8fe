/* pack_encoders.c: the weights of all of a model's encoders, as a device lays them out, for a packed model. */
#include "backend/layout.h"
#include "encode/encode.h"
#include "model/packed_model.h"

#include <string.h>

enum { MAX_ENCODERS = 4, PARTS = 3 };

/* Weights by name, in the order of loading. */
typedef struct packed_weight packed_weight;
struct packed_weight {
    packed_weight *next;
    const char *name;
    mm_weight *w;
};

typedef struct {
    mm_arena arena;
    packed_weight *first, **last;
    int64_t n;
    bool failed; /* out of memory */
} collection;

static void made(void *ctx, const char *name, mm_weight *w)
{
    collection *c = ctx;
    packed_weight *p = mm_arena_zalloc(&c->arena, 1, sizeof *p);
    if (!p || !(p->name = mm_arena_printf(&c->arena, "%s", name))) {
        c->failed = true;
        return;
    }
    p->w = w;
    *c->last = p;
    c->last = &p->next;
    c->n++;
}

static void add(collection *c, mm_named_tensor *t, int64_t *n, const char *name, const char *part, mm_tensor tensor)
{
    if (!tensor.data)
        return;
    const char *full = mm_arena_printf(&c->arena, "%s.%s", name, part);
    c->failed = c->failed || !full;
    t[(*n)++] = (mm_named_tensor){full, tensor};
}

static mm_status write_all(collection *c, mm_model *m, mm_dev *d, const char *dir, mm_err *e)
{
    mm_named_tensor *t = mm_arena_zalloc(&c->arena, (size_t)(PARTS * c->n + 1), sizeof *t);
    mm_status s = t && !c->failed ? MM_OK : mm_fail_memory(e);
    int64_t n = 0;
    for (packed_weight *p = c->first; s == MM_OK && p; p = p->next) {
        mm_laid_out r;
        s = mm_dev_lay_out(&r, d, p->w, e);
        if (s != MM_OK)
            return s;
        add(c, t, &n, p->name, "panels", r.panels);
        add(c, t, &n, p->name, "scale", r.scale);
        add(c, t, &n, p->name, "sum", r.sum);
    }
    if (s == MM_OK && c->failed)
        s = mm_fail_memory(e);
    return s == MM_OK ? mm_model_pack(m, dir, mm_dev_layout(d), mm_precision_name(mm_dev_precision(d)), t, n, e) : s;
}

mm_status mm_encoders_pack(mm_model *m, mm_dev *d, const char *dir, mm_err *e)
{
    if (!mm_dev_layout(d))
        return mm_fail(e, MM_FATAL, "%s does not pack weights", mm_dev_name(d));
    collection c = {.last = &c.first};
    mm_encoder *open[MAX_ENCODERS];
    int n = 0;
    mm_status s = MM_OK;
    const mm_encode_opts own = {.normalize = -1, .project = -1};
    mm_dev_watch_weights(d, made, &c);
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const mm_architecture *a;
    for (int i = 0; s == MM_OK && (a = mm_architecture_at(i)); i++)
        if (mm_architecture_has(a, type) && n < MAX_ENCODERS) {
            s = mm_encoder_open(&open[n], m, a->of, d, &own, e);
            n += s == MM_OK;
        }
    mm_dev_watch_weights(d, NULL, NULL);
    if (s == MM_OK && n == 0)
        s = mm_fail(e, MM_FATAL, "%s: no encoder for this model, nothing to pack", mm_model_path(m));
    if (s == MM_OK)
        s = write_all(&c, m, d, dir, e);
    while (n > 0)
        mm_encoder_close(open[--n]);
    mm_arena_free(&c.arena);
    return s;
}
