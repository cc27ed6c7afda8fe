/* weight.c: parameters on the device. The host's threads convert them and arrange them in the shaders' layout in
 * staging memory: once, when a model is opened.
 *
 * Matrices: panels of 64 outputs, [panel][k][64] with k padded with zeros to a multiple of 32 (linear.glsl); f32, or
 * f16 when the device was opened with fp16 and the weight is not marked precise. For matrix units [output][k], k padded
 * to 64 (linear_coop.comp). In an int8 run linear layers have panels [panel][words + 2][64], four k a word, symmetric,
 * with a scale for each output. The scale and the sum of the output's integers follow (linear_int8.comp). Precise
 * weights and convolutions are f16. Vectors and tables: f32. */
#include "backend/vulkan/vk.h"
#include "backend/weight_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL = 64, DEPTH = 32, COOP_DEPTH = 64, INT8_DEPTH = 64 };

static mm_vk_weight *new_weight(mm_weight_kind kind, int64_t n, int64_t k)
{
    mm_vk_weight *w = calloc(1, sizeof *w);
    if (w)
        w->head = (mm_weight){.kind = kind, .n = n, .k = k};
    return w;
}

void mm_vk_weight_free(mm_dev *dev, mm_weight *weight)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    mm_vk_weight *w = (mm_vk_weight *)weight;
    mm_vk_drain(d, &d->head.failed);
    mm_vk_chunk_release(w->chunk, d);
    mm_vk_chunk_release(w->vector_chunk, d);
    free(w);
}

static mm_status give_up(mm_vk_dev *d, mm_vk_weight *w, mm_status s)
{
    if (w)
        mm_vk_weight_free(&d->head, &w->head);
    return s;
}

/* ---- vectors and tables ---- */

/* n elements of t, from `first`, as f32 to the device. */
static mm_status upload_f32(mm_vk_dev *d, const mm_vk_chunk *c, VkDeviceSize at, const mm_tensor *t, int64_t first,
                            int64_t n, mm_err *e)
{
    enum { PIECE = MM_VK_STAGE / 2 / sizeof(float) };
    for (int64_t done = 0; done < n; done += PIECE) {
        int64_t some = n - done < PIECE ? n - done : PIECE;
        VkDeviceSize bytes = (VkDeviceSize)some * sizeof(float), place;
        char *staged;
        const VkDeviceSize to = at + (VkDeviceSize)done * sizeof(float);
        mm_status s = mm_vk_fill(&staged, &place, d, c, to, bytes, e);
        if (s != MM_OK)
            return s;
        mm_to_f32((float *)staged, mm_tensor_at(t, first + done), t->s.type, some);
        if ((s = mm_vk_filled(d, place, c, to, bytes, e)) != MM_OK)
            return s;
    }
    return MM_OK;
}

static mm_status flat(mm_weight **out, mm_vk_dev *d, mm_vk_weight *w, const mm_tensor *t, bool vector, mm_err *e)
{
    if (!w)
        return mm_fail_memory(e);
    int64_t n = mm_shape_count(&t->s);
    w->bytes = (VkDeviceSize)n * sizeof(float);
    mm_status s = mm_vk_chunk_take(&w->chunk, &w->at, d, w->bytes, vector, e);
    if (s == MM_OK)
        s = upload_f32(d, w->chunk, w->at, t, 0, n, e);
    if (s != MM_OK)
        return give_up(d, w, s);
    *out = &w->head;
    return MM_OK;
}

mm_status mm_vk_vector(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    return flat(out, (mm_vk_dev *)d, new_weight(MM_WEIGHT_VECTOR, mm_shape_count(&t->s), 1), t, true, e);
}

mm_status mm_vk_table(mm_weight **out, mm_dev *d, const mm_tensor *t, mm_err *e)
{
    int64_t width = t->s.dim[t->s.rank - 1];
    return flat(out, (mm_vk_dev *)d, new_weight(MM_WEIGHT_TABLE, mm_shape_count(&t->s) / width, width), t, false, e);
}

/* ---- matrices ---- */

/* The [N,K] matrix that panels are packed from: `row` converts row n into row[k]; tmp[k] is for its own use. */
typedef struct matrix matrix;
struct matrix {
    int64_t n, k;
    const mm_linear_weight *linear;
    const mm_conv_weight *conv;
    void (*row)(const matrix *m, int64_t n, float *row, float *tmp);
};

