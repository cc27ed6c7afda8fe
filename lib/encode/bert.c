/* bert.c: BERT (Devlin et al. 2019) and what shares its layout (BioBERT, MiniLM, bge, e5 …), and DistilBERT (Sanh et
 * al. 2019), which has no types and other names. */
#include "encode/text_net.h"

#include <stdlib.h>
#include <string.h>

struct mm_net {
    mm_text_net t;
};

static const mm_text_net_names bert_text = {
    .word = "embeddings.word_embeddings.weight",
    .position = "embeddings.position_embeddings.weight",
    .type = "embeddings.token_type_embeddings.weight",
    .norm = "embeddings.LayerNorm",
};

static const mm_stack_names bert_layers = {
    .layer = "encoder.layer.%d.",
    .q = "attention.self.query",
    .k = "attention.self.key",
    .v = "attention.self.value",
    .out = "attention.output.dense",
    .norm1 = "attention.output.LayerNorm",
    .fc1 = "intermediate.dense",
    .fc2 = "output.dense",
    .norm2 = "output.LayerNorm",
};

static const mm_text_net_names distilbert_text = {
    .word = "embeddings.word_embeddings.weight",
    .position = "embeddings.position_embeddings.weight",
    .norm = "embeddings.LayerNorm",
};

static const mm_stack_names distilbert_layers = {
    .layer = "transformer.layer.%d.",
    .q = "attention.q_lin",
    .k = "attention.k_lin",
    .v = "attention.v_lin",
    .out = "attention.out_lin",
    .norm1 = "sa_layer_norm",
    .fc1 = "ffn.lin1",
    .fc2 = "ffn.lin2",
    .norm2 = "output_layer_norm",
};

static bool is_bert(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "bert");
}

static bool is_distilbert(const mm_model *m)
{
    return !strcmp(mm_config_str(mm_model_config(m), "model_type", ""), "distilbert");
}

static void unload(mm_net *n)
{
    if (!n)
        return;
    mm_text_net_free(&n->t);
    free(n);
}

static mm_status finish(mm_net **out, mm_net *n, mm_net_info *info, const mm_stack_spec *spec,
                        const mm_stack_names *layers, const mm_text_net_names *text, mm_err *e)
{
    mm_stack_load(&n->t.stack, &n->t.params, spec, layers);
    mm_text_net_load(&n->t, text);
    mm_text_net_describe(&n->t, info);
    info->has_cls = true;
    info->pool = MM_POOL_MEAN;
    mm_status s = mm_params_done(&n->t.params, e);
    if (s != MM_OK)
        unload(n);
    else
        *out = n;
    return s;
}

static mm_status load_bert(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    const json_t *c = mm_model_config(m);
    mm_params *p = &n->t.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, (const char *const[]){"", "bert.", NULL}, bert_text.word);
    const char *positions = mm_config_str(c, "position_embedding_type", "absolute");
    if (strcmp(positions, "absolute") != 0)
        mm_params_fail(p, "%s: position_embedding_type \"%s\" is not supported", mm_model_path(m), positions);
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                          .heads = (int)mm_config_int(c, "num_attention_heads", 12),
                          .width = mm_config_int(c, "hidden_size", 768),
                          .inner = mm_config_int(c, "intermediate_size", 3072),
                          .eps = (float)mm_config_float(c, "layer_norm_eps", 1e-12),
                          .act = mm_params_act(p, "hidden_act", "gelu"),
                          .post_norm = true,
                          .causal = mm_config_bool(c, "is_decoder", false)};
    return finish(out, n, info, &spec, &bert_layers, &bert_text, e);
}

static mm_status load_distilbert(mm_net **out, mm_net_info *info, const mm_model *m, mm_dev *d, mm_err *e)
{
    mm_net *n = calloc(1, sizeof *n);
    if (!n)
        return mm_fail_memory(e);
    const json_t *c = mm_model_config(m);
    mm_params *p = &n->t.params;
    mm_params_init(p, m, d);
    mm_params_prefix(p, (const char *const[]){"", "distilbert.", NULL}, distilbert_text.word);
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "n_layers", 6),
                          .heads = (int)mm_config_int(c, "n_heads", 12),
                          .width = mm_config_int(c, "dim", 768),
                          .inner = mm_config_int(c, "hidden_dim", 3072),
                          .eps = 1e-12f,
                          .act = mm_params_act(p, "activation", "gelu"),
                          .post_norm = true};
    return finish(out, n, info, &spec, &distilbert_layers, &distilbert_text, e);
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    return mm_text_net_check(&n->t, in, floats, e);
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    return mm_text_net_forward(&n->t, f, e);
}

const mm_arch mm_arch_bert = {.name = "bert",
                              .of = MM_OF_TEXT,
                              .match = is_bert,
                              .load = load_bert,
                              .unload = unload,
                              .check = check,
                              .forward = forward};
const mm_arch mm_arch_distilbert = {.name = "distilbert",
                                    .of = MM_OF_TEXT,
                                    .match = is_distilbert,
                                    .load = load_distilbert,
                                    .unload = unload,
                                    .check = check,
                                    .forward = forward};
