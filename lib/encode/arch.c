#include "encode/arch.h"

#include <stdio.h>

extern const mm_arch mm_arch_vit, mm_arch_deit, mm_arch_dinov2, mm_arch_dinov2_registers, mm_arch_clip_vision;
extern const mm_arch mm_arch_bert, mm_arch_distilbert, mm_arch_clip_text;
extern const mm_arch mm_arch_wav2vec2, mm_arch_hubert, mm_arch_whisper;

static const mm_arch *const all[] = {
    &mm_arch_vit,         &mm_arch_deit,   &mm_arch_dinov2,     &mm_arch_dinov2_registers,
    &mm_arch_clip_vision, &mm_arch_bert,   &mm_arch_distilbert, &mm_arch_clip_text,
    &mm_arch_wav2vec2,    &mm_arch_hubert, &mm_arch_whisper,    NULL,
};

const mm_arch *const *mm_arch_all(void)
{
    return all;
}

/* "vit, deit, …" of one modality. */
static void list(char *out, size_t size, mm_modality of)
{
    size_t n = 0;
    out[0] = 0;
    for (const mm_arch *const *a = all; *a; a++)
        if ((*a)->of == of && n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", (*a)->name);
}

mm_status mm_arch_of(const mm_arch **out, const mm_model *m, mm_modality of, mm_err *e)
{
    mm_modality other = of;
    for (const mm_arch *const *a = all; *a; a++)
        if ((*a)->match(m)) {
            other = (*a)->of;
            if (other == of) {
                *out = *a;
                return MM_OK;
            }
        }
    if (other != of)
        return mm_fail(e, MM_FATAL, "%s encodes %s, not %s: mm-encode-%s takes it", mm_model_name(m),
                       mm_modality_name(other), mm_modality_name(of), mm_modality_name(other));
    if (mm_model_typed(m, e) != MM_OK)
        return MM_FATAL;
    char known[128];
    list(known, sizeof known, of);
    return mm_fail(e, MM_FATAL, "%s: no %s encoder for model_type \"%.40s\" (there are: %s)", mm_model_path(m),
                   mm_modality_name(of), mm_config_str(mm_model_config(m), "model_type", ""), known);
}
