#include "encode/patches.h"

#include "base/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

/* Rows of the tensor `name` seen as [rows, W], in f32; NULL after a failure. */
static const float *host_rows(mm_params *p, const char *name, int64_t width, int64_t *rows)
{
    mm_tensor t = {0};
    char key[160];
    snprintf(key, sizeof key, "%s%s", p->prefix, name);
    if (p->failed.status != MM_OK || mm_model_tensor(p->model, &t, key, &p->failed) != MM_OK)
        return NULL;
    int64_t count = mm_shape_count(&t.s);
    if (t.s.rank < 1 || t.s.dim[t.s.rank - 1] != width || count < width) {
        char text[128];
        mm_params_fail(p, "%s: %s is %s: its last dimension should be %lld", mm_model_path(p->model), key,
                       mm_shape_text(&t.s, text, sizeof text), (long long)width);
        return NULL;
    }
    *rows = count / width;
    const float *f = mm_tensor_f32(&p->arena, &t);
    if (!f)
        mm_fail_memory(&p->failed);
    return f;
}

/* Concatenates the leading tokens and adds the positions of the first `with_position`. */
static void load_tokens(mm_patches *e, mm_params *p, const mm_patches_names *n, const float *position)
{
    int64_t w = e->width, rows[MM_MAX_PREFIX] = {0};
    const float *part[MM_MAX_PREFIX] = {0};
    for (int i = 0; i < MM_MAX_PREFIX && n->token[i]; i++) {
        part[i] = host_rows(p, n->token[i], w, &rows[i]);
        e->prefix += rows[i];
    }
    if (p->failed.status != MM_OK)
        return;
    float *all = mm_arena_zalloc(&p->arena, (size_t)(e->prefix * w) + 1, sizeof *all);
    if (!all) {
        mm_fail_memory(&p->failed);
        return;
    }
    int64_t at = 0;
    for (int i = 0; i < MM_MAX_PREFIX && part[i]; at += rows[i++])
        memcpy(all + at * w, part[i], (size_t)(rows[i] * w) * sizeof *all);
    for (int64_t i = 0; i < n->with_position * w && i < e->prefix * w; i++)
        all[i] += position[i];
    e->tokens = all;
}

void mm_patches_load(mm_patches *e, mm_params *p, const mm_patches_names *n, int64_t patch, int64_t width)
{
    *e = (mm_patches){.patch = patch, .width = width, .antialias = n->antialias};
    if (patch < 1 || patch > 1024 || width < 1) {
        mm_params_fail(p, "%s/config.json: a patch size of %lld is not possible", mm_model_path(p->model),
                       (long long)patch);
        return;
    }
    e->conv = mm_params_conv(p, n->conv, 4, (int64_t[]){width, 3, patch, patch}, 1, n->conv_bias);
    int64_t rows = 0;
    const float *position = host_rows(p, n->position, width, &rows);
    if (!position)
        return;
    rows -= n->with_position;
    e->side = rows > 0 ? (int64_t)sqrt((double)rows) : 0;
    if (e->side * e->side != rows || rows == 0) {
        mm_params_fail(p, "%s: %s%s has %lld positions for patches: not a square", mm_model_path(p->model), p->prefix,
                       n->position, (long long)rows);
        return;
    }
    e->positions = position + n->with_position * width;
    load_tokens(e, p, n, position);
}

/* ---- layout ---- */

/* The convolution ignores pixels at the right and bottom that do not fill a patch. */
static int64_t rows_of(const mm_patches *e, const mm_input *in)
{
    return in->in.s.dim[0] / e->patch;
}

static int64_t cols_of(const mm_patches *e, const mm_input *in)
{
    return in->in.s.dim[1] / e->patch;
}

