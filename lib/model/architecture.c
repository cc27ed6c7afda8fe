#include "model/architecture.h"

#include <string.h>

#define ENCODER(id, modality, image_processor, ...) {modality, image_processor, {__VA_ARGS__}},
static const mm_architecture ARCHITECTURES[] = {
#include "model/architectures.def"
};

const mm_architecture *mm_architecture_at(int i)
{
    return i < (int)(sizeof ARCHITECTURES / sizeof *ARCHITECTURES) ? &ARCHITECTURES[i] : NULL;
}

bool mm_architecture_has(const mm_architecture *a, const char *model_type)
{
    for (const char *const *type = a->types; *type; type++)
        if (!strcmp(*type, model_type))
            return true;
    return false;
}

const char *mm_modality_name(mm_modality m)
{
    static const char *const NAMES[] = {"image", "text", "audio"};
    return NAMES[m];
}

mm_status mm_model_typed(const mm_model *m, mm_err *e)
{
    const json_t *config = mm_model_config(m);
    const char *timm = mm_config_str(config, "architecture", NULL);
    if (*mm_config_str(config, "model_type", ""))
        return MM_OK;
    if (timm)
        return mm_fail(
            e, MM_FATAL,
            "%s: config.json has no model_type: a timm model (%.60s); mm tools read transformers' layout, which "
            "the hub has of many of them (facebook/dinov2-small, google/vit-base-patch16-224)",
            mm_model_path(m), timm);
    return mm_fail(e, MM_FATAL, "%s: config.json has no model_type, which names the architecture", mm_model_path(m));
}

mm_status mm_model_modality(const mm_model *m, mm_modality *out, mm_err *e)
{
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const mm_architecture *a;
    for (int i = 0; (a = mm_architecture_at(i)); i++)
        if (mm_architecture_has(a, type)) {
            *out = a->of;
            return MM_OK;
        }
    if (mm_model_typed(m, e) != MM_OK)
        return MM_FATAL;
    return mm_fail_hint(e, MM_FATAL, MM_HINT_MODELS, "%s: there is no encoder for model_type '%s'", mm_model_name(m),
                        type);
}