static void linear_row(const matrix *m, int64_t n, float *row, float *tmp)
{
    (void)tmp;
    const mm_tensor *t = mm_part_of(m->linear->w, m->linear->parts, m->linear->transposed, &n);
    if (!m->linear->transposed) {
        mm_to_f32(row, mm_tensor_at(t, n * m->k), t->s.type, m->k);
        return;
    }
    for (int64_t k = 0; k < m->k; k++)
        mm_to_f32(row + k, mm_tensor_at(t, k * t->s.dim[1] + n), t->s.type, 1);
}

static void conv_row(const matrix *m, int64_t n, float *row, float *tmp)
{
    const mm_tensor *t = &m->conv->w;
    const int64_t channels = t->s.dim[1], taps = m->k / channels;
    mm_to_f32(tmp, mm_tensor_at(t, n * m->k), t->s.type, m->k);
    mm_channels_last(row, tmp, channels, taps);
}

typedef struct {
    const matrix *m;
    const mm_vk_weight *w;
    char *to;              /* staged panels */
    int64_t first, panels; /* panel of the first; panels of a group */
    int64_t per_group;     /* outputs */
    bool failed;
} pack_job;

static void put(const mm_vk_weight *w, char *panel, int64_t k, int lane, float v)
{
    const int64_t at = w->rows ? lane * w->padded + k : k * PANEL + lane;
    if (w->half)
        ((uint16_t *)panel)[at] = mm_f32_to_f16(v);
    else
        ((float *)panel)[at] = v;
}

/* An output's integers, their scale and their sum. */
static void put_int8(const mm_vk_weight *w, char *panel, int64_t k, int lane, const float *row)
{
    const int64_t words = mm_vk_int8_words(w);
    float most = 0;
    int32_t sum = 0;
    for (int64_t i = 0; i < k; i++)
        most = fmaxf(most, fabsf(row[i]));
    const float inv = most > 0 ? 127.0f / most : 0, scale = most / 127.0f;
    for (int64_t i = 0; i < k; i++) {
        const int8_t q = (int8_t)lrintf(row[i] * inv);
        panel[(i / 4 * PANEL + lane) * 4 + i % 4] = (char)q;
        sum += q;
    }
    memcpy(panel + (words * PANEL + lane) * 4, &scale, 4);
    memcpy(panel + ((words + 1) * PANEL + lane) * 4, &sum, 4);
}

static void pack_panel(void *ctx, int i, int worker)
{
    (void)worker;
    pack_job *j = ctx;
    const int64_t panel = (j->first + i) % j->panels, group = (j->first + i) / j->panels, k = j->m->k;
    const size_t bytes = (size_t)(j->w->padded * PANEL * mm_vk_weight_size(j->w));
    /* assembled apart: device memory may be slow to write out of order */
    float *row = malloc(2 * (size_t)k * sizeof *row + bytes);
    if (!row) {
        __atomic_store_n(&j->failed, true, __ATOMIC_RELAXED);
        return;
    }
    char *to = (char *)(row + 2 * k);
    memset(to, 0, bytes);
    for (int lane = 0; lane < PANEL && panel * PANEL + lane < j->per_group; lane++) {
        j->m->row(j->m, group * j->per_group + panel * PANEL + lane, row, row + k);
        if (j->w->int8)
            put_int8(j->w, to, k, lane, row);
        else
            for (int64_t x = 0; x < k; x++)
                put(j->w, to, x, lane, row[x]);
    }
    memcpy(j->to + (size_t)i * bytes, to, bytes);
    free(row);
}

/* As many panels at a time as staging memory holds. */
static mm_status upload_panels(mm_vk_dev *d, mm_vk_weight *w, const matrix *m, int64_t groups, mm_err *e)
{
    pack_job j = {.m = m, .w = w, .per_group = m->n / groups};
    j.panels = (j.per_group + PANEL - 1) / PANEL;
    const int64_t bytes = w->padded * PANEL * mm_vk_weight_size(w), all = j.panels * groups, fit = MM_VK_STAGE / bytes;
    if (fit < 1)
        return mm_fail(e, MM_FATAL, "vulkan: a matrix of %lld inputs is too wide for this device", (long long)m->k);
    for (j.first = 0; j.first < all; j.first += fit) {
        const int64_t n = all - j.first < fit ? all - j.first : fit;
        const VkDeviceSize at = w->at + (VkDeviceSize)(j.first * bytes), size = (VkDeviceSize)(n * bytes);
        VkDeviceSize place;
        mm_status s = mm_vk_fill(&j.to, &place, d, w->chunk, at, size, e);
        if (s != MM_OK)
            return s;
        mm_threads_run(d->head.pool, (int)n, pack_panel, &j);
        if (j.failed)
            return mm_fail_memory(e);
        if ((s = mm_vk_filled(d, place, w->chunk, at, size, e)) != MM_OK)
            return s;
    }
    return MM_OK;
}

