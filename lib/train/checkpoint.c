#include "train/checkpoint.h"

#include "model/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The four arrays of each parameter. */
static const char *const SLOTS[] = {"value", "m", "v", "best"};
enum { N_SLOTS = 4 };

static float *slot(int which, const mm_param_set *p, const mm_adamw *o, const mm_train_state *g, int i)
{
    float *const all[N_SLOTS] = {p->p[i]->value, o->m[i], o->v[i], g->best[i]};
    return all[which];
}

/* Numbers that must come back exactly are stored as text: hexadecimal floats and 64-bit integers. */
static json_t *metadata_of(const mm_adamw *o, const mm_train_state *g)
{
    char text[256];
    snprintf(text, sizeof text, "%d %d %a %" PRIx64 " %" PRIx64 " %" PRId64, g->epoch, g->since_best,
             (double)g->best_loss, g->rng, g->fingerprint, o->step);
    return json_pack("{s:s}", "mm_progress", text);
}

static bool read_metadata(const json_t *meta, mm_adamw *o, mm_train_state *g)
{
    const char *text = json_string_value(json_object_get(meta, "mm_progress"));
    return text && sscanf(text, "%d %d %a %" SCNx64 " %" SCNx64 " %" SCNd64, &g->epoch, &g->since_best, &g->best_loss,
                          &g->rng, &g->fingerprint, &o->step) == 6;
}

mm_status mm_checkpoint_save(const char *path, const mm_param_set *p, const mm_adamw *o, const mm_train_state *g,
                             mm_err *e)
{
    mm_arena a = {0};
    mm_named_tensor *list = mm_arena_zalloc(&a, (size_t)p->n * N_SLOTS, sizeof *list);
    json_t *meta = metadata_of(o, g);
    mm_status s = list && meta ? MM_OK : mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < p->n * N_SLOTS; i++) {
        const mm_param *one = p->p[i / N_SLOTS];
        list[i] = (mm_named_tensor){mm_arena_printf(&a, "%s/%s", SLOTS[i % N_SLOTS], one->name),
                                    {{MM_F32, 1, {mm_param_count(one)}}, slot(i % N_SLOTS, p, o, g, i / N_SLOTS)}};
    }
    if (s == MM_OK)
        s = mm_safetensors_write(path, list, (int64_t)p->n * N_SLOTS, meta, e);
    json_decref(meta);
    mm_arena_free(&a);
    return s;
}

static mm_status fill(const mm_safetensors *f, mm_param_set *p, mm_adamw *o, mm_train_state *g, mm_err *e)
{
    char name[160];
    for (int i = 0; i < p->n * N_SLOTS; i++) {
        const mm_param *one = p->p[i / N_SLOTS];
        snprintf(name, sizeof name, "%s/%s", SLOTS[i % N_SLOTS], one->name);
        const mm_named_tensor *t = mm_safetensors_find(f, name);
        if (!t || t->t.s.type != MM_F32 || mm_shape_count(&t->t.s) != mm_param_count(one))
            return mm_fail(e, MM_FATAL, "a checkpoint without %s", name);
        memcpy(slot(i % N_SLOTS, p, o, g, i / N_SLOTS), t->t.data, mm_shape_bytes(&t->t.s));
    }
    return MM_OK;
}

mm_status mm_checkpoint_load(const char *path, mm_param_set *p, mm_adamw *o, mm_train_state *g, mm_err *e)
{
    mm_safetensors *f;
    uint64_t fingerprint = g->fingerprint;
    if (access(path, F_OK) != 0)
        return MM_EOF;
    mm_status s = mm_safetensors_open(&f, path, e);
    if (s != MM_OK)
        return s;
    if (!read_metadata(mm_safetensors_metadata(f), o, g))
        s = mm_fail(e, MM_FATAL, "%s: not a training checkpoint", path);
    else if (g->fingerprint != fingerprint)
        s = mm_fail(e, MM_FATAL, "%s: a checkpoint of a training with other data or options; remove it to start again",
                    path);
    else
        s = fill(f, p, o, g, e);
    mm_safetensors_close(f);
    return s;
}
