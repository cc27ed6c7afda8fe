#include "media/table/npy_parse.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

/* The text after "'name':" in the header's Python dict, blanks skipped; NULL when it is not there. */
static const char *entry(const char *header, const char *name)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", name);
    const char *p = strstr(header, quoted);
    if (!p)
        return NULL;
    p += strlen(quoted);
    p += strspn(p, " ");
    if (*p++ != ':')
        return NULL;
    return p + strspn(p, " ");
}

static bool type_of(const char *descr, mm_type *type)
{
    if (*descr != '\'' && *descr != '"')
        return false;
    for (int t = 0; t < MM_TYPES; t++) {
        const char *name = mm_type_numpy((mm_type)t);
        if (name && strncmp(descr + 1, name, 3) == 0 && (descr[4] == '\'' || descr[4] == '"')) {
            *type = (mm_type)t;
            return true;
        }
    }
    return false;
}

static mm_status shape_of(mm_shape *out, const char *p, mm_type type, mm_err *e)
{
    int64_t dim[MM_MAX_RANK];
    int rank = 0;
    if (*p++ != '(')
        return mm_fail(e, MM_SKIP, "an NPY header without a shape");
    for (;;) {
        char *end;
        p += strspn(p, " ,");
        if (*p == ')')
            return mm_shape_make(out, type, rank, dim, e);
        long long d = strtoll(p, &end, 10);
        if (end == p || d < 0)
            return mm_fail(e, MM_SKIP, "an NPY header whose shape is not a list of numbers");
        if (rank == MM_MAX_RANK)
            return mm_fail(e, MM_SKIP, "an NPY array of more than %d dimensions", MM_MAX_RANK);
        dim[rank++] = d;
        p = end;
    }
}

static mm_status read_header(mm_tensor *out, const char *header, mm_err *e)
{
    mm_type type;
    const char *descr = entry(header, "descr"), *order = entry(header, "fortran_order"),
               *shape = entry(header, "shape");
    if (!descr || !order || !shape)
        return mm_fail(e, MM_SKIP, "an NPY header without descr, fortran_order and shape");
    if (!type_of(descr, &type))
        return mm_fail(e, MM_SKIP,
                       "an NPY array of %.12s: only little-endian numbers are read (numpy: x.astype('<f4'))", descr);
    mm_status s = shape_of(&out->s, shape, type, e);
    if (s == MM_OK && strncmp(order, "True", 4) == 0 && out->s.rank > 1)
        return mm_fail(e, MM_SKIP, "an NPY array in Fortran order (numpy: numpy.ascontiguousarray)");
    return s;
}

mm_status mm_npy_parse(mm_tensor *out, mm_str file, mm_err *e)
{
    const uint8_t *p = (const uint8_t *)file.p;
    if (file.n < 12 || memcmp(p, "\x93NUMPY", 6) != 0)
        return mm_fail(e, MM_SKIP, "not an NPY file");
    size_t start = p[6] == 1 ? 10 : 12;
    size_t length = p[6] == 1 ? mm_le16(p + 8) : mm_le32(p + 8);
    if (p[6] < 1 || p[6] > 3 || length > file.n - start || length > 1 << 16)
        return mm_fail(e, MM_SKIP, "an NPY header that does not fit the file");
    char *header = malloc(length + 1);
    if (!header)
        return mm_fail_memory(e);
    memcpy(header, file.p + start, length);
    header[length] = 0;
    mm_status s = read_header(out, header, e);
    free(header);
    if (s != MM_OK)
        return s;
    if (mm_shape_bytes(&out->s) > file.n - start - length)
        return mm_fail(e, MM_SKIP, "an NPY file that ends early: %zu bytes of data, %zu expected",
                       file.n - start - length, mm_shape_bytes(&out->s));
    out->data = file.p + start + length;
    return MM_OK;
}