static mm_status upload_matrix(mm_vk_dev *d, mm_vk_weight *w, const matrix *m, int64_t groups, bool precise, mm_err *e)
{
    const bool int8 = d->head.precision == MM_PREC_INT8;
    w->int8 = int8 && !precise && m->linear && (d->paths & MM_VK_INT8);
    w->half = int8 ? !w->int8 : d->head.precision == MM_PREC_FP16 && !precise;
    w->depth = m->k;
    w->rows = w->half && (d->paths & (MM_VK_COOPMAT | MM_VK_COOPBIG));
    w->padded =
        w->int8 ? mm_vk_round(m->k, INT8_DEPTH) + MM_VK_INT8_TAIL : mm_vk_round(m->k, w->rows ? COOP_DEPTH : DEPTH);
    w->group_bytes = mm_vk_round(m->n / groups, PANEL) * w->padded * mm_vk_weight_size(w);
    w->bytes = (VkDeviceSize)(w->group_bytes * groups);
    mm_status s = mm_vk_chunk_take(&w->chunk, &w->at, d, w->bytes, false, e);
    return s == MM_OK ? upload_panels(d, w, m, groups, e) : s;
}

static mm_status upload_bias(mm_vk_dev *d, mm_vk_weight *w, const mm_tensor *bias, const int64_t *n, int parts,
                             mm_err *e)
{
    bool any = false;
    for (int i = 0; i < parts; i++)
        any = any || bias[i].data;
    if (!any)
        return MM_OK;
    mm_status s = mm_vk_chunk_take(&w->vector_chunk, &w->bias_at, d, (VkDeviceSize)w->head.n * sizeof(float), true, e);
    float *all = s == MM_OK ? calloc((size_t)w->head.n, sizeof *all) : NULL;
    if (s == MM_OK && !all)
        s = mm_fail_memory(e);
    int64_t at = 0;
    for (int i = 0; s == MM_OK && i < parts; at += n[i], i++)
        if (bias[i].data)
            mm_to_f32(all + at, bias[i].data, bias[i].s.type, n[i]);
    if (s == MM_OK)
        s = upload_f32(d, w->vector_chunk, w->bias_at, &(mm_tensor){{MM_F32, 1, {w->head.n}}, all}, 0, w->head.n, e);
    free(all);
    return s;
}

mm_status mm_vk_linear_weight(mm_weight **out, mm_dev *dev, const mm_linear_weight *lw, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    int64_t n[MM_MAX_PARTS], all = 0;
    for (int i = 0; i < lw->parts; i++)
        all += n[i] = mm_part_outputs(&lw->w[i], lw->transposed);
    const matrix m = {.n = all, .k = lw->w[0].s.dim[lw->transposed ? 0 : 1], .linear = lw, .row = linear_row};
    mm_vk_weight *w = new_weight(MM_WEIGHT_LINEAR, m.n, m.k);
    if (!w)
        return mm_fail_memory(e);
    mm_status s = upload_matrix(d, w, &m, 1, lw->precise, e);
    if (s == MM_OK)
        s = upload_bias(d, w, lw->bias, n, lw->parts, e);
    if (s != MM_OK)
        return give_up(d, w, s);
    *out = &w->head;
    return MM_OK;
}

mm_status mm_vk_conv_weight(mm_weight **out, mm_dev *dev, const mm_conv_weight *cw, mm_err *e)
{
    mm_vk_dev *d = (mm_vk_dev *)dev;
    const mm_shape *s = &cw->w.s;
    mm_vk_weight *w = new_weight(MM_WEIGHT_CONV, s->dim[0], s->dim[1]);
    if (!w)
        return mm_fail_memory(e);
    w->head.groups = cw->groups;
    w->head.rank = s->rank - 2;
    matrix m = {.n = s->dim[0], .k = s->dim[1], .conv = cw, .row = conv_row};
    for (int r = 0; r < w->head.rank; r++)
        m.k *= w->head.kernel[r] = s->dim[2 + r];
    mm_status st = upload_matrix(d, w, &m, cw->groups, cw->precise, e);
    if (st == MM_OK)
        st = upload_bias(d, w, &cw->bias, &m.n, 1, e);
    if (st != MM_OK)
        return give_up(d, w, st);
    *out = &w->head;
    return MM_OK;
}
