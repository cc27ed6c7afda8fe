#include "encode/text_net.h"

#include <stdio.h>

/* Rows of a table [rows, W] in the file; 0 when it is absent, which mm_params_table reports. */
static int64_t rows_of(const mm_params *p, const char *name)
{
    char key[160];
    mm_tensor t;
    snprintf(key, sizeof key, "%s%s", p->prefix, name);
    return mm_params_has(p, name) && mm_model_tensor(p->model, &t, key, NULL) == MM_OK && t.s.rank == 2 ? t.s.dim[0]
                                                                                                        : 0;
}

void mm_text_net_load(mm_text_net *t, const mm_text_net_names *names, const mm_stack_spec *spec,
                      const mm_stack_names *layers)
{
    mm_params *p = &t->net.params;
    mm_stack_load(&t->net.stack, p, spec, layers);
    t->vocabulary = rows_of(p, names->word);
    t->positions = rows_of(p, names->position);
    t->word = mm_params_table(p, names->word, -1, spec->width);
    t->position = mm_params_table(p, names->position, -1, spec->width);
    if (names->type && mm_config_int(mm_model_config(p->model), "type_vocab_size", 2) > 0)
        t->type = mm_params_table(p, names->type, -1, spec->width);
    if (names->norm)
        t->norm = mm_params_norm(p, names->norm, spec->width);
    t->net.info = (mm_net_info){.layers = spec->layers, .width = spec->width, .max_tokens = t->positions};
}

mm_status mm_text_net_check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    const mm_text_net *t = (const mm_text_net *)n;
    const mm_shape *s = &in->in.s;
    if (s->type != MM_I32 || s->rank != 1 || s->dim[0] < 1)
        return mm_fail(e, MM_SKIP, "a text is at least one token");
    if (s->dim[0] > t->positions)
        return mm_fail(e, MM_SKIP, "a text of %lld tokens is longer than the model's %lld", (long long)s->dim[0],
                       (long long)t->positions);
    const int32_t *id = in->in.data;
    for (int64_t i = 0; i < s->dim[0]; i++)
        if (id[i] < 0 || id[i] >= t->vocabulary)
            return mm_fail(e, MM_SKIP,
                           "token %d is outside the model's vocabulary of %lld: the tokenizer belongs to another model",
                           (int)id[i], (long long)t->vocabulary);
    *floats = s->dim[0] * n->info.width + mm_stack_scratch(&n->stack, s->dim[0]) + 2 * MM_WORKSPACE_ALIGN;
    return MM_OK;
}

/* x = word + type + position, then the norm */
static mm_status embed(mm_text_net *t, mm_mat x, const mm_forward *f, mm_err *e)
{
    int64_t rows = f->cu[f->n], width = t->net.info.width;
    int32_t *word = mm_arena_alloc(f->arena, (size_t)rows * sizeof *word);
    int32_t *place = mm_arena_alloc(f->arena, (size_t)rows * sizeof *place);
    int32_t *type = mm_arena_zalloc(f->arena, (size_t)rows, sizeof *type);
    if (!word || !place || !type)
        return mm_fail_memory(e);
    for (int i = 0; i < f->n; i++)
        for (int64_t r = f->cu[i]; r < f->cu[i + 1]; r++) {
            word[r] = ((const int32_t *)f->in[i].in.data)[r - f->cu[i]];
            place[r] = (int32_t)(r - f->cu[i]);
        }
    mm_dev *d = t->net.params.dev;
    mm_gather_op op = {.table = t->word, .y = x, .rows = rows, .width = width, .ids = word};
    mm_dev_gather(d, &op);
    op.add = true;
    if (t->type) {
        op.table = t->type;
        op.ids = type;
        mm_dev_gather(d, &op);
    }
    op.table = t->position;
    op.ids = place;
    mm_dev_gather(d, &op);
    if (t->norm.gain)
        mm_apply_norm(d, &t->norm, t->net.stack.spec.eps, x, x, rows, width);
    return MM_OK;
}

mm_status mm_text_net_forward(mm_net *n, mm_forward *f, mm_err *e)
{
    f->cu[0] = 0;
    for (int i = 0; i < f->n; i++)
        f->cu[i + 1] = f->cu[i] + f->in[i].in.s.dim[0];
    int64_t rows = f->cu[f->n], width = n->info.width, scratch_floats = mm_stack_scratch(&n->stack, rows);
    mm_status s =
        mm_workspace_begin(&n->work, n->params.dev, rows * width + scratch_floats + 2 * MM_WORKSPACE_ALIGN, e);
    if (s != MM_OK)
        return s;
    mm_mat x = mm_workspace_take(&n->work, rows, width), scratch = mm_workspace_take(&n->work, 1, scratch_floats);
    s = embed((mm_text_net *)n, x, f, e);
    if (s == MM_OK)
        mm_stack_run(&n->stack, n->params.dev, x, scratch, f);
    return s;
}
