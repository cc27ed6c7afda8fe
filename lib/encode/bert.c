/* bert.c: BERT (Devlin et al. 2019) and what shares its layout (BioBERT, MiniLM, bge, e5 …), and DistilBERT (Sanh et
 * al. 2019), which has no types and other names. */
#include "encode/text_net.h"

#include <string.h>

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

static void load_bert(mm_net *n)
{
    mm_params *p = &n->params;
    const json_t *c = mm_model_config(p->model);
    mm_params_prefix(p, (const char *const[]){"", "bert.", NULL}, bert_text.word);
    const char *positions = mm_config_str(c, "position_embedding_type", "absolute");
    if (strcmp(positions, "absolute") != 0)
        mm_params_fail(p, "%s: position_embedding_type \"%s\" is not supported", mm_model_path(p->model), positions);
    mm_stack_spec spec = mm_stack_spec_of(p, 1e-12);
    spec.post_norm = true;
    spec.causal = mm_config_bool(c, "is_decoder", false);
    mm_text_net_load((mm_text_net *)n, &bert_text, &spec, &bert_layers);
    n->info.has_cls = true;
    n->info.pool = MM_POOL_MEAN;
}

static void load_distilbert(mm_net *n)
{
    mm_params *p = &n->params;
    const json_t *c = mm_model_config(p->model);
    mm_params_prefix(p, (const char *const[]){"", "distilbert.", NULL}, distilbert_text.word);
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "n_layers", 6),
                          .heads = (int)mm_config_int(c, "n_heads", 12),
                          .width = mm_config_int(c, "dim", 768),
                          .inner = mm_config_int(c, "hidden_dim", 3072),
                          .eps = 1e-12f,
                          .act = mm_params_act(p, "activation", "gelu"),
                          .post_norm = true};
    mm_text_net_load((mm_text_net *)n, &distilbert_text, &spec, &distilbert_layers);
    n->info.has_cls = true;
    n->info.pool = MM_POOL_MEAN;
}

const mm_arch mm_arch_bert = {
    .size = sizeof(mm_text_net), .load = load_bert, .check = mm_text_net_check, .forward = mm_text_net_forward};
const mm_arch mm_arch_distilbert = {
    .size = sizeof(mm_text_net), .load = load_distilbert, .check = mm_text_net_check, .forward = mm_text_net_forward};
