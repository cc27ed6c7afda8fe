#include "import/onnx.h"

#include "model/snapshot.h"

#include <limits.h>
#include <stdlib.h>

enum { MAX_NODES = 1 << 20, MAX_WEIGHTS = 1 << 17, MAX_LINKS = 1 << 12 /* inputs of one node */ };

typedef struct {
    mm_onnx *x;
    mm_draft *d;
    const char *path, *dir;
} parser;

static mm_status damaged(const parser *p, mm_err *e)
{
    return mm_fail(e, MM_FATAL, "%s: not an ONNX file, or a damaged one", p->path);
}

/* ---- tensors ---- */

static bool type_of(mm_type *out, uint64_t id)
{
    static const struct {
        int id;
        mm_type type;
    } known[] = {{1, MM_F32},  {2, MM_U8},   {3, MM_I8},   {4, MM_U16},  {5, MM_I16},  {6, MM_I32},  {7, MM_I64},
                 {9, MM_BOOL}, {10, MM_F16}, {11, MM_F64}, {12, MM_U32}, {13, MM_U64}, {16, MM_BF16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((uint64_t)known[i].id == id) {
            *out = known[i].type;
            return true;
        }
    return false;
}

typedef struct { /* a TensorProto as it lies there */
    mm_str name, raw, location;
    int64_t dim[MM_MAX_RANK];
    int rank;
    uint64_t type, offset, length;
    mm_str message;
    bool external, has_length;
} proto;

/* Adds the varints of a repeated field, packed or not, to dims. */
static bool add_dims(proto *t, const mm_pb_field *f)
{
    mm_pb pb = mm_pb_of(f->bytes);
    uint64_t v = f->v;
    if (f->wire == 0) {
        if (t->rank < MM_MAX_RANK)
            t->dim[t->rank] = (int64_t)v;
        t->rank++;
        return true;
    }
    while (pb.p < pb.end && mm_pb_varint(&pb, &v) && t->rank <= MM_MAX_RANK) {
        if (t->rank < MM_MAX_RANK)
            t->dim[t->rank] = (int64_t)v;
        t->rank++;
    }
    return !pb.bad;
}

/* Digits and nothing else. */
static bool whole_number(mm_str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint64_t digit = (uint64_t)text.p[i] - '0';
        if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return text.n > 0;
}

/* external_data: one key and value. */
static bool add_external(proto *t, mm_str entry)
{
    mm_pb pb = mm_pb_of(entry);
    mm_pb_field f;
    mm_str key = {0}, value = {0};
    while (mm_pb_next(&pb, &f))
        if (f.wire == 2 && f.number == 1)
            key = f.bytes;
        else if (f.wire == 2 && f.number == 2)
            value = f.bytes;
    bool ok = true;
    if (mm_str_is(key, "location"))
        t->location = value;
    else if (mm_str_is(key, "offset"))
        ok = whole_number(value, &t->offset);
    else if (mm_str_is(key, "length"))
        ok = t->has_length = whole_number(value, &t->length);
    return ok && !pb.bad;
}

static bool read_proto(proto *t, mm_str message)
{
    *t = (proto){.message = message};
    mm_pb pb = mm_pb_of(message);
    mm_pb_field f;
    bool ok = true;
    while (ok && mm_pb_next(&pb, &f))
        switch (f.number) {
        case 1: ok = add_dims(t, &f); break;
        case 2: t->type = f.v; break;
        case 8: t->name = f.bytes; break;
        case 9: t->raw = f.bytes; break;
        case 13: ok = f.wire == 2 && add_external(t, f.bytes); break;
        case 14: t->external = f.v == 1; break;
        default: break;
        }
    return ok && !pb.bad;
}

/* float_data (4), int32_data (5), int64_data (7), double_data (10), uint64_data (11): numbers one by one, as small
 * tensors have them. Writes at most n elements and returns how many there were. */
static int64_t typed_data(const proto *t, mm_type type, uint8_t *out, int64_t n)
{
    size_t w = mm_type_size(type);
    mm_pb pb = mm_pb_of(t->message);
    mm_pb_field f;
    int64_t at = 0;
    while (mm_pb_next(&pb, &f)) {
        if (f.number != 4 && f.number != 5 && f.number != 7 && f.number != 10 && f.number != 11)
            continue;
        size_t fixed = f.number == 4 ? 4 : f.number == 10 ? 8 : 0; /* else varints */
        mm_pb in = mm_pb_of(f.bytes);
        bool more = f.wire != 2 || in.p < in.end;
        while (more) {
            uint64_t v = f.v;
            if (f.wire == 2 && fixed) {
                if ((size_t)(in.end - in.p) < fixed)
                    return -1;
                memcpy(&v, in.p, fixed);
                in.p += fixed;
            } else if (f.wire == 2 && !mm_pb_varint(&in, &v)) {
                return -1;
            }
            if (at < n)
                memcpy(out + (size_t)at * w, &v, w); /* little-endian, as everything here */
            at++;
            more = f.wire == 2 && in.p < in.end;
        }
    }
    return at;
}

/* Whether dir/file lies, when symbolic links are followed, below dir, or below the same directory of Hugging Face's
 * cache, whose snapshots link to its blobs. A file that is not there is somebody else's failure. */
static bool stays_below(const char *dir, const char *file)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return false;
    char *home = realpath(dir, NULL), *to = realpath(path, NULL);
    size_t entry = home ? mm_snapshot_entry(home) : 0, n = entry ? entry : home ? strlen(home) : 0;
    bool below = !to || (home && strncmp(to, home, n) == 0 && (to[n] == '/' || (n == 1 && home[0] == '/')));
    free(home);
    free(to);
    return below;
}

static mm_status external_data(parser *p, const proto *t, mm_str *out, size_t need, mm_err *e)
{
    char file[256];
    if (t->location.n == 0 || t->location.n >= sizeof file || memchr(t->location.p, 0, t->location.n))
        return damaged(p, e);
    memcpy(file, t->location.p, t->location.n);
    file[t->location.n] = 0;
    if (file[0] == '/' || strcmp(file, "..") == 0 || strncmp(file, "../", 3) == 0 || strstr(file, "/..") ||
        !stays_below(p->dir, file))
        return mm_fail(e, MM_FATAL, "%s: its data lies outside its directory (%s)", p->path, file);
    const mm_map *m;
    mm_status s = mm_draft_map(p->d, p->dir, file, &m, e);
    if (s != MM_OK)
        return s;
    if (t->offset > m->n || m->n - t->offset < need || (t->has_length && t->length != need))
        return mm_fail(e, MM_FATAL, "%s: too short for %.*s", file, MM_STRF(t->name));
    *out = (mm_str){(const char *)m->p + t->offset, need};
    return MM_OK;
}

static mm_status tensor_of(parser *p, mm_onnx_weight *w, const proto *t, mm_err *e)
{
    mm_type type;
    if (!type_of(&type, t->type))
        return mm_fail(e, MM_FATAL, "%s: %.*s has element type %llu, which is not supported", p->path, MM_STRF(t->name),
                       (unsigned long long)t->type);
    mm_status s = mm_shape_make(&w->t.s, type, t->rank, t->dim, e);
    if (s != MM_OK)
        return s;
    size_t need = mm_shape_bytes(&w->t.s);
    mm_str raw = t->raw;
    if (t->external)
        s = external_data(p, t, &raw, need, e);
    if (s != MM_OK)
        return s;
    if (!raw.p && need <= 8 * t->message.n) { /* a byte of the message gives at most one element */
        uint8_t *out = mm_arena_zalloc(&p->d->arena, need + 1, 1);
        if (!out)
            return mm_fail_memory(e);
        if (typed_data(t, type, out, mm_shape_count(&w->t.s)) == mm_shape_count(&w->t.s))
            raw = (mm_str){(const char *)out, need};
    }
    if (raw.n != need || (need && !raw.p))
        return mm_fail(e, MM_FATAL, "%s: %.*s holds %zu bytes, its shape %zu", p->path, MM_STRF(t->name), raw.n, need);
    w->t.data = raw.p ? raw.p : "";
    w->name = t->name;
    return MM_OK;
}

static mm_status add_weight(parser *p, mm_str name, mm_str message, mm_err *e)
{
    proto t;
    if (!read_proto(&t, message))
        return damaged(p, e);
    if (name.p)
        t.name = name;
    if (t.type == 8) /* strings are nobody's weights */
        return MM_OK;
    mm_onnx_weight w;
    mm_status s = tensor_of(p, &w, &t, e);
    if (s == MM_OK)
        p->x->weight[p->x->weights++] = w;
    return s;
}

/* ---- nodes ---- */

/* The attribute's message; a NULL view when there is none. */
static mm_str attribute(const mm_onnx_node *n, const char *name)
{
    mm_pb pb = mm_pb_of(n->raw);
    mm_pb_field f, g;
    while (mm_pb_next(&pb, &f)) {
        if (f.number != 5 || f.wire != 2)
            continue;
        mm_pb a = mm_pb_of(f.bytes);
        while (mm_pb_next(&a, &g))
            if (g.number == 1 && mm_str_is(g.bytes, name))
                return f.bytes;
    }
    return (mm_str){0};
}

static bool member(mm_str message, uint32_t number, mm_pb_field *f)
{
    mm_pb pb = mm_pb_of(message);
    while (mm_pb_next(&pb, f))
        if (f->number == number)
            return true;
    return false;
}

int64_t mm_onnx_int(const mm_onnx_node *n, const char *name, int64_t otherwise)
{
    mm_pb_field f;
    return member(attribute(n, name), 3, &f) ? (int64_t)f.v : otherwise;
}

float mm_onnx_float(const mm_onnx_node *n, const char *name, float otherwise)
{
    mm_pb_field f;
    if (!member(attribute(n, name), 2, &f) || f.wire != 5)
        return otherwise;
    uint32_t u = (uint32_t)f.v;
    float v;
    memcpy(&v, &u, 4);
    return v;
}

int mm_onnx_ints(const mm_onnx_node *n, const char *name, int64_t *out, int max)
{
    mm_pb pb = mm_pb_of(attribute(n, name));
    mm_pb_field f;
    int k = 0;
    while (k < max && mm_pb_next(&pb, &f)) {
        if (f.number != 8)
            continue;
        mm_pb packed = mm_pb_of(f.bytes);
        uint64_t v = f.v;
        if (f.wire == 0)
            out[k++] = (int64_t)v;
        while (f.wire == 2 && k < max && packed.p < packed.end && mm_pb_varint(&packed, &v))
            out[k++] = (int64_t)v;
    }
    return k;
}

/* How many fields of a number a message has. */
static int count_fields(mm_str message, uint32_t number)
{
    mm_pb pb = mm_pb_of(message);
    mm_pb_field f;
    int n = 0;
    while (mm_pb_next(&pb, &f))
        n += f.number == number && f.wire == 2 && n < INT_MAX;
    return n;
}

/* The exporter of PyTorch ≥ 2.5 (dynamo) calls nodes node_MatMul_12 and puts their modules into metadata:
 *   pkg.torch.onnx.name_scopes = ['', 'encoder', 'encoder.layer.0', 'encoder.layer.0.fc1', 'linear']
 * From that the path that the older exporter uses as the name: /encoder/layer.0/fc1/OP. */
static mm_str path_of_scopes(mm_str scopes, mm_str op, mm_arena *a)
{
    char *path = mm_arena_alloc(a, 2 * scopes.n + op.n + 2); /* every segment is a piece of scopes, with one '/' */
    size_t n = 0;
    mm_str module = {"", 0};
    const char *p = scopes.p, *end = p + scopes.n;
    while (path && p < end && (p = memchr(p, '\'', (size_t)(end - p)))) {
        const char *close = memchr(p + 1, '\'', (size_t)(end - p - 1));
        if (!close)
            break;
        mm_str inner = {p + 1, (size_t)(close - p - 1)};
        size_t skip = module.n + (module.n > 0); /* "encoder." */
        p = close + 1;
        if (inner.n <= skip || memcmp(inner.p, module.p, module.n) != 0 || (module.n && inner.p[module.n] != '.'))
            continue; /* the first, '', and the last, which is no module */
        if (memchr(p, '\'', (size_t)(end - p)) == NULL)
            break; /* the last one again: a function called at the top */
        path[n++] = '/';
        memcpy(path + n, inner.p + skip, inner.n - skip);
        n += inner.n - skip;
        module = inner;
    }
    if (!path)
        return (mm_str){0};
    path[n++] = '/';
    memcpy(path + n, op.p, op.n);
    return (mm_str){path, n + op.n};
}

static void name_by_scopes(mm_onnx_node *n, mm_arena *a)
{
    mm_pb pb = mm_pb_of(n->raw);
    mm_pb_field f, key, value;
    while (mm_pb_next(&pb, &f))
        if (f.number == 9 && f.wire == 2 && member(f.bytes, 1, &key) && member(f.bytes, 2, &value) &&
            mm_str_is(key.bytes, "pkg.torch.onnx.name_scopes") && value.bytes.p && n->op.p) {
            mm_str path = path_of_scopes(value.bytes, n->op, a);
            if (path.p)
                n->name = path;
        }
}

static mm_status add_node(parser *p, mm_str message, mm_err *e)
{
    mm_onnx_node *n = &p->x->node[p->x->nodes++];
    *n = (mm_onnx_node){.raw = message};
    int in = count_fields(message, 1), out = count_fields(message, 2);
    if (in > MAX_LINKS || out > MAX_LINKS)
        return damaged(p, e);
    n->in = mm_arena_zalloc(&p->d->arena, (size_t)(in + out), sizeof *n->in);
    if (!n->in)
        return mm_fail_memory(e);
    n->out = n->in + in;
    mm_pb pb = mm_pb_of(message);
    mm_pb_field f;
    while (mm_pb_next(&pb, &f)) {
        if (f.wire != 2)
            continue;
        switch (f.number) {
        case 1: n->in[n->n_in++] = f.bytes; break;
        case 2: n->out[n->n_out++] = f.bytes; break;
        case 3: n->name = f.bytes; break;
        case 4: n->op = f.bytes; break;
        default: break;
        }
    }
    if (pb.bad)
        return damaged(p, e);
    if (n->name.n == 0 || n->name.p[0] != '/')
        name_by_scopes(n, &p->d->arena);
    mm_pb_field value;
    if (mm_str_is(n->op, "Constant") && n->n_out && member(attribute(n, "value"), 5, &value) && value.wire == 2)
        return add_weight(p, n->out[0], value.bytes, e);
    return MM_OK;
}

/* ---- graph ---- */

/* ValueInfoProto: the dimensions of an input; 0 for those that are names. */
static void read_input(mm_onnx *x, mm_str info)
{
    mm_pb_field type, tensor, shape, f, v;
    if (!member(info, 2, &type) || !member(type.bytes, 1, &tensor) || !member(tensor.bytes, 2, &shape))
        return;
    mm_pb pb = mm_pb_of(shape.bytes);
    x->input_rank = 0;
    while (x->input_rank < MM_MAX_RANK && mm_pb_next(&pb, &f))
        if (f.number == 1 && f.wire == 2)
            x->input_dim[x->input_rank++] = member(f.bytes, 1, &v) ? (int64_t)v.v : 0;
}

static int by_name(const void *va, const void *vb)
{
    mm_str a = ((const mm_onnx_weight *)va)->name, b = ((const mm_onnx_weight *)vb)->name;
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

const mm_onnx_weight *mm_onnx_find(const mm_onnx *x, mm_str name)
{
    mm_onnx_weight key = {.name = name};
    return bsearch(&key, x->weight, (size_t)x->weights, sizeof *x->weight, by_name);
}

static mm_status read_graph(parser *p, mm_str graph, mm_err *e)
{
    mm_onnx *x = p->x;
    int nodes = count_fields(graph, 1), weights = count_fields(graph, 5);
    if (nodes > MAX_NODES || weights > MAX_WEIGHTS)
        return mm_fail(e, MM_FATAL, "%s: %d nodes and %d weights", p->path, nodes, weights);
    x->node = mm_arena_zalloc(&p->d->arena, (size_t)nodes + 1, sizeof *x->node);
    x->weight = mm_arena_zalloc(&p->d->arena, (size_t)nodes + (size_t)weights + 1, sizeof *x->weight);
    if (!x->node || !x->weight)
        return mm_fail_memory(e);
    mm_pb pb = mm_pb_of(graph);
    mm_pb_field f;
    mm_status s = MM_OK;
    while (s == MM_OK && mm_pb_next(&pb, &f)) {
        if (f.wire != 2)
            continue;
        if (f.number == 1)
            s = add_node(p, f.bytes, e);
        else if (f.number == 5)
            s = add_weight(p, (mm_str){0}, f.bytes, e);
        else if (f.number == 11 && !x->input_rank)
            read_input(x, f.bytes);
    }
    if (s == MM_OK && pb.bad)
        s = damaged(p, e);
    qsort(x->weight, (size_t)x->weights, sizeof *x->weight, by_name);
    return s;
}

mm_status mm_onnx_parse(mm_onnx *x, mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                        mm_err *e)
{
    *x = (mm_onnx){0};
    parser p = {x, d, path, dir};
    mm_pb pb = mm_pb_of((mm_str){bytes, n});
    mm_pb_field f;
    mm_str graph = {0};
    while (mm_pb_next(&pb, &f)) {
        if (f.number == 2 && f.wire == 2)
            x->producer = f.bytes;
        if (f.number == 7 && f.wire == 2)
            graph = f.bytes;
    }
    if (pb.bad || !graph.p)
        return damaged(&p, e);
    return read_graph(&p, graph, e);
}