mm_status mm_patches_check(const mm_patches *e, const mm_input *in, int64_t *rows, int64_t *floats, mm_err *err)
{
    const mm_shape *s = &in->in.s;
    if (s->type != MM_F32 || s->rank != 3 || s->dim[2] != 3) {
        char text[128];
        return mm_fail(err, MM_SKIP, "an image has the shape f32[height,width,3], not %s",
                       mm_shape_text(s, text, sizeof text));
    }
    if (s->dim[0] < e->patch || s->dim[1] < e->patch)
        return mm_fail(err, MM_SKIP, "an image of %lld x %lld is smaller than one patch of %lld x %lld",
                       (long long)s->dim[1], (long long)s->dim[0], (long long)e->patch, (long long)e->patch);
    int64_t patches = rows_of(e, in) * cols_of(e, in);
    *rows = e->prefix + patches;
    *floats = 3 * s->dim[0] * s->dim[1] + patches * e->width + 2 * MM_WORKSPACE_ALIGN;
    return MM_OK;
}

void mm_patches_layout(const mm_patches *e, mm_forward *f)
{
    f->cu[0] = 0;
    for (int i = 0; i < f->n; i++) {
        int64_t rows = rows_of(e, &f->in[i]), cols = cols_of(e, &f->in[i]);
        f->grid[i] = (mm_grid){.prefix = e->prefix, .rows = rows, .cols = cols};
        f->cu[i + 1] = f->cu[i] + e->prefix + rows * cols;
    }
}

/* ---- positions ---- */

/* Tokens and positions, to which the patches are added: [prefix + rows·cols, W] for each size of image. Few sizes are
 * the rule: a cache that gets long is emptied. */
enum { CACHE_KEEPS = 16 };
typedef struct {
    int64_t rows, cols;
    mm_dbuf *buf;
} base;
struct mm_position_cache {
    base *v;
    int n;
    int64_t cap;
};

static void forget(mm_patches *e, mm_dev *d)
{
    for (int i = 0; e->cache && i < e->cache->n; i++)
        mm_dev_free(d, e->cache->v[i].buf);
    if (e->cache)
        e->cache->n = 0;
}

void mm_patches_free(mm_patches *e, mm_dev *d)
{
    forget(e, d);
    if (e->cache)
        free(e->cache->v);
    free(e->cache);
    e->cache = NULL;
}

static mm_status cache_grow(mm_patches *e, mm_err *err)
{
    if (!e->cache && !(e->cache = calloc(1, sizeof *e->cache)))
        return mm_fail_memory(err);
    mm_position_cache *c = e->cache;
    return mm_grow(&c->v, &c->cap, c->n) ? MM_OK : mm_fail_memory(err);
}

static mm_status make_base(base *b, mm_patches *e, mm_dev *d, mm_arena *a, mm_err *err)
{
    int64_t w = e->width, patches = b->rows * b->cols;
    const float *positions = e->positions;
    if (b->rows != e->side || b->cols != e->side) {
        float *resampled = NULL;
        mm_status s = mm_bicubic(&resampled, e->positions, e->side, e->side, b->rows, b->cols, w, e->antialias, a, err);
        if (s != MM_OK)
            return s;
        positions = resampled;
    }
    mm_status s = mm_dev_alloc(&b->buf, d, (e->prefix + patches) * w, err);
    if (s != MM_OK)
        return s;
    mm_dev_write(d, b->buf, 0, e->tokens, e->prefix * w);
    mm_dev_write(d, b->buf, e->prefix * w, positions, patches * w);
    return MM_OK;
}

static mm_status base_of(mm_dbuf **out, mm_patches *e, mm_dev *d, const mm_grid *g, mm_arena *a, mm_err *err)
{
    for (int i = 0; e->cache && i < e->cache->n; i++)
        if (e->cache->v[i].rows == g->rows && e->cache->v[i].cols == g->cols) {
            *out = e->cache->v[i].buf;
            return MM_OK;
        }
    base made = {g->rows, g->cols, NULL};
    mm_status s = cache_grow(e, err);
    if (s == MM_OK)
        s = make_base(&made, e, d, a, err);
    if (s != MM_OK)
        return s;
    e->cache->v[e->cache->n++] = made;
    *out = made.buf;
    return MM_OK;
}

