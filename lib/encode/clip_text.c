/* clip_text.c: CLIP's text encoder: causal, pooled at the end-of-text token. */
#include "encode/clip.h"
#include "encode/text_net.h"

typedef struct {
    mm_text_net t;
    int32_t eos;
} clip_text;

static void load(mm_net *n)
{
    static const mm_text_net_names names = {
        .word = "embeddings.token_embedding.weight",
        .position = "embeddings.position_embedding.weight",
    };
    clip_text *x = (clip_text *)n;
    mm_params *p = &n->params;
    mm_params_prefix(p, (const char *const[]){"text_model.", "", NULL}, names.word);
    mm_stack_spec spec = mm_clip_spec(p, "text_config", 512, 8);
    spec.causal = true;
    mm_stack_names layers = mm_clip_layers;
    layers.final_norm = "final_layer_norm";
    mm_text_net_load(&x->t, &names, &spec, &layers);
    x->eos = (int32_t)mm_config_int(mm_clip_config(p->model, "text_config"), "eos_token_id", 49407);
    n->projection = mm_params_head(p, "text_projection", &n->info.projected, spec.width, MM_NO_BIAS);
    n->info.has_eos = true;
    n->info.pool = MM_POOL_EOS;
    n->info.logit_scale = mm_clip_logit_scale(p);
}

/* The first end-of-text token. In files whose config says 2 (OpenAI's own, before transformers #24773) the first of the
 * highest ids, which is the same as long as no tokens were added. Row 0 when there is none, as in the reference. */
static int64_t eos_row(const clip_text *x, const int32_t *id, int64_t count)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (x->eos != 2 && id[i] == x->eos)
            return i;
        if (x->eos == 2 && id[i] > id[found])
            found = i;
    }
    return found;
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    for (int i = 0; i < f->n; i++)
        f->eos[i] = eos_row((clip_text *)n, f->in[i].in.data, f->in[i].in.s.dim[0]);
    return mm_text_net_forward(n, f, e);
}

const mm_arch mm_arch_clip_text = {
    .size = sizeof(clip_text), .load = load, .check = mm_text_net_check, .forward = forward};
