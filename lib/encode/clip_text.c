/* clip_text.c: CLIP's text tower: causal, pooled at the end-of-text token. */
#include "encode/clip.h"
#include "encode/text_net.h"

#include <stdlib.h>

struct mm_net {
    mm_text_net t;
    int32_t eos;
    mm_weight *projection; /* [projected, W]; NULL: none */
};

static const mm_text_net_names names = {
    .word = "embeddings.token_embedding.weight",
    .position = "embeddings.position_embedding.weight",
};

static bool match(const mm_model *m)
{
    return mm_clip_is(m, "clip_text_model");
}

static void unload(mm_net *n)
{
    if (!n)
        return;
    mm_text_net_free(&n->t);
    free(n);
}

static mm_status load(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    mm_params *p = &n->t.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, (const char *const[]){"text_model.", "", NULL}, names.word);
    mm_stack_spec spec = mm_clip_spec(p, "text_config", 512, 8);
    spec.causal = true;
    mm_stack_names layers = mm_clip_layers;
    layers.final_norm = "final_layer_norm";
    mm_stack_load(&n->t.stack, p, &spec, &layers);
    mm_text_net_load(&n->t, &names);
    n->eos = (int32_t)mm_config_int(mm_clip_config(m, "text_config"), "eos_token_id", 49407);
    n->projection = mm_params_head(p, "text_projection", &info->projected, spec.width, MM_NO_BIAS);
    mm_text_net_describe(&n->t, info);
    info->has_eos = true;
    info->pool = MM_POOL_EOS;
    info->logit_scale = mm_clip_logit_scale(p);
    mm_status s = mm_params_done(p, e);
    if (s != MM_OK)
        unload(n);
    else
        *out = n;
    return s;
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    return mm_text_net_check(&n->t, in, floats, e);
}

/* The first end-of-text token; in files whose config says 2 (OpenAI's own, before transformers #24773) the first of the
 * highest ids, which is the same as long as no tokens were added. Row 0 when there is none, as the reference has it. */
static int64_t eos_row(const mm_net *n, const int32_t *id, int64_t count)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (n->eos != 2 && id[i] == n->eos)
            return i;
        if (n->eos == 2 && id[i] > id[found])
            found = i;
    }
    return found;
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    for (int i = 0; i < f->n; i++)
        f->eos[i] = eos_row(n, f->in[i].in.data, f->in[i].in.s.dim[0]);
    return mm_text_net_forward(&n->t, f, e);
}

static void project(mm_net *n, mm_mat x, mm_mat y, int64_t rows)
{
    mm_dev_linear(n->t.params.dev, &(mm_linear_op){.x = x, .y = y, .w = n->projection, .rows = rows});
}

const mm_arch mm_arch_clip_text = {.name = "clip",
                                   .of = MM_OF_TEXT,
                                   .match = match,
                                   .load = load,
                                   .unload = unload,
                                   .check = check,
                                   .forward = forward,
                                   .project = project};
