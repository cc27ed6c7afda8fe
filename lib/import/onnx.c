#include "import/onnx.h"

#include "import/onnx_tensor.h"

#include <limits.h>
#include <stdlib.h>

enum { MAX_NODES = 1 << 20, MAX_WEIGHTS = 1 << 17, MAX_LINKS = 1 << 12 /* inputs of one node */ };

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
 * Turns that into the older exporter's name of the node: /encoder/layer.0/fc1/OP. */
static mm_str path_of_scopes(mm_str scopes, mm_str op, mm_arena *a)
{
    char *path = mm_arena_alloc(a, 2 * scopes.n + op.n + 2); /* each segment is a part of scopes and one '/' */
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
            continue; /* the first, '', and the last, the operation */
        if (memchr(p, '\'', (size_t)(end - p)) == NULL)
            break; /* the last one: a function called at the top */
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

static mm_status add_node(mm_onnx_parser *p, mm_str message, mm_err *e)
{
    mm_onnx_node *n = &p->x->node[p->x->nodes++];
    *n = (mm_onnx_node){.raw = message};
    int in = count_fields(message, 1), out = count_fields(message, 2);
    if (in > MAX_LINKS || out > MAX_LINKS)
        return mm_onnx_damaged(p, e);
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
        return mm_onnx_damaged(p, e);
    if (n->name.n == 0 || n->name.p[0] != '/')
        name_by_scopes(n, &p->d->arena);
    mm_pb_field value;
    if (mm_str_is(n->op, "Constant") && n->n_out && member(attribute(n, "value"), 5, &value) && value.wire == 2)
        return mm_onnx_add_weight(p, n->out[0], value.bytes, e);
    return MM_OK;
}

/* ---- graph ---- */

/* ValueInfoProto: the dimensions of an input; 0 for symbolic ones. */
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

static mm_status read_graph(mm_onnx_parser *p, mm_str graph, mm_err *e)
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
            s = mm_onnx_add_weight(p, (mm_str){0}, f.bytes, e);
        else if (f.number == 11 && !x->input_rank)
            read_input(x, f.bytes);
    }
    if (s == MM_OK && pb.bad)
        s = mm_onnx_damaged(p, e);
    qsort(x->weight, (size_t)x->weights, sizeof *x->weight, by_name);
    return s;
}

mm_status mm_onnx_parse(mm_onnx *x, mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                        mm_err *e)
{
    *x = (mm_onnx){0};
    mm_onnx_parser p = {x, d, path, dir};
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
        return mm_onnx_damaged(&p, e);
    return read_graph(&p, graph, e);
}
