/* onnx_archs.c: recognises an export's architecture, checks that it is complete, and adds the companion files. */
#include "base/file.h"
#include "import/import_onnx.h"

static const mm_onnx_arch ARCHS[] = {
    {"dinov2",
     "Dinov2Model",
     "dinov2",
     "embeddings.patch_embeddings.projection.weight",
     {"encoder.layer.0.layer_scale1.lambda1", NULL},
     mm_onnx_dinov2},
    {"vit",
     "ViTModel",
     "vit",
     "embeddings.patch_embeddings.projection.weight",
     {"encoder.layer.0.layernorm_before.weight", "layers.0.layernorm_before.weight"},
     mm_onnx_vit},
    {"bert",
     "BertModel",
     "bert",
     "embeddings.word_embeddings.weight",
     {"encoder.layer.0.attention.self.query.weight", NULL},
     mm_onnx_bert},
    {"clip",
     "CLIPModel",
     "clip",
     "vision_model.embeddings.patch_embedding.weight",
     {"vision_model.encoder.layers.0.self_attn.q_proj.weight", NULL},
     mm_onnx_clip},
    {"clip",
     "CLIPModel",
     "clip",
     "text_model.embeddings.token_embedding.weight",
     {"text_model.encoder.layers.0.self_attn.q_proj.weight", NULL},
     mm_onnx_clip},
    {"wav2vec2",
     "Wav2Vec2Model",
     "wav2vec2",
     "feature_extractor.conv_layers.0.conv.weight",
     {"encoder.layers.0.attention.q_proj.weight", NULL},
     mm_onnx_wav2vec2},
};

/* When `name` ends in the anchor, after a dot or nothing, the part before it is the prefix. */
static bool prefix_of(const char *name, const char *anchor, char *prefix, size_t size)
{
    size_t n = strlen(name), a = strlen(anchor);
    if (n < a || strcmp(name + n - a, anchor) != 0 || (n > a && name[n - a - 1] != '.') || n - a >= size)
        return false;
    memcpy(prefix, name, n - a);
    prefix[n - a] = 0;
    return true;
}

static bool has(const mm_onnx_import *m, const char *name)
{
    char full[400];
    snprintf(full, sizeof full, "%s%s", m->prefix, name);
    return mm_draft_find(&m->named, full) != NULL;
}

static bool recognise(mm_onnx_import *m, const mm_onnx_arch *a)
{
    for (int64_t i = 0; i < m->named.n; i++)
        if (prefix_of(m->named.t[i].name, a->anchor, m->prefix, sizeof m->prefix) &&
            (has(m, a->second[0]) || (a->second[1] && has(m, a->second[1]))))
            return true;
    return false;
}

mm_status mm_onnx_recognise(mm_onnx_import *m, mm_err *e)
{
    for (size_t i = 0; i < sizeof ARCHS / sizeof *ARCHS; i++)
        if (recognise(m, &ARCHS[i])) {
            m->arch = &ARCHS[i];
            return MM_OK;
        }
    return mm_fail(e, MM_FATAL,
                   "%s: its weights are not those of ViT, DINOv2, BERT, CLIP, Wav2Vec2 or HuBERT as transformers "
                   "names them (exported by PyTorch, not optimised)",
                   m->path);
}

/* ---- the rest of the directory ---- */

/* A JSON file beside the ONNX file overrides what was inferred. */
static mm_status prefer(json_t **to, const char *dir, const char *name, mm_err *e)
{
    char path[PATH_MAX];
    if (mm_dir_path(path, dir, name, NULL) != MM_OK || !mm_file_exists(path))
        return MM_OK;
    return mm_draft_overlay(to, path, e);
}

static mm_status companions(mm_onnx_import *m, const char *dir, mm_err *e)
{
    static const char *const files[] = {"tokenizer.json", "tokenizer_config.json",   "vocab.txt",         "vocab.json",
                                        "merges.txt",     "special_tokens_map.json", "added_tokens.json", "LICENSE",
                                        "README.md"};
    mm_status s = prefer(&m->d->config, dir, "config.json", e);
    if (s == MM_OK)
        s = prefer(&m->d->preprocessor, dir, "preprocessor_config.json", e);
    for (size_t i = 0; s == MM_OK && i < sizeof files / sizeof *files; i++)
        s = mm_draft_copy(m->d, dir, files[i], e);
    return s;
}

/* Biases keep their names in every export, weights of linear layers get theirs from the nodes: a bias without a weight
 * means that the nodes have other names. */
static mm_status check_complete(const mm_onnx_import *m, mm_err *e)
{
    static const char *const tails[] = {"weight", "weight_g", "parametrizations.weight.original0"};
    for (int64_t i = 0; i < m->d->n; i++) {
        const char *name = m->d->t[i].name, *dot = strrchr(name, '.');
        bool found = !dot || strcmp(dot, ".bias") != 0 || strncmp(name, "cls.", 4) == 0;
        for (size_t k = 0; !found && k < sizeof tails / sizeof *tails; k++) {
            char weight[400];
            snprintf(weight, sizeof weight, "%.*s%s", (int)(dot + 1 - name), name, tails[k]);
            found = mm_draft_find(m->d, weight) != NULL;
        }
        if (!found)
            return mm_fail(e, MM_FATAL,
                           "%s: no weight for %s: its nodes do not have their modules' names (export it with PyTorch "
                           "1.13 or later, unoptimised)",
                           m->path, name);
    }
    return MM_OK;
}

mm_status mm_onnx_finish(mm_onnx_import *m, const char *dir, mm_err *e)
{
    json_object_set_new(m->d->config, "model_type", json_string(m->arch->model_type));
    json_object_set_new(m->d->config, "architectures", json_pack("[s]", m->arch->architecture));
    mm_status s = m->arch->finish(m, e);
    if (s == MM_OK)
        s = check_complete(m, e);
    if (s == MM_OK)
        s = companions(m, dir, e);
    if (s == MM_OK && m->dropped)
        mm_say(m->log, MM_LOG_INFO, "%s: %lld weights outside the %s are left out", m->path, (long long)m->dropped,
               m->arch->model_type);
    return s;
}
