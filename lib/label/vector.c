#include "label/vector.h"

#include <math.h>

mm_status mm_vector_dim(int64_t *dim, const mm_record *rec, mm_err *e)
{
    *dim = 0;
    if (!rec->has_tensor)
        return mm_fail(e, MM_SKIP, "%.*s: a feature without a tensor", MM_STRF(rec->key));
    const mm_shape *s = &rec->tensor.s;
    if (s->rank == 2 && s->dim[0] == 1)
        *dim = s->dim[1];
    else if (s->rank == 1)
        *dim = s->dim[0];
    else {
        char text[128];
        return mm_fail_hint(e, MM_SKIP, MM_HINT_POOL, "%.*s: a feature %s is not one vector", MM_STRF(rec->key),
                            mm_shape_text(s, text, sizeof text));
    }
    return MM_OK;
}

mm_status mm_vector_unit(float *out, int64_t dim, const mm_record *rec, mm_arena *a, mm_err *e)
{
    int64_t has;
    mm_status s = mm_vector_dim(&has, rec, e);
    if (s != MM_OK)
        return s;
    if (has != dim)
        return mm_fail(e, MM_SKIP, "%.*s: a vector of %lld dimensions among vectors of %lld", MM_STRF(rec->key),
                       (long long)has, (long long)dim);
    const float *v = mm_tensor_f32(a, &rec->tensor);
    if (!v)
        return mm_fail_memory(e);
    if (!isfinite(mm_to_unit_length(out, v, dim)))
        return mm_fail(e, MM_SKIP, "%.*s: a vector with values that are not finite", MM_STRF(rec->key));
    memset(out + dim, 0, (size_t)(mm_padded(dim) - dim) * sizeof *out);
    return MM_OK;
}

mm_dot_kernel *mm_dot_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return mm_dot_avx2;
#endif
    return mm_dot_portable;
}
