#include "encode/arch.h"

#include <stdio.h>
#include <stdlib.h>

#define ENCODER(id, ...) extern const mm_arch mm_arch_##id;
#include "model/architectures.def"
#undef ENCODER
#define ENCODER(id, ...) &mm_arch_##id,
static const mm_arch *const ARCHS[] = {
#include "model/architectures.def"
};

/* "vit, deit, …" of one modality. */
static void list(char *out, size_t size, mm_modality of)
{
    const mm_architecture *a;
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; (a = mm_architecture_at(i)) && n < size; i++)
        if (a->of == of)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", a->types[0]);
}

mm_status mm_arch_of(const mm_arch **out, const mm_model *m, mm_modality of, mm_err *e)
{
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const mm_architecture *a, *other = NULL;
    for (int i = 0; (a = mm_architecture_at(i)); i++) {
        if (!mm_architecture_has(a, type))
            continue;
        other = a;
        if (a->of == of) {
            *out = ARCHS[i];
            return MM_OK;
        }
    }
    if (other)
        return mm_fail(e, MM_FATAL, "%s encodes %s, not %s: mm-encode-%s takes it", mm_model_name(m),
                       mm_modality_name(other->of), mm_modality_name(of), mm_modality_name(other->of));
    if (mm_model_typed(m, e) != MM_OK)
        return MM_FATAL;
    char known[128];
    list(known, sizeof known, of);
    return mm_fail(e, MM_FATAL, "%s: no %s encoder for model_type \"%.40s\" (there are: %s)", mm_model_path(m),
                   mm_modality_name(of), type, known);
}

mm_status mm_net_open(mm_net **out, const mm_arch *a, const mm_model *m, mm_dev *d, mm_err *e)
{
    mm_net *n = calloc(1, a->size);
    if (!n)
        return mm_fail_memory(e);
    mm_params_init(&n->params, m, d);
    a->load(n);
    mm_status s = mm_params_done(&n->params, e);
    if (s == MM_OK)
        *out = n;
    else
        mm_net_close(n, a);
    return s;
}

void mm_net_close(mm_net *n, const mm_arch *a)
{
    if (!n)
        return;
    if (a->unload)
        a->unload(n);
    mm_workspace_free(&n->work, n->params.dev);
    mm_workspace_free(&n->head, n->params.dev);
    mm_params_free(&n->params);
    free(n);
}