/* ---- embedding ---- */

/* Pixels to the device, then patches [cu_p[n], W]. */
static mm_mat project(mm_patches *e, mm_dev *d, mm_workspace *work, const mm_forward *f, int64_t *cu_p,
                      int64_t *cu_pixel, int64_t *dim)
{
    for (int i = 0; i < f->n; i++) {
        const mm_shape *s = &f->in[i].in.s;
        cu_pixel[i + 1] = cu_pixel[i] + s->dim[0] * s->dim[1];
        cu_p[i + 1] = cu_p[i] + f->grid[i].rows * f->grid[i].cols;
        dim[2 * i] = s->dim[0];
        dim[2 * i + 1] = s->dim[1];
    }
    mm_mat pixels = mm_workspace_take(work, cu_pixel[f->n], 3), patches = mm_workspace_take(work, cu_p[f->n], e->width);
    for (int i = 0; i < f->n; i++)
        mm_dev_write(d, pixels.buf, pixels.off + 3 * cu_pixel[i], f->in[i].in.data,
                     3 * (cu_pixel[i + 1] - cu_pixel[i]));
    mm_dev_conv(d, &(mm_conv_op){.x = pixels,
                                 .y = patches,
                                 .w = e->conv,
                                 .rank = 2,
                                 .n = f->n,
                                 .in_dim = dim,
                                 .cu_x = cu_pixel,
                                 .cu_y = cu_p,
                                 .stride = {e->patch, e->patch}});
    return patches;
}

/* How many images from i on have the same grid. */
static int same_grid(const mm_forward *f, int i)
{
    int n = 1;
    while (i + n < f->n && f->grid[i + n].rows == f->grid[i].rows && f->grid[i + n].cols == f->grid[i].cols)
        n++;
    return n;
}

mm_status mm_patches_embed(mm_patches *e, mm_dev *d, mm_workspace *work, mm_mat x, mm_forward *f, mm_err *err)
{
    int64_t rows = f->cu[f->n];
    size_t n = (size_t)f->n;
    int64_t *cu_p = mm_arena_zalloc(f->arena, n + 1, sizeof *cu_p);
    int64_t *cu_pixel = mm_arena_zalloc(f->arena, n + 1, sizeof *cu_pixel);
    int64_t *dim = mm_arena_zalloc(f->arena, 2 * n, sizeof *dim);
    int32_t *ids = mm_arena_alloc(f->arena, (size_t)rows * sizeof *ids);
    if (!cu_p || !cu_pixel || !dim || !ids)
        return mm_fail_memory(err);
    mm_mat patches = project(e, d, work, f, cu_p, cu_pixel, dim);

    if (e->cache && e->cache->n > CACHE_KEEPS)
        forget(e, d);
    for (int i = 0, like; i < f->n; i += like) {
        like = same_grid(f, i);
        mm_dbuf *buf = NULL;
        mm_status s = base_of(&buf, e, d, &f->grid[i], f->arena, err);
        if (s != MM_OK)
            return s;
        const int64_t own = f->cu[i + 1] - f->cu[i], all = like * own;
        for (int64_t r = 0; r < all; r++)
            ids[r] = (int32_t)(r % own);
        mm_dev_gather(d, &(mm_gather_op){.x = {buf, .ld = e->width},
                                         .y = mm_mat_at(x, f->cu[i], 0),
                                         .rows = all,
                                         .width = e->width,
                                         .ids = ids});
    }
    for (int i = 0, at = 0; i < f->n; i++)
        for (int64_t r = f->cu[i]; r < f->cu[i + 1]; r++)
            ids[r] = r - f->cu[i] < e->prefix ? -1 : at++;
    mm_dev_gather(d, &(mm_gather_op){.x = patches, .y = x, .rows = rows, .width = e->width, .ids = ids, .add = true});
    return MM_OK;
}
