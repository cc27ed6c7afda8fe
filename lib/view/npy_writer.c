#include "view/npy_writer.h"

#include <errno.h>
#include <string.h>

/* NumPy requires a multiple of 64; six dimensions of 19 digits fit. */
enum { HEADER = 256, MAGIC = 10 };

mm_status mm_npy_begin(mm_npy *n, FILE *f, mm_err *e)
{
    *n = (mm_npy){.f = f};
    if (fseeko(f, HEADER, SEEK_SET) != 0)
        return mm_fail(e, MM_FATAL, "an NPY file cannot go to a pipe: %s", strerror(errno));
    return MM_OK;
}

static mm_status differ(const mm_npy *n, const mm_record *rec, const mm_shape *s, mm_err *e)
{
    char first[128], this[128];
    return mm_fail_hint(e, MM_FATAL, MM_HINT_ROWS, "%.*s: %s does not fit an array of %s", MM_STRF(rec->key),
                        mm_shape_text(s, this, sizeof this), mm_shape_text(&n->row, first, sizeof first));
}

/* Suggests the condition that selects one of the two: the modality if that differs, else the space. */
static mm_status differ_in_space(const mm_npy *n, const mm_record *rec, const mm_shape *s, mm_err *e)
{
    char first[64], this[64];
    bool same = mm_str_is(rec->of, n->of);
    return mm_fail_hint(e, MM_FATAL, MM_HINT_WHERE,
                        "vectors of two spaces do not make an array: choose those with %s=%s; %.*s is %s of %.*s, "
                        "the one before is %s of %s",
                        same ? "space" : "of", same ? n->space : n->of, MM_STRF(rec->key),
                        mm_shape_text(s, this, sizeof this), MM_STRF(rec->space),
                        mm_shape_text(&n->row, first, sizeof first), n->space);
}

static mm_status check_row(mm_npy *n, const mm_record *rec, const mm_shape *s, mm_err *e)
{
    if (n->rows == 0) {
        n->row = *s;
        snprintf(n->space, sizeof n->space, "%.*s", MM_STRF(rec->space));
        snprintf(n->of, sizeof n->of, "%.*s", MM_STRF(rec->of));
        return s->rank < MM_MAX_RANK ? MM_OK : differ(n, rec, s, e);
    }
    if (strlen(n->space) < sizeof n->space - 1 && !mm_str_is(rec->space, n->space))
        return differ_in_space(n, rec, s, e);
    return mm_shape_eq(&n->row, s) ? MM_OK : differ(n, rec, s, e);
}

mm_status mm_npy_put(mm_npy *n, const mm_record *rec, mm_arena *a, mm_err *e)
{
    mm_shape s = rec->tensor.s;
    s.type = MM_F32;
    mm_status st = check_row(n, rec, &s, e);
    if (st != MM_OK)
        return st;
    const float *v = mm_tensor_f32(a, &rec->tensor);
    if (!v)
        return mm_fail_memory(e);
    fwrite(v, sizeof *v, (size_t)mm_shape_count(&s), n->f);
    n->rows++;
    return MM_OK;
}

mm_status mm_npy_end(mm_npy *n, mm_err *e)
{
    unsigned char head[HEADER];
    char text[HEADER] = "";
    int at =
        snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld,", (long long)n->rows);
    for (int i = 0; i < n->row.rank; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%lld", i ? ", " : " ", (long long)n->row.dim[i]);
    at += snprintf(text + at, sizeof text - (size_t)at, "%s), }", n->rows ? "" : " 0");
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = (HEADER - MAGIC) & 0xff;
    head[9] = (HEADER - MAGIC) >> 8;
    memcpy(head + MAGIC, text, (size_t)at);
    head[HEADER - 1] = '\n';
    if (fseeko(n->f, 0, SEEK_SET) != 0)
        return mm_fail(e, MM_FATAL, "%s", strerror(errno));
    fwrite(head, 1, sizeof head, n->f);
    return MM_OK;
}
