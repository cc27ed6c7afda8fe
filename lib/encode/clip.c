#include "encode/clip.h"

#include <math.h>
#include <stdio.h>

const mm_stack_names mm_clip_layers = {
    .layer = "encoder.layers.%d.",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm1 = "layer_norm1",
    .norm2 = "layer_norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
};

const json_t *mm_clip_config(const mm_model *m, const char *section)
{
    const json_t *c = mm_model_config(m), *own = json_object_get(c, section);
    return json_is_object(own) ? own : c;
}

mm_stack_spec mm_clip_spec(mm_params *p, const char *section, int64_t width, int64_t heads)
{
    const json_t *c = mm_clip_config(p->model, section);
    char act[64];
    snprintf(act, sizeof act, "%s%shidden_act", c == mm_model_config(p->model) ? "" : section,
             c == mm_model_config(p->model) ? "" : ".");
    width = mm_config_int(c, "hidden_size", width);
    return (mm_stack_spec){.layers = (int)mm_config_int(c, "num_hidden_layers", 12),
                           .heads = (int)mm_config_int(c, "num_attention_heads", heads),
                           .width = width,
                           .inner = mm_config_int(c, "intermediate_size", 4 * width),
                           .eps = (float)mm_config_float(c, "layer_norm_eps", 1e-5),
                           .act = mm_params_act(p, act, "quick_gelu")};
}

double mm_clip_logit_scale(const mm_params *p)
{
    mm_tensor t;
    float f = 0;
    if (!mm_model_has(p->model, "logit_scale") || mm_model_tensor(p->model, &t, "logit_scale", NULL) != MM_OK ||
        mm_shape_count(&t.s) != 1)
        return 0;
    mm_to_f32(&f, t.data, t.s.type, 1);
    return exp((double)f);
}
